"""Files are read to their end, whatever they state and however many sounds were joined in them."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavenet_jax.audio.files import header, mono_blocks, read_audio, stated_seconds
from wavenet_jax.audio.streams import streams

RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000)
SECONDS = 4
DELAY = 2_400
"""Samples that an encoder adds at both ends, which only its own tag says how to take away."""


def encoded(rate: int, form: str = "MP3", seed: int = 0, channels: int = 1, **options: object) -> bytes:
    """A quiet start and noise after it, which variable bit rates make short and long frames of."""
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (rate * SECONDS, channels))
    noise[: rate * SECONDS // 3] *= 1e-3
    buffer = io.BytesIO()
    if form == "MP3":
        options = {"bitrate_mode": "VARIABLE", "compression_level": 0.5} | options
    soundfile.write(buffer, noise, rate, format=form, **options)
    return buffer.getvalue()


def without_tag(mp3: bytes) -> bytes:
    """The same as recorders and pipes write it: without the first frame, which states the length."""
    assert b"Xing" in mp3[:200]
    return mp3[mp3.index(mp3[:2], 4) :]


def seconds(path: Path, content: bytes) -> float:
    path.write_bytes(content)
    return sum(map(len, mono_blocks(str(path)))) / header(str(path)).sample_rate


@pytest.mark.parametrize("rate", RATES)
def test_an_mp3_file_that_does_not_state_its_length_is_read_to_its_end(rate: int, tmp_path: Path) -> None:
    content = without_tag(encoded(rate))
    found = seconds(tmp_path / "a.mp3", content)
    assert 0 <= found - SECONDS <= DELAY / rate
    assert stated_seconds(str(tmp_path / "a.mp3"), header(str(tmp_path / "a.mp3"))) == 0


@pytest.mark.parametrize("rate", RATES)
def test_joined_mp3_files_are_read_one_after_the_other(rate: int, tmp_path: Path) -> None:
    one, two = encoded(rate), encoded(rate, seed=1)
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(one + two)
    (tmp_path / "one.mp3").write_bytes(one)
    (tmp_path / "two.mp3").write_bytes(two)
    parts = [read_audio(str(tmp_path / name), rate) for name in ("one.mp3", "two.mp3")]
    np.testing.assert_array_equal(read_audio(str(joined), rate), np.concatenate(parts))


def test_tags_between_frames_are_stepped_over(tmp_path: Path) -> None:
    id3 = b"ID3\x04\0\0\0\0\1\0" + bytes(128)
    ape = b"APETAGEX" + bytes(4) + (40).to_bytes(4, "little") + bytes(16) + bytes(40)
    one = encoded(16_000)
    content = id3 + without_tag(one) + ape + b"TAG" + bytes(125) + id3 + one + b"TAG" + bytes(125)
    assert 0 <= seconds(tmp_path / "a.mp3", content) - 2 * SECONDS <= DELAY / 16_000


def test_a_tag_that_states_too_little_is_not_believed(tmp_path: Path) -> None:
    one = encoded(16_000)
    count = one.index(b"Xing") + 8
    content = one[:count] + (10).to_bytes(4, "big") + one[count + 4 :]
    assert 0 <= seconds(tmp_path / "a.mp3", content) - SECONDS <= DELAY / 16_000


def test_stereo_and_constant_bit_rate_are_read_alike(tmp_path: Path) -> None:
    for options in ({"channels": 2}, {"bitrate_mode": "CONSTANT", "compression_level": 0.3}):
        one = encoded(44_100, **options)  # type: ignore[arg-type]
        tag = one.find(b"Info") if b"Info" in one[:200] else one.find(b"Xing")
        assert tag > 0
        content = one[one.index(one[:2], 4) :]
        assert 0 <= seconds(tmp_path / "a.mp3", content) - SECONDS <= DELAY / 44_100
        assert 0 <= seconds(tmp_path / "a.mp3", one + content) - 2 * SECONDS <= 2 * DELAY / 44_100


def test_a_file_that_states_its_length_is_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(encoded(16_000))
    assert streams(str(tmp_path / "a.mp3")) == []
    assert seconds(tmp_path / "a.mp3", encoded(16_000)) == SECONDS


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16"), ("AIFF", "PCM_16")],
)
def test_joined_files_of_other_formats_are_read_one_after_the_other(form: str, subtype: str, tmp_path: Path) -> None:
    one = encoded(16_000, form, subtype=subtype)
    assert seconds(tmp_path / "one", one) == SECONDS
    assert seconds(tmp_path / "three", 3 * one) == 3 * SECONDS


def test_a_file_that_changes_its_rate_is_named_with_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(encoded(16_000, "OGG") + encoded(8_000, "OGG"))
    with pytest.raises(ValueError, match=r"changes from 16000 Hz to 8000 Hz after 4\.0 s; split it there"):
        list(mono_blocks(str(path)))


def test_a_damaged_file_is_named_with_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(encoded(48_000, "FLAC"))
    content[-40_000:-30_000] = bytes(10_000)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged after [23]\.\d s: "):
        list(mono_blocks(str(path)))


@pytest.mark.parametrize("name", ["a.m4a", "a.AAC", "a.wma"])
def test_what_cannot_be_decoded_comes_with_a_remedy(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    with pytest.raises(ValueError, match=r"Format not recognised; convert it: ffmpeg -i IN OUT\.flac$"):
        header(str(path))
