"""Places that hold recordings besides local folders: tar archives, and file systems that fsspec opens by a URL.

What lies there has a size, a version and bytes, but no path: it is copied to a temporary file while it is decoded, and
read from the cache of decoded audio ever after. Local archives need nothing else installed.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from wavenet_jax.audio.files import AudioFileError, show
from wavenet_jax.data.files.cache import CacheFolder
from wavenet_jax.storage import write_whole

ARCHIVE = ".tar"
"""Lower-case end of the names of archives that are read as folders; compressed ones cannot be read in pieces."""

_VERSION_KEYS = ("etag", "mtime", "lastmodified", "last_modified", "updated", "generation", "blob_id", "created")
_BLOCK = 1 << 20
_HEADERS_BYTES = 1 << 16
"""Read at once in an archive elsewhere, where its headers lie between the recordings."""


class Found(NamedTuple):
    """An audio file below a folder, or in another place."""

    path: str
    """Or its URL; of a file in an archive as fsspec writes it, ``tar://NAME::ARCHIVE``."""
    name: str
    """Relative to the folder, with slashes; bytes that are not UTF-8 as Python's surrogate escapes."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change of the content (of a local archive), in nanoseconds; elsewhere a hash of what the file
    system states of the version."""
    ctime_ns: int
    """Time of the last change of the file's entry, in nanoseconds; no program can set it back."""
    problem: str | None = None
    """The reason why the file system does not give it."""
    archive: str | None = None
    """Path or URL of the archive that holds it."""
    offset: int = 0
    """Bytes of the archive before its content."""

    @property
    def is_local(self) -> bool:
        """True if it has a path of its own, and can be read in place."""
        return not is_url(self.path)


def is_url(place: str) -> bool:
    """Returns True if fsspec is to open the place."""
    return "://" in place


def is_archive(place: str) -> bool:
    """Returns True if the place is an archive by its name."""
    return place.lower().endswith(ARCHIVE)


def resolved(place: str) -> str:
    """Returns the one name of a place: links resolved, or a URL without a slash at its end."""
    return place.rstrip("/") if is_url(place) else os.path.realpath(place)


def expanded(place: str | os.PathLike[str]) -> str:
    """Returns a place with ``~`` replaced by the home folder."""
    text = os.fspath(place)
    return text if is_url(text) else str(Path(text).expanduser())


def absolute(place: str | os.PathLike[str]) -> str:
    """Returns a place that means the same from any working directory."""
    text = expanded(place)
    return text if is_url(text) else str(Path(text).absolute())


def joined(place: str, name: str) -> str:
    """Returns the path of a file by its name relative to a place."""
    if is_archive(place):
        return f"tar://{name}::{place}"
    return f"{place.rstrip('/')}/{name}" if is_url(place) else os.path.join(place, name)


def entries_of(place: str, keeping: CacheFolder) -> list[Found]:
    """Lists all files of a URL, with those in its archives.

    Args:
      place: a URL.
      keeping: where the contents of archives elsewhere are kept, which take long to list.

    Raises:
      ValueError: it cannot be listed; the message says why.
    """
    system, root = _system(place)
    with _refusing(place):
        found = cast(Mapping[str, Mapping[str, Any]], system.find(root, detail=True))
    if not found:
        raise ValueError(f"data_dir must be a folder, and there is none at {show(place)}; check the URL")
    if is_archive(place) and list(found) == [root]:
        return _members("", place, found[root], keeping)
    result = []
    for location, facts in found.items():
        name = location[len(root) :].lstrip("/") if location.startswith(root) else location
        path = joined(place, name)
        if is_archive(name):
            try:
                result += _members(f"{name}/", path, facts, keeping)
            except ValueError as error:
                result.append(Found(path, name, 0, 0, 0, str(error)))
        else:
            result.append(Found(path, name, int(facts["size"] or 0), *_version(facts)))
    return result


def members_of(archive: str, prefix: str = "") -> list[Found]:
    """Lists the files of a local archive, with a prefix before their names.

    Raises:
      AudioFileError: it cannot be read as one.
    """
    try:
        status = os.stat(archive)
        with open(archive, "rb") as file:
            members = _headers(file)
    except (OSError, tarfile.TarError) as error:
        raise AudioFileError(f"cannot be read as a tar archive: {error}") from None
    version = (status.st_mtime_ns, status.st_ctime_ns)
    return [_member(prefix, archive, version, *member) for member in members]


