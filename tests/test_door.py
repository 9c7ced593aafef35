"""The front door: what ``import wavenet_jax`` gives, and that runs of earlier versions come through it unchanged."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import wavenet_jax
from tests.training.tiny import CONFIG
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import emphasize
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.model import WaveNet
from wavenet_jax.training import Opened, Started, StepDone, Stopped
from wavenet_jax.typing import Conditions

OLD_RUNS = Path(__file__).parent / "data" / "old_runs"
EXPECTED = json.loads((OLD_RUNS / "expected.json").read_text())
RATE = 4_000


@pytest.fixture(scope="module")
def classes() -> wavenet_jax.Run:
    """A run with classes and pre-emphasis, trained by an earlier version."""
    return wavenet_jax.load(OLD_RUNS / "classes")


@pytest.fixture(scope="module")
def vocoder() -> wavenet_jax.Run:
    """A run conditioned on log-mel, with a context stack and a two-byte head, trained by an earlier version."""
    return wavenet_jax.load(OLD_RUNS / "features")


def tone(samples: int = 1_000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 220 * np.arange(samples) / RATE)).astype(np.float32)


def test_importing_it_starts_nothing() -> None:
    program = (
        "import sys, wavenet_jax; print(dir(wavenet_jax), [n for n in ('jax', 'flax', 'numpy') if n in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == f"{wavenet_jax.__all__} []"


def test_every_name_is_there_and_no_other() -> None:
    assert all(getattr(wavenet_jax, name) is not None for name in wavenet_jax.__all__)
    assert len(wavenet_jax.__all__) <= 20
    with pytest.raises(AttributeError, match="has no attribute 'generate'"):
        wavenet_jax.generate  # noqa: B018


@pytest.mark.parametrize("name", ["classes", "features"])
def test_a_run_of_an_earlier_version_has_the_bits_that_it_had(name: str) -> None:
    run, expected = wavenet_jax.load(OLD_RUNS / name), EXPECTED[name]
    result = run.evaluate()
    assert (run.step, result["step"], result["files"], result["samples"]) == (expected["step"],) * 2 + (4, 32_000)
    # Measured: 2e-7; the earlier version ran on one device.
    assert result["bits_per_sample"] == pytest.approx(expected["bits_per_sample"], abs=1e-5)
    assert result.get("bits_per_sample_mu_law_256") == pytest.approx(
        expected.get("bits_per_sample_mu_law_256"), abs=1e-5
    )


def test_a_run_of_an_earlier_version_generates_what_it_did(classes: wavenet_jax.Run) -> None:
    expected = EXPECTED["classes"]["generated"]
    stream = classes.stream(
        expected["seconds"],
        label=expected["label"],
        seed=expected["seed"],
        temperature=expected["temperature"],
        guard=None,
        devices=1,
    )
    audio = np.concatenate([piece.audio for piece in stream])
    np.testing.assert_allclose(audio, expected["waveform"], atol=1e-6)
    assert stream.bits_per_sample == pytest.approx([expected["bits_per_sample"]], abs=1e-5)


def test_audio_comes_out_as_it_sounds(classes: wavenet_jax.Run) -> None:
    """Emphasis of the run's data is undone, and a stream in pieces is the whole."""
    options: dict[str, Any] = {"label": "sine", "seed": 1, "guard": None}
    audio = classes.generate(0.3, **options)
    assert audio.dtype == np.float32
    assert audio.shape == (1_200,)
    pieces = [piece.audio for piece in classes.stream(0.3, **options)]
    assert [len(piece) for piece in pieces] == [400, 400, 400]
    np.testing.assert_array_equal(np.concatenate(pieces), audio)
    levels = Grid.of(classes.config.model).values
    emphasized = emphasize(audio, 0.9)
    assert np.abs(emphasized[:, None] - levels[None]).min(axis=1).max() < 1e-5, "what the network made is on its grid"


def test_several_sounds_are_rows(classes: wavenet_jax.Run) -> None:
    audio = classes.generate(0.1, label="kind=beats", num_samples=2, guard=None)
    assert audio.shape == (2, 400)
    assert (audio[0] != audio[1]).any()
    assert (classes.generate(0.1, label="beats", guard=None) == audio[0]).all(), "a stream does not know its neighbours"


def test_a_session_is_taken_out_saved_and_resumed(classes: wavenet_jax.Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"label": "sine", "guard": None}
    whole = classes.generate(0.4, seed=5, **options)
    stream = classes.stream(0.2, seed=5, **options)
    with pytest.raises(ValueError, match="there is no session before the first piece"):
        stream.session()
    first = stream.whole()[0]
    stream.save(tmp_path / "session.safetensors")
    for session in (stream.session(), tmp_path / "session.safetensors", str(tmp_path / "session.safetensors")):
        rest = classes.generate(0.2, session=session, **options)
        np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    with pytest.raises(ValueError, match="the session holds 1 streams, got num_samples=2"):
        classes.stream(0.1, session=stream.session(), num_samples=2, **options)


