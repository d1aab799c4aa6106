"""Uploaded files on their way from Streamlit to the clips: all of them together have a limit.

Streamlit limits each file, not their sum, and keeps every upload until its session ends.
"""

from __future__ import annotations

from collections.abc import Iterable

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from audioset_demo.views import clips
from audioset_demo.views.clips import MAX_HELD_BYTES, MAX_KEPT_BYTES, held_bytes
from audioset_demo.views.names import first_of

TOO_MUCH, NO_ROOM = "application/x-too-much", "application/x-no-room"
REFUSALS = {
    TOO_MUCH: f"Files opened together may have {MAX_KEPT_BYTES >> 20} MB. Open the others by "
    "themselves.",
    NO_ROOM: f"This server holds at most {MAX_HELD_BYTES >> 20} MB of sounds for all its visitors, "
    "and has no room now. Open a smaller file, or try again later.",
}


class LimitedUploads(MemoryUploadedFileManager):
    """Uploads that no run has taken yet.

    In place of a file that is beyond the limits, an empty one is kept, whose type says so.
    """

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        size = len(file.data)
        own = _n_bytes(self.file_storage[session_id].values())
        if own + size > MAX_KEPT_BYTES:
            file = file._replace(data=b"", type=TOO_MUCH)
        elif not self.has_room(size):
            file = file._replace(data=b"", type=NO_ROOM)
        super().add_file(session_id, file)

    def has_room(self, size: int) -> bool:
        """Whether this server may hold so many bytes more."""
        of_all = sum(_n_bytes(files.values()) for files in list(self.file_storage.values()))
        return of_all + held_bytes() + size <= MAX_HELD_BYTES


def _n_bytes(files: Iterable[UploadedFileRec]) -> int:
    return sum(len(file.data) for file in list(files))


def limit() -> None:
    """Limit the uploads of this server, for which Streamlit has no setting."""
    _place()[0].__class__ = LimitedUploads


def open_made(name: str, data: bytes) -> None:
    """Open a sound that this server itself made, if it has room for it."""
    if why := refusal(len(data)):
        clips.offer(errors=[f"Not opened: {name}. {why}"])
    else:
        clips.offer(clips.from_file(name, data))


def refusal(size: int) -> str:
    """Why a sound of so many bytes, made by the server itself, is not taken; empty: it is."""
    manager = _place()[0]
    assert isinstance(manager, LimitedUploads)
    return "" if manager.has_room(size) else REFUSALS[NO_ROOM]


def waiting(files: Iterable[object]) -> list[UploadedFile]:
    """Those of a widget's files that no run has taken: Streamlit may call for one twice."""
    return [file for file in files if isinstance(file, UploadedFile)]


def take(files: list[UploadedFile]) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Names and bytes of uploaded files, which leave Streamlit; and why others were refused."""
    manager, session_id = _place()
    for file in files:
        manager.remove_file(session_id, file.file_id)
    refused = []
    for reason, why in REFUSALS.items():
        if names := [file.name for file in files if file.type == reason]:
            refused.append(f"Not opened: {first_of(names)}. {why}")
    return [(file.name, file.getvalue()) for file in files if file.type not in REFUSALS], refused


def _place() -> tuple[MemoryUploadedFileManager, str]:
    """Where this session's uploads are."""
    context = get_script_run_ctx()
    assert context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager)
    return context.uploaded_file_mgr, context.session_id
