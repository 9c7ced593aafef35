"""Feeds mutated audio files to a folder source, in a process with little memory.

    python -m tests.data.fuzz --seconds=300 [--seed=0]

Prints one JSON object: files tried, used, skipped, the slowest batch of 16 files in seconds, peak memory in MiB. A
crash, a hang of 30 s, an exception, or more than 2 GiB of address space ends it at once with an exit code other than 0.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.data import bad_files
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, collect

FORMS = [
    (".wav", "WAV", "PCM_16"), (".wav", "WAV", "PCM_24"), (".wav", "WAV", "FLOAT"), (".wav", "WAV", "ULAW"),
    (".wav", "WAV", "IMA_ADPCM"), (".wav", "WAV", "MS_ADPCM"), (".flac", "FLAC", "PCM_16"), (".flac", "FLAC", "PCM_24"),
    (".ogg", "OGG", "VORBIS"), (".opus", "OGG", "OPUS"), (".mp3", "MP3", "MPEG_LAYER_III"), (".aiff", "AIFF", "PCM_16"),
    (".caf", "CAF", "PCM_16"), (".caf", "CAF", "ALAC_16"), (".au", "AU", "PCM_16"), (".rf64", "RF64", "PCM_16"),
    (".w64", "W64", "PCM_16"),
]  # fmt: skip

_BATCH = 16
_HANG_SECONDS = 30
_ADDRESS_SPACE = 2 << 30
_MODEL = WaveNetConfig(dilation_cycle=(1, 2, 4, 8))
_NUMBERS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80"]


class Seed(NamedTuple):
    """A sound file to be mutated."""

    extension: str
    data: bytes


def seeds() -> list[Seed]:
    """A sound in two channels, in every form."""
    sound = np.stack([bad_files.tone(), bad_files.tone()[::-1]], axis=1)
    return [Seed(extension, bad_files.encoded(sound, form, subtype)) for extension, form, subtype in FORMS]


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The same with some bytes replaced, cut out, repeated or inserted, most often near the start."""
    for _ in range(draw.choice([1, 1, 2, 4, 16, 64])):
        place = draw.randrange(min(len(data), 200) if draw.random() < 0.7 else len(data))
        match draw.randrange(6):
            case 0 | 1:
                data = bad_files.patched(data, place, draw.randbytes(1))
            case 2:
                data = bad_files.patched(data, place, draw.choice(_NUMBERS))
            case 3:
                data = data[:place] + data[place + draw.randrange(1, 300) :]
            case 4:
                data = data[:place] + draw.randbytes(draw.randrange(1, 50)) + data[place:]
            case 5:
                data = data[:place] + data[place // 2 :][: draw.randrange(1, 500)] + data[place:]
        data = data or b"\0"
    return data


def check(folder: Path, cache: Path) -> Counter[str | None]:
    """Opens a folder and reads a crop from each file that is used; returns how often each problem was found."""
    data = DataConfig(data_dir=(str(folder),), validation_fraction=0.0, cache_dir=str(cache))
    collection = collect(data, _MODEL)
    source = collection.split("train")
    for clip in range(len(source)):
        _check_pieces(source, clip)
    return Counter(recording.problem for recording in collection.recordings)


def _check_pieces(source: FolderSource, clip: int) -> None:
    length = int(source.lengths[clip])
    for start in {0, length // 2, max(0, length - 4_000)}:
        stop = min(start + 4_000, length)
        piece = source.read(clip, start, stop)
        assert piece.shape == (stop - start,)
        assert np.isfinite(piece).all()
        assert np.abs(piece).max(initial=0) <= 1


def run_limited(seconds: float, seed: int = 0) -> dict:
    """Fuzzes in a process of its own, with limited memory; returns its figures.

    Raises:
      subprocess.CalledProcessError: it crashed, hung or raised.
    """
    command = [sys.executable, "-m", "tests.data.fuzz", f"--seconds={seconds}", f"--seed={seed}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    # Decoders write to standard output, too.
    (figures,) = [line for line in done.stdout.splitlines() if line.startswith(b"{")]
    return json.loads(figures)


def main(seconds: float, seed: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    draw = random.Random(seed)
    sounds = seeds()
    problems: Counter[str | None] = Counter()
    slowest = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        signal.alarm(_HANG_SECONDS)
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "files"
            folder.mkdir()
            for number in range(_BATCH):
                sound = draw.choice(sounds)
                (folder / f"{number}{sound.extension}").write_bytes(mutated(sound.data, draw))
            problems += check(folder, Path(place) / "cache")
        slowest = max(slowest, time.monotonic() - began)
    used = problems.pop(None)
    figures = {
        "files": used + problems.total(),
        "used": used,
        "skipped": problems.total(),
        "reasons": len(problems),
        "slowest_batch_seconds": round(slowest, 2),
        "peak_mib": _peak_mib(),
    }
    print(json.dumps(figures))


def _peak_mib() -> int:
    """Most memory that this process held. (``getrusage`` would count that of the process it was forked from, too.)"""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1_024)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
