"""Files are read alike whatever their format, and pieces are parts of the whole."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavenet_jax.audio.files import header, mono_blocks, mono_piece, read_audio, resampled, show
from wavenet_jax.audio.wav import SOFTWARE, pcm16, wav_header, write_wav

RATE = 16_000
EXACT = [
    ("WAV", "PCM_U8", 2**-7), ("WAV", "PCM_16", 2**-15), ("WAV", "PCM_24", 2**-23), ("WAV", "PCM_32", 2**-24),
    ("WAV", "FLOAT", 2**-24), ("WAV", "DOUBLE", 2**-24), ("WAV", "ULAW", 0.04), ("WAV", "ALAW", 0.04),
    ("FLAC", "PCM_S8", 2**-7), ("FLAC", "PCM_16", 2**-15), ("FLAC", "PCM_24", 2**-23), ("AIFF", "PCM_16", 2**-15),
    ("CAF", "PCM_24", 2**-23), ("AU", "PCM_16", 2**-15), ("RF64", "PCM_16", 2**-15), ("W64", "PCM_16", 2**-15),
]  # fmt: skip
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def chirp(samples: int = 150_000) -> np.ndarray:
    """From 100 Hz to 2 kHz: float ``[T]``."""
    time = np.arange(samples) / RATE
    return 0.5 * np.sin(2 * np.pi * (100 + 950 * time * RATE / samples) * time)


@pytest.mark.parametrize(("form", "subtype", "step"), EXACT)
def test_exact_formats_read_back_to_their_step_and_in_pieces(
    form: str, subtype: str, step: float, tmp_path: Path
) -> None:
    path = str(tmp_path / "clip")
    soundfile.write(path, chirp(), RATE, format=form, subtype=subtype)
    whole = np.concatenate(list(mono_blocks(path)))
    assert whole.dtype == np.float32
    assert np.abs(whole - chirp()).max() <= step
    assert header(path).seeks
    for start, stop in [(0, 10), (65_530, 65_550), (149_990, 150_000), (70_000, 140_001)]:
        assert np.array_equal(mono_piece(path, start, stop), whole[start:stop])


@pytest.mark.parametrize(("form", "subtype"), LOSSY)
def test_lossy_formats_read_as_one_decoder_run(form: str, subtype: str, tmp_path: Path) -> None:
    path = str(tmp_path / "clip")
    soundfile.write(path, chirp(), RATE, format=form, subtype=subtype)
    whole, _ = soundfile.read(path, dtype="float32")
    blocks = np.concatenate(list(mono_blocks(path)))
    assert np.abs(blocks - whole).max() < 1e-6  # measured: 9e-8 for MP3, 0 for the others
    assert not header(path).seeks


def test_channels_are_averaged_or_chosen(tmp_path: Path) -> None:
    path = str(tmp_path / "stereo.wav")
    channels = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    soundfile.write(path, channels, RATE, subtype="FLOAT")
    for channel, value in [(None, 0.125), (0, 0.5), (1, -0.25)]:
        assert (np.concatenate(list(mono_blocks(path, channel))) == value).all()
        assert (mono_piece(path, 10, 20, channel) == value).all()
    with pytest.raises(ValueError, match="has 2 channels, but channel 2"):
        list(mono_blocks(path, 2))


def test_blocks_of_many_channels_stay_small(tmp_path: Path) -> None:
    path = str(tmp_path / "many.wav")
    soundfile.write(path, np.zeros((5_000, 1_000)), RATE)
    assert max(len(block) for block in mono_blocks(path)) == 2**20 // 1_000


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_resampling_keeps_the_sound(rate: int, tmp_path: Path) -> None:
    path = str(tmp_path / "clip.wav")
    time = np.arange(rate) / rate
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * time), rate, subtype="FLOAT")
    waveform = read_audio(path, RATE)
    assert abs(len(waveform) - RATE) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / RATE)
    inner = slice(1_000, -1_000)
    assert np.abs(waveform - expected)[inner].max() < 2e-5  # measured: 1e-6 to 8e-6


def test_the_same_rate_is_left_alone() -> None:
    blocks = [np.arange(3.0), np.arange(5.0)]
    assert all(a is b for a, b in zip(resampled(iter(blocks), RATE, RATE), blocks, strict=True))


def test_written_files_read_back_and_do_not_wrap_around(tmp_path: Path) -> None:
    path = str(tmp_path / "out.wav")
    write_wav(path, np.array([0.0, 0.25, -0.5, 2.0, -2.0]), RATE)
    assert np.abs(read_audio(path, RATE) - [0.0, 0.25, -0.5, 1.0, -1.0]).max() <= 2**-15
    assert header(path).encoding == "PCM_16"


@pytest.mark.parametrize(("value", "reason"), [(np.nan, "not numbers"), (-np.inf, "not numbers"), (1e30, "far beyond")])
def test_what_cannot_be_sound_is_refused(value: float, reason: str, tmp_path: Path) -> None:
    path = str(tmp_path / "a.wav")
    soundfile.write(path, np.array([0.1, value, 0.1]), RATE, subtype="DOUBLE")
    with pytest.raises(ValueError, match=rf"a\.wav: .*{reason}"):
        read_audio(path, RATE)


@pytest.mark.parametrize("known", [True, False])
def test_generated_sound_says_so_and_is_a_plain_wav_file(known: bool, tmp_path: Path) -> None:
    path, samples = tmp_path / "out.wav", pcm16(chirp(1_000)).tobytes()
    path.write_bytes(wav_header(RATE, len(samples) if known else None, generated=True) + samples)
    assert header(str(path)).software == SOFTWARE
    assert np.abs(read_audio(str(path), RATE) - chirp(1_000)).max() <= 2**-15
    if known:
        with wave.open(str(path)) as file:
            assert (file.getnframes(), file.getframerate()) == (1_000, RATE)
    write_wav(path, chirp(1_000), RATE)
    assert header(str(path)).software == ""


def test_an_unreadable_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_text("no sound")
    with pytest.raises(ValueError, match=r"note\.wav: is not readable audio: Format not recognised$"):
        read_audio(str(path), RATE)


def test_names_are_shown_on_one_line() -> None:
    assert show("caf\udce9 ñ\n.wav") == "caf\\xe9 ñ\\n.wav"
