"""What a hostile browser sends: the corpus of bad files, and names that no careful program gives."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.data import bad_files

HOSTILE_NAMES = (
    "../../../../etc/passwd.wav",
    "/etc/passwd.wav",
    "C:\\Windows\\system.wav",
    "x <img src=x onerror=alert(1)> $x$ **bold** [a](javascript:alert(1)).wav",
    "--workdir=x; rm -rf $HOME `id`.wav",
    "\u202egnp.wav",
    ".wav",
    f"{'long' * 60}.wav",
)

# The audit's judgement of something to learn from; one may want to go on from it all the same.
_JUDGED = ("shorter", "far beyond full scale", "is silent", "channels cancel")


class Sent(NamedTuple):
    """A file, and what is expected of it."""

    name: str
    data: bytes
    reason: str | None
    """Part of the reason for which it is refused; None: it is used."""


def files() -> list[Sent]:
    """The cases of the corpus that a browser can send, names and all."""
    sent = []
    for case in bad_files.cases():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / case.name
            case.make(path)
            if path.is_file() and not path.is_symlink() and case.name.isprintable():
                refused = case.reason is not None and not case.reason.startswith(_JUDGED)
                sent.append(Sent(case.name, path.read_bytes(), case.reason if refused else None))
    return sent
