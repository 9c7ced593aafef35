"""Makes a folder of files that no careful program writes, and says what should become of each.

python -m tests.data.bad_files FOLDER
"""

import io
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

RATE = 16_000
SAMPLES = 8_000

UNREADABLE = "is not readable audio"


class Case(NamedTuple):
    """A file, and what is expected of it."""

    name: str
    make: Callable[[Path], None]
    reason: str | None
    """Part of the reason for which it is skipped; None: it is used."""


def tone(samples: int = SAMPLES) -> np.ndarray:
    """Half a second of a sine with some noise: float ``[T]``."""
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, samples)
    return 0.5 * np.sin(2 * np.pi * 440 / RATE * np.arange(samples)) + noise


def encoded(waveform: np.ndarray, form: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    """The bytes of an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def patched(data: bytes, offset: int, patch: bytes) -> bytes:
    """The same with some bytes replaced."""
    return data[:offset] + patch + data[offset + len(patch) :]


def _bytes(data: bytes) -> Callable[[Path], None]:
    return lambda path: _write(path, data)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _forbidden(path: Path) -> None:
    path.write_bytes(encoded(tone()))
    path.chmod(0)


def _linked_folder(path: Path) -> None:
    path.mkdir()
    (path / "again").symlink_to(path)
    (path / "up").symlink_to(path.parent)
    (path / "inside.wav").write_bytes(encoded(tone()))


def _named(path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(path.parent), name), "wb") as file:
        file.write(encoded(tone()))


def _flac_claiming(frames: int) -> bytes:
    """A FLAC file whose header claims another length: the low 36 bits of its eight bytes from 18 on."""
    data = encoded(tone(), "FLAC")
    (word,) = struct.unpack(">Q", data[18:26])
    return patched(data, 18, struct.pack(">Q", word >> 36 << 36 | frames))


def cases() -> list[Case]:
    """All cases; offsets are those of the 44 bytes in front of a WAV file's samples."""
    sound = tone()
    wav, flac, mp3 = encoded(sound), encoded(sound, "FLAC"), encoded(sound, "MP3", "MPEG_LAYER_III")
    vorbis, opus = encoded(sound, "OGG", "VORBIS"), encoded(sound, "OGG", "OPUS")
    aiff, caf = encoded(sound, "AIFF"), encoded(sound, "CAF")
    random = np.random.default_rng(1).bytes(20_000)
    with_nan, with_infinity = sound.copy(), sound.copy()
    with_nan[4_000], with_infinity[4_000] = np.nan, np.inf
    root = os.geteuid() == 0
    return [
        Case("empty.wav", _bytes(b""), "is empty"),
        Case("one_byte.wav", _bytes(b"R"), UNREADABLE),
        Case("text.wav", _bytes(b"This is not a sound.\n" * 100), UNREADABLE),
        Case("zip.wav", _bytes(b"PK\x03\x04" + random), UNREADABLE),
        Case("random.mp3", _bytes(random), UNREADABLE),
        Case("song.m4a", _bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + random), UNREADABLE),
        Case("header_only.wav", _bytes(wav[:44]), "holds no samples"),
        Case("half_a_header.wav", _bytes(wav[:30]), UNREADABLE),
        Case("truncated.wav", _bytes(wav[: 44 + SAMPLES]), None),
        Case("odd_end.wav", _bytes(wav[:-1]), None),
        Case("riff_size_zero.wav", _bytes(patched(wav, 4, bytes(4))), None),
        Case("data_size_zero.wav", _bytes(patched(wav, 40, bytes(4))), "holds no samples"),
        Case("data_size_huge.wav", _bytes(patched(wav, 40, b"\xff\xff\xff\x7f")), None),
        Case("format_unknown.wav", _bytes(patched(wav, 20, b"\xfe\x7f")), UNREADABLE),
        Case("no_channels.wav", _bytes(patched(wav, 22, bytes(2))), UNREADABLE),
        Case("thousand_channels.wav", _bytes(patched(wav, 22, struct.pack("<H", 1_000))), "shorter"),
        Case("all_channels.wav", _bytes(patched(wav, 22, b"\xff\xff")), UNREADABLE),
        Case("rate_zero.wav", _bytes(patched(wav, 24, bytes(4))), UNREADABLE),
        Case("rate_huge.wav", _bytes(patched(wav, 24, b"\xff\xff\xff\x7f")), "sample rate of 2147483647 Hz"),
        Case("rate_one.wav", _bytes(patched(wav, 24, b"\1\0\0\0")), "sample rate of 1 Hz"),
        Case("block_align_wrong.wav", _bytes(patched(wav, 32, b"\7\0")), None),
        Case("list_chunk_huge.wav", _bytes(wav[:36] + b"LIST\xff\xff\xff\x7f" + wav[36:]), UNREADABLE),
        Case("nan.wav", _bytes(encoded(with_nan, subtype="FLOAT")), "not numbers"),
        Case("infinity.wav", _bytes(encoded(with_infinity, subtype="FLOAT")), "not numbers"),
        Case("loud_50.wav", _bytes(encoded(100 * sound, subtype="FLOAT")), "far beyond full scale"),
        Case("silent.wav", _bytes(encoded(0 * sound)), "is silent throughout"),
        Case("opposite.wav", _bytes(encoded(np.stack([sound, -sound], 1), subtype="FLOAT")), "channels cancel"),
        Case("short.wav", _bytes(encoded(sound[:10])), "shorter than the receptive field"),
        Case("claims_30e9_frames.flac", _bytes(_flac_claiming(30_000_000_000)), None),
        Case("unknown_length.flac", _bytes(_flac_claiming(0)), None),
        Case("claims_ten_frames.flac", _bytes(_flac_claiming(10)), "shorter"),
        Case("truncated.flac", _bytes(flac[: len(flac) // 2]), "is damaged"),
        Case("damaged.flac", _bytes(patched(flac, len(flac) // 2, random[:500])), "is damaged"),
        Case("zeros_inside.flac", _bytes(patched(flac, len(flac) // 2, bytes(1_000))), "is damaged"),
        Case("truncated.ogg", _bytes(vorbis[: len(vorbis) // 2]), UNREADABLE),
        Case("damaged.ogg", _bytes(patched(vorbis, len(vorbis) // 2, random[:500])), UNREADABLE),
        Case("truncated.opus", _bytes(opus[: len(opus) // 2]), UNREADABLE),
        Case("truncated.mp3", _bytes(mp3[: len(mp3) // 2]), None),
        Case("damaged.mp3", _bytes(patched(mp3, len(mp3) // 2, random[:500])), None),
        Case("tag_only.mp3", _bytes(b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100)), UNREADABLE),
        Case("rate_not_a_number.aiff", _bytes(patched(aiff, aiff.index(b"COMM") + 16, b"\x7f\xff" * 5)), "sample rate"),
        Case("size_negative.caf", _bytes(patched(caf, caf.index(b"data") + 4, b"\x80" + bytes(7))), UNREADABLE),
        Case("really_wav.flac", _bytes(wav), None),
        Case("forbidden.wav", _forbidden, None if root else "cannot be opened: Permission denied"),
        Case("pipe.wav", os.mkfifo, "is not a regular file"),
        Case("endless.wav", lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        Case("lost_link.wav", lambda path: path.symlink_to("nowhere.wav"), "cannot be opened: No such file"),
        Case("own_link.wav", lambda path: path.symlink_to(path.name), "cannot be opened: Too many levels"),
        Case("folder.wav/inside.wav", lambda path: _linked_folder(path.parent), None),
        Case("日本語 ñ 🎵.wav", _bytes(wav), None),
        Case("two\nlines.wav", _bytes(wav), None),
        Case("caf\udce9.wav", lambda path: _named(path, b"caf\xe9.wav"), None),
    ]


def make(folder: Path) -> list[Case]:
    """Writes all cases below a folder, and returns them."""
    made = cases()
    for case in made:
        case.make(folder / case.name)
    return made


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    for number, case in enumerate(make(target), 1):
        print(f"{number:2d} {case.name!a}: {case.reason or 'used'}")