@contextmanager
def local(file: Found) -> Iterator[str]:
    """Gives a path at which a file can be read as long as the block lasts: its own, or that of a temporary copy.

    Raises:
      AudioFileError: it cannot be fetched, or has another size.
    """
    if file.is_local:
        yield file.path
        return
    try:
        handle, name = tempfile.mkstemp(os.path.splitext(file.name)[1], "wavenet_jax-")
    except OSError as error:
        raise ValueError(f"{tempfile.gettempdir()} cannot be written to ({error.strerror}); free space") from None
    try:
        with os.fdopen(handle, "wb") as copy:
            try:
                _fetch(file, copy)
            except Exception as error:  # file systems raise what their libraries raise
                raise AudioFileError(f"cannot be fetched: {_first_line(error)}") from None
            if copy.tell() != file.size:
                raise AudioFileError(f"has {copy.tell():,} bytes instead of {file.size:,}")
        yield name
    finally:
        with suppress(OSError):
            os.unlink(name)


def exists(path: str) -> bool:
    """Returns True if there is a small file that ``read_bytes`` reads."""
    if not is_url(path):
        return os.path.isfile(path)
    try:
        read_bytes(path)
    except OSError:
        return False
    return True


def read_bytes(path: str) -> bytes:
    """Reads a small file whole, as a table: a local one, or one by its URL, or in an archive (``tar://NAME::ARCHIVE``).

    Raises:
      OSError: it cannot be read.
    """
    if not is_url(path):
        return Path(path).read_bytes()
    name, _, archive = path.removeprefix("tar://").partition("::")
    if not archive:
        system, location = _system(path)
        try:
            return bytes(system.cat_file(location))
        except OSError:
            raise
        except Exception as error:  # file systems raise what their libraries raise
            raise OSError(_first_line(error)) from None
    members = entries_of(archive, CacheFolder.of(None)) if is_url(archive) else members_of(archive)
    for member in members:
        if member.name == name:
            with local(member) as copy:
                return Path(copy).read_bytes()
    raise FileNotFoundError(2, "No such file in the archive", path)


def _fetch(file: Found, copy: IO[bytes]) -> None:
    if file.archive is None:
        system, location = _system(file.path)
        with system.open(location, "rb", cache_type="readahead") as content:
            shutil.copyfileobj(content, copy, _BLOCK)
    elif is_url(file.archive):
        system, location = _system(file.archive)
        copy.write(system.cat_file(location, start=file.offset, end=file.offset + file.size))
    else:
        with open(file.archive, "rb") as content:
            content.seek(file.offset)
            left = file.size
            while left and (block := content.read(min(left, _BLOCK))):
                copy.write(block)
                left -= len(block)


def _members(prefix: str, archive: str, facts: Mapping[str, Any], keeping: CacheFolder) -> list[Found]:
    """The files of an archive elsewhere, from its list in the cache folder where it has not changed since."""
    version, size = _version(facts), int(facts["size"] or 0)
    key = hashlib.blake2b(repr((archive, size, version)).encode(), digest_size=20).hexdigest()
    name = f"archives/{key}.json"
    for folder in keeping.readable:
        with suppress(OSError, ValueError, TypeError):  # a damaged list is made again
            return [_member(prefix, archive, version, *row) for row in json.loads((folder / name).read_bytes())]
    system, location = _system(archive)
    with _refusing(archive), system.open(location, "rb", block_size=_HEADERS_BYTES) as file:
        rows = _headers(file)
    if keeping.lasts:
        path = keeping.writable() / name
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(rows).encode())
    return [_member(prefix, archive, version, *row) for row in rows]


def _headers(file: IO[bytes]) -> list[tuple[str, int, int]]:
    """Name, place and size of each regular file of an archive."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        return [(_plain(member.name), member.offset_data, member.size) for member in archive if member.isreg()]


def _member(prefix: str, archive: str, version: tuple[int, int], name: str, offset: int, size: int) -> Found:
    return Found(f"tar://{name}::{archive}", prefix + name, size, *version, None, archive, offset)


def _plain(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name


def _version(facts: Mapping[str, Any]) -> tuple[int, int]:
    by_key = {key.lower(): value for key, value in facts.items()}
    stated = [(key, str(by_key[key])) for key in _VERSION_KEYS if by_key.get(key)]
    digest = hashlib.blake2b(repr((facts.get("size"), stated)).encode(), digest_size=7).digest()
    return int.from_bytes(digest), 0


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path on it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ValueError(f'{show(url)} needs fsspec; pip install "wavenet-jax[remote]"') from None
    try:
        return cast(tuple[Any, str], url_to_fs(url))
    except ImportError as error:
        raise ValueError(f"{show(url)} cannot be opened: {_first_line(error)}") from None
    except ValueError as error:
        raise ValueError(f"{show(url)} cannot be opened: {_first_line(error)}; check the URL") from None


@contextmanager
def _refusing(place: str) -> Iterator[None]:
    """Turns whatever a file system raises into a ``ValueError`` of one line."""
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"data_dir must be a folder, and there is none at {show(place)}; check the URL") from None
    except tarfile.TarError as error:
        raise ValueError(f"{show(place)} cannot be read as a tar archive: {error}") from None
    except Exception as error:
        raise ValueError(f"{show(place)} cannot be listed: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
