"""What can happen to a data folder while it is used; for tests of reading and of training."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from wavenet_jax.audio.wav import write_wav

RATE = 16_000
FILES = 8

Damage = Callable[[Path, np.random.Generator], None]


def deleted(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        path.unlink()


def truncated(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        os.truncate(path, int(draw.integers(0, path.stat().st_size)))


def overwritten(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        with open(path, "r+b") as file:
            file.seek(int(draw.integers(0, path.stat().st_size)))
            file.write(draw.bytes(500))


def replaced(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        rate = int(draw.choice([8_000, RATE]))
        write_wav(path, draw.uniform(-0.5, 0.5, int(draw.integers(1, 9_000))), rate)


def emptied(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        path.write_bytes(b"")


def turned_into_something_else(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        path.unlink()
        [path.mkdir, lambda p=path: os.mkfifo(p), lambda p=path: p.symlink_to(p.name)][draw.integers(3)]()


def unreadable(folder: Path, draw: np.random.Generator) -> None:
    for path in _some(folder, draw):
        path.chmod(0)  # root reads on, and that is fine, too


def offline(folder: Path, draw: np.random.Generator) -> None:
    folder.rename(folder.with_name("offline"))


def without_a_cache(folder: Path, draw: np.random.Generator) -> None:
    cache = Path(os.environ["XDG_CACHE_HOME"])
    cache.rename(cache.with_name("moved"))
    if draw.random() < 0.5:
        with contextlib.suppress(OSError):  # it is there again already
            cache.write_text("in the way")


def with_a_damaged_cache(folder: Path, draw: np.random.Generator) -> None:
    for path in Path(os.environ["XDG_CACHE_HOME"]).rglob("*.pcm"):
        os.truncate(path, int(draw.integers(0, path.stat().st_size)))


DAMAGES: tuple[Damage, ...] = (
    deleted, truncated, overwritten, replaced, emptied, turned_into_something_else, unreadable, offline,
    without_a_cache, with_a_damaged_cache,
)  # fmt: skip


def _some(folder: Path, draw: np.random.Generator) -> Iterator[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    yield from (paths[number] for number in draw.permutation(len(paths))[: draw.integers(1, len(paths) + 1)])


def make(folder: Path) -> None:
    """Files that are read in place, and files that are decoded."""
    forms = [("wav", RATE), ("flac", RATE), ("wav", 8_000), ("ogg", RATE), ("mp3", RATE)]
    for number in range(FILES):
        extension, rate = forms[number % len(forms)]
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 6_000)
        (folder / extension).mkdir(exist_ok=True)
        soundfile.write(folder / extension / f"c{number}.{extension}", noise, rate)
