"""Files that are whole or not there, and the folder for what can be made again."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import platformdirs


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a new file that takes the place of ``path``, at once and whole, when the block ends well.

    The file is on the disk, not only in the system's memory, before it gets its name. If anything fails, ``path``
    stays as it was.

    Raises:
      OSError: the file cannot be written; names ``path``, and not the file that it is made in.
    """
    target = Path(path)
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except BaseException as error:
        with contextlib.suppress(OSError):  # what made the writing fail may make this fail, too
            unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(unfinished):
            raise OSError(error.errno, error.strerror, str(target)) from None
        raise


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Replaces a file by a whole new one, or leaves it as it was.

    Raises:
      OSError: the file cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


def cache_folder() -> Path:
    """Returns the folder where this user's programs keep what they can make again.

    It is the one that the platform names; without a home directory, a folder below the temporary one. It may not exist.
    """
    with contextlib.suppress(RuntimeError):  # no home directory
        folder = platformdirs.user_cache_path("wavenet_jax", appauthor=False)
        if folder.is_absolute():
            return folder
    home = Path(os.path.expanduser("~"))  # a relative XDG_CACHE_HOME is to be ignored
    if home.is_absolute():
        return home / ".cache" / "wavenet_jax"
    user = os.getuid() if hasattr(os, "getuid") else "user"  # no home, as in some containers and batch systems
    return Path(tempfile.gettempdir()) / f"wavenet_jax-{user}"
