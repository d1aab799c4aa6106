"""Sounds and downloads that a page shows stay with the server until the page shows others.

Streamlit deletes a file at the end of the first run that does not show it: the browser may be
about to ask for it, as it still draws the former run. If that run breaks off for another one, or
takes long while another visitor's run ends, the file is deleted although it is on the page.
"""

from __future__ import annotations

from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx


class LastingMedia(MediaFileManager):
    """Files stay until the run after the first complete one that does not show them."""

    def clear_session_refs(self, session_id: str | None = None) -> None:
        """Begin a run of this session; with an identity, end that session."""
        if session_id is not None:
            self._former_files().pop(session_id, None)
        elif context := get_script_run_ctx(suppress_warning=True):
            former, complete = self._former_files().get(context.session_id, (set(), True))
            shown = set(self._files_by_session_and_coord.get(context.session_id, {}).values())
            self._former_files()[context.session_id] = shown if complete else former | shown, False
        super().clear_session_refs(session_id)

    def complete(self, session_id: str) -> None:
        """The current run of this session has shown all its files."""
        former, _ = self._former_files().get(session_id, (set(), True))
        self._former_files()[session_id] = former, True

    def _get_inactive_file_ids(self) -> set[str]:
        former = (files for files, _ in list(self._former_files().values()))
        return super()._get_inactive_file_ids().difference(*former)

    def _former_files(self) -> dict[str, tuple[set[str], bool]]:
        """By session, files of its former runs, and whether its current run is complete."""
        return self.__dict__.setdefault("_former", {})


def keep() -> None:
    """Let files stay; called at the beginning of each run, as Streamlit has no setting for it."""
    runtime.get_instance().media_file_mgr.__class__ = LastingMedia


def complete() -> None:
    """Say that this run has shown all its files; called at its end."""
    context, manager = get_script_run_ctx(), runtime.get_instance().media_file_mgr
    assert context and isinstance(manager, LastingMedia)
    manager.complete(context.session_id)