def test_a_prompt_may_be_a_file_or_an_array(classes: wavenet_jax.Run, tmp_path: Path) -> None:
    write_wav(tmp_path / "clip.wav", tone(), RATE)
    options: dict[str, Any] = {"label": "sine", "seed": 2, "guard": None}
    continued = classes.generate(0.1, prompt=tmp_path / "clip.wav", **options)
    waveform = wavenet_jax.read_audio(str(tmp_path / "clip.wav"), RATE)
    np.testing.assert_array_equal(classes.generate(0.1, prompt=waveform, **options), continued)
    both = classes.generate(0.1, prompt=waveform, include_prompt=True, **options)
    np.testing.assert_array_equal(both[1_000:], continued)
    assert np.abs(both[:1_000] - waveform).max() < 0.2, "the prompt on a grid of 32 levels"
    two = classes.generate(0.1, prompt=[waveform, waveform[:500]], **options)
    assert two.shape == (2, 400)


def test_a_vocoder_makes_a_recording_again(vocoder: wavenet_jax.Run, tmp_path: Path) -> None:
    write_wav(tmp_path / "clip.wav", tone(), RATE)
    waveform = wavenet_jax.read_audio(str(tmp_path / "clip.wav"), RATE)
    copy = vocoder.vocode(tmp_path / "clip.wav", seed=3)
    assert copy.shape == (1_000,)
    np.testing.assert_array_equal(vocoder.vocode(waveform, seed=3), copy)
    features = vocoder.features(waveform)
    assert features.shape == (32, 8)
    from_features = vocoder.vocode(features, seed=3)
    assert from_features.shape == (32 * 32,)
    stream = vocoder.stream(features=waveform, seed=3)
    np.testing.assert_allclose(stream.originals[0], waveform, atol=1e-6)
    assert vocoder.vocode([waveform, waveform[:500]]).shape == (2, 1_000)


def test_a_copy_is_equalized_while_it_is_generated(vocoder: wavenet_jax.Run) -> None:
    """As it would be afterwards, to each stream's own end; later by the lookahead that is stated."""
    clips = [tone(), 0.5 * tone(700)]
    raw = vocoder.stream(features=clips, seed=3).whole()
    stream = vocoder.stream(features=clips, seed=3, mel_equalization=2)
    pieces = [piece.rows for piece in stream]
    assert len(pieces[0][0]) >= 1
    assert sum(len(rows[0]) for rows in pieces[:-1]) >= 800 - stream.lookahead
    for number, clip in enumerate(clips):
        made = np.concatenate([rows[number] for rows in pieces])
        np.testing.assert_array_equal(made, vocoder.equalize(raw[number], clip, passes=2))
        assert made.shape == clip.shape
        wanted, before, after = (vocoder.features(sound) for sound in (clip, raw[number], made))
        assert np.abs(wanted - after).mean() < 0.8 * np.abs(wanted - before).mean()
    with pytest.raises(ValueError, match="mel_equalization holds back"):
        stream.session()


def test_a_prompt_stays_in_front_of_what_is_equalized(vocoder: wavenet_jax.Run) -> None:
    prompt = tone(512)
    options = {"prompt": prompt, "features": tone(1_500), "mel_equalization": 1}
    both = vocoder.generate(**options, include_prompt=True)
    quantized = vocoder.generate(**{**options, "mel_equalization": 0}, include_prompt=True)
    assert both.shape == quantized.shape
    np.testing.assert_allclose(both[:256], quantized[:256], atol=1e-6)
    assert np.abs(both - quantized)[512:].max() > 1e-3
    np.testing.assert_array_equal(vocoder.generate(**options), both[512:])


def test_equalization_needs_log_mel(classes: wavenet_jax.Run) -> None:
    with pytest.raises(ValueError, match=r"mel_equalization needs a network that is conditioned on log-mel"):
        classes.generate(0.1, label="sine", mel_equalization=1)
    with pytest.raises(ValueError, match=r"mel_equalization needs a network that is conditioned on log-mel"):
        classes.equalize(tone(), tone())


def test_a_network_without_features_is_no_vocoder(classes: wavenet_jax.Run) -> None:
    for method in (classes.vocode, classes.features):
        with pytest.raises(ValueError, match=r"conditioned on features"):
            method(tone())


def test_log_likelihoods_are_those_of_the_whole_pass(classes: wavenet_jax.Run) -> None:
    waveform = tone(700)
    nats = classes.log_prob(waveform, label="sine")
    grid = Grid.of(classes.config.model)
    codes = grid.encode(emphasize(waveform, 0.9))[None]
    inputs = np.concatenate([[[grid.silence]], codes[:, :-1]], axis=1)
    ids = np.array([[1 + classes.config.model.conditioning.families["kind"].index("sine")]], np.int32)
    model, variables = WaveNet(classes.config.model), {"params": classes.params}
    outputs = jax.jit(model.apply)(variables, inputs, Conditions({"class": ids}))
    expected = model.apply(variables, method="bound_head").log_prob(outputs, codes)[0]
    assert nats.shape == (700,)
    np.testing.assert_allclose(nats, expected, atol=2e-5)


