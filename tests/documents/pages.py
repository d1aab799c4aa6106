"""README and docs as the steps of a reader: their commands and their Python, in order."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command on one line, without its comment, or a block of Python."""

    text: str
    is_python: bool = False

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


def steps(page: Path) -> list[Step]:
    """What blocks without a language and those of `sh` and `python` hold."""
    found = []
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            found.append(Step(block, is_python=True))
        elif language in ("", "sh"):
            lines = (without_comment(line) for line in block.replace("\\\n", " ").splitlines())
            found += [Step(line) for line in lines if line]
    return found


def without_comment(line: str) -> str:
    return re.sub(r"(^|\s+)#.*", "", line).strip()


def of_train(words: list[str]) -> list[str] | None:
    """What a command gives to `python -m train`, also through torchrun; None: it is another."""
    if words[0] not in ("python", "torchrun") or "train" not in words:
        return None
    place = words.index("train")
    return words[place + 1 :] if words[place - 1] == "-m" else None
