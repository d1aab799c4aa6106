"""Which recording a file was cut from, judging by its name.

Pieces of one recording sound alike. With some of them to learn from and others to judge by, a model
that knows the recording seems to know the class.
"""

import re
from pathlib import PurePath

GROUPINGS = ("name", "file")
# The name without folder and extension; the recording is what stands in brackets.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\d-(\d+)-[A-Z](?:-\d+)?",  # ESC-50: 1-100038-A-14
        r"(\d+)-\d-\d+-\d+",  # UrbanSound8K: 100032-3-0-0
        r"(.+)_\d{1,3}",  # numbered pieces: rec_000, rec_001
    )
)
# As the app names what it cuts: dog 0:03-0:07, or saved dog_0_03-0_07, and the find at 12.00 s.
_CUT = re.compile(r"(.+?)[ _](?:{0}-{0}|\d+\.\d\d s)".format(r"\d{1,3}[:_]\d\d(?:[._]\d\d)?"))


def recording_of(file: str, group_by: str = "name") -> str:
    """The recording that a file is from.

    Parameters
    ----------
    file : a path; its folders count only where the file is a recording of its own
    group_by : a name of `GROUPINGS`: "name", or "file" where each is a recording of its own
    """
    if group_by != "name":
        return file
    stem = PurePath(file).stem
    cut = _CUT.fullmatch(stem)
    whole = cut.group(1) if cut else stem
    for pattern in _PATTERNS:
        if found := pattern.fullmatch(whole):
            return found.group(1)
    return whole if cut else file