def test_log_likelihoods_of_a_vocoder_take_its_features_from_the_recording(vocoder: wavenet_jax.Run) -> None:
    assert vocoder.log_prob(tone(700)).shape == (700,)
    with pytest.raises(ValueError, match="log_prob needs sound"):
        vocoder.log_prob(np.zeros((3, 8)))


def test_a_folder_is_evaluated_whole(classes: wavenet_jax.Run, vocoder: wavenet_jax.Run, tmp_path: Path) -> None:
    for number in range(3):
        write_wav(tmp_path / f"{number}.wav", tone(900 + number), RATE)
    result = vocoder.evaluate(tmp_path)
    assert (result["files"], result["samples"]) == (3, 2_703)
    assert vocoder.evaluate([str(tmp_path)])["bits_per_sample"] == result["bits_per_sample"]
    with pytest.raises(ValueError, match="there is none at"):
        vocoder.evaluate(tmp_path / "elsewhere")
    vocoder.save(tmp_path / "model")
    model = wavenet_jax.load(tmp_path / "model")
    with pytest.raises(ValueError, match="is a model folder, which names no data; give data_dir"):
        model.evaluate()


def test_training_from_python_reports_resumes_and_returns_the_run(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, data=dataclasses.replace(CONFIG.data, synthetic_clips=20, synthetic_seconds=0.1)
    )
    events: list[Any] = []
    run = wavenet_jax.train(config, tmp_path, on_event=events.append, devices=jax.devices()[:1])
    assert run.step == 6
    assert [type(event) for event in events[:2]] == [Opened, Started]
    assert events[-1] == Stopped(6, "finished")
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3, 4, 5, 6]
    longer = dataclasses.replace(config, train=dataclasses.replace(config.train, num_steps=8))
    assert wavenet_jax.train(longer, str(tmp_path), devices=jax.devices()[:1]).step == 8
    assert wavenet_jax.load(tmp_path, checkpoint="best").step in (4, 6, 8)
    with pytest.raises(ValueError, match="checkpoint must be one of latest, best, got 'newest'"):
        wavenet_jax.load(tmp_path, checkpoint="newest")


def test_whoever_listens_may_fail_without_losing_a_step(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, data=dataclasses.replace(CONFIG.data, synthetic_clips=20, synthetic_seconds=0.1)
    )

    def fail(event: Any) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own") as caught:
        wavenet_jax.train(config, tmp_path, on_event=fail, devices=jax.devices()[:1])
    assert caught.value.__notes__ == ["saved at step 2; the same command resumes the run from there"]
    assert wavenet_jax.load(tmp_path).step == 2


def test_only_a_reason_stops_a_run(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, data=dataclasses.replace(CONFIG.data, synthetic_clips=20, synthetic_seconds=0.1)
    )
    events: list[Any] = []
    options: dict[str, Any] = {"on_event": events.append, "devices": jax.devices()[:1]}
    wavenet_jax.train(config, tmp_path, stop=lambda step: "enough" if step == 5 else "", **options)
    assert events[-1] == Stopped(5, "enough")


def test_options_that_do_not_exist_are_refused(classes: wavenet_jax.Run) -> None:
    with pytest.raises(TypeError, match="loudness"):
        classes.generate(0.1, label="sine", loudness=3)
    with pytest.raises(ValueError, match="a class of family 'kind' is needed"):
        classes.generate(0.1)


def test_whole_numbers_are_not_taken_for_sound(classes: wavenet_jax.Run) -> None:
    loud = (tone() * 32_767).astype(np.int16)
    with pytest.raises(ValueError, match="must be floats .*, got int16; divide integers"):
        classes.generate(seconds=0.1, label="sine", prompt=loud)
    with pytest.raises(ValueError, match="must be floats .*, got int16; divide integers"):
        classes.log_prob(loud, label="sine")


@pytest.mark.parametrize(
    ("recordings", "split", "message"),
    [
        ([], None, "data_dir needs a folder, got none"),
        (np.zeros(1_000, np.float32), None, "must be folders or a source, got ndarray"),
        (None, "held_out", "split must be one of train, validation, test, all, got 'held_out'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    recordings: Any, split: str | None, message: str, classes: wavenet_jax.Run
) -> None:
    with pytest.raises(ValueError, match=message):
        classes.evaluate(recordings, split)


@pytest.mark.parametrize("waveform", [np.zeros((2, 10)), np.array([0.0, np.nan])])
def test_what_is_no_waveform_becomes_no_file(waveform: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a WAV file"):
        wavenet_jax.write_wav(tmp_path / "out.wav", waveform, RATE)
    assert not list(tmp_path.iterdir())
