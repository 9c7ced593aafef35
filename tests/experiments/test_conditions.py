"""Sampling with conditions: classes, features of a clip, guidance; and the judge of vocoders."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import evaluate, features, sample, vocode
from tests.experiments.conftest import Call, short_run, with_pre_emphasis
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.features import LogMel
from wavenet_jax.runs import RunDirectory

HOP = 16
FILES = ("wide", "empty", "other", "text", "decibels")


@pytest.fixture(scope="module")
def conditioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of two steps, conditioned on a log-mel spectrum and on the kind of sound."""
    return short_run(
        tmp_path_factory.mktemp("conditioned"),
        "--synthetic_clips=40",
        "--synthetic_seconds=0.1",
        "--local_features=mel",
        f"--hop_samples={HOP}",
        "--fft_size=128",
        "--mel_channels=16",
        "--local_channels=4",
        "--condition_on_classes",
        "--condition_dropout=0.5",
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A recording of 403 samples at the network's rate."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(403) / 3), 4_000)
    return path


@pytest.fixture
def mel(conditioned: Path, tmp_path: Path) -> Path:
    """Ten frames of log-mel, with the description of how they were measured."""
    measure = LogMel.of(RunDirectory(conditioned).read_config().model)
    path = tmp_path / "frames.npy"
    np.save(path, measure.whole(0.3 * np.sin(np.arange(10 * HOP) / 4).astype(np.float32)))
    path.with_suffix(".json").write_text(json.dumps(measure.description()))
    return path


def made(call: Call, conditioned: Path, output: Path, *arguments: str) -> tuple[dict, np.ndarray]:
    ended = call(sample.main, f"--workdir={conditioned}", f"--output={output}", "--overwrite", *arguments)
    assert ended.code == 0, ended.err
    return json.loads(ended.out), soundfile.read(output, dtype="int16")[0]


def test_a_clip_is_made_again_as_long_as_it_is_and_judged(
    call: Call, conditioned: Path, clip: Path, tmp_path: Path
) -> None:
    result, sound = made(call, conditioned, tmp_path / "out.wav", f"--mel_from={clip}", "--label=sine")
    assert len(sound) == 403
    (distances,) = result["distances"]
    assert distances.keys() == {"log_mel_db", "mel_cepstral_db", "spectral_convergence"}
    assert all(0 < value < 1_000 for value in distances.values())


def test_conditions_change_what_is_made(call: Call, conditioned: Path, clip: Path, mel: Path, tmp_path: Path) -> None:
    def exaggerated(*arguments: str) -> tuple[dict, np.ndarray]:  # two steps of training have taught it little
        return made(call, conditioned, tmp_path / "out.wav", "--guidance=100", *arguments)

    _, sine = exaggerated(f"--mel_from={clip}", "--label=sine")
    _, again = exaggerated(f"--mel_from={clip}", "--label=kind=sine", "--seconds=0.05")
    _, noise = exaggerated(f"--mel_from={clip}", "--label=noise")
    result, other = exaggerated(f"--mel_from={mel}", "--label=sine")
    np.testing.assert_array_equal(again, sine[:200])
    assert (sine != noise).any()
    assert len(other) == 10 * HOP
    assert (other != sine[: 10 * HOP]).any()
    assert "distances" not in result


def test_guidance_of_zero_ignores_the_conditions_and_of_one_is_the_network_as_it_is(
    call: Call, conditioned: Path, mel: Path, tmp_path: Path
) -> None:
    def guided(*arguments: str) -> np.ndarray:
        return made(call, conditioned, tmp_path / "out.wav", f"--mel_from={mel}", *arguments)[1]

    np.testing.assert_array_equal(guided("--label=sine", "--guidance=0"), guided("--label=noise", "--guidance=0"))
    plain, as_it_is, more = (
        guided("--label=sine"),
        guided("--label=sine", "--guidance=1"),
        guided("--label=sine", "--guidance=30"),
    )
    # Batches of one and of two differ in their last bits; a code differs only where a uniform lies between.
    assert (plain == as_it_is).mean() > 0.95
    assert (plain != more).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--label=sine"],
            "the network needs features (mel); give --mel_from=CLIP",
        ),
        (
            ["--mel_from={clip}"],
            "a class of family 'kind' is needed; give --label=NAME, one of beats, chord, noise, sine, sweep",
        ),
        (
            ["--mel_from={clip}", "--label=violin"],
            "--label 'violin' is no class; give one of beats, chord, noise, sine, sweep",
        ),
        (
            ["--mel_from={clip}", "--label=sine", "--vector=v.npy"],
            "--vector is for networks that are conditioned on it, and this one is not; leave it out",
        ),
        (
            ["--mel_from=none.wav", "--label=sine"],
            "there is no file at none.wav; check the path",
        ),
        (
            ["--mel_from=none.npy", "--label=sine"],
            "array none.npy cannot be read: No such file or directory",
        ),
        (
            ["--mel_from={wide}", "--label=sine"],
            "the features in {wide} must be of shape [frames, 16], got [5, 17]",
        ),
        (
            ["--mel_from={empty}", "--label=sine"],
            "the features in {empty} must be at least one frame of finite numbers",
        ),
        (
            ["--mel_from={other}", "--label=sine"],
            "{other} was made with hop_samples=999, but the network needs hop_samples=16",
        ),
        (
            ["--mel_from={mel}", "--label=sine", "--seconds=9"],
            "--seconds must be at most 0.04 at 4000 Hz: the features cover 0.04 s; got 9",
        ),
        (["--mel_from={mel}", "--label=sine", "--guidance=-1"], "--guidance must be at least 0, got -1.0"),
        (["--mel_from={mel}", "--label=sine", "--guidance=1e30"], "--guidance must be at most 100, got 1e+30"),
        (["--mel_from={mel}", "--label=sine", "--guidance=nan"], "--guidance must be a finite number, got nan"),
        (
            ["--mel_from={mel}", "--label=sine", "--label=kind=noise"],
            "--label gives two classes of family 'kind', sine and noise; give one",
        ),
        (["--mel_from={text}", "--label=sine"], "{text} is not a .npy file; write it with numpy.save"),
        (
            ["--mel_from={decibels}", "--label=sine"],
            "the mel features in {decibels} range from -100 to 0, but those that the network was trained on lie "
            "between -1 and 1.126; measure them with the network's own options",
        ),
    ],
)
def test_conditions_that_do_not_fit_are_refused_in_one_line(
    arguments: list[str], message: str, call: Call, conditioned: Path, clip: Path, mel: Path, tmp_path: Path
) -> None:
    files = {"clip": clip, "mel": mel} | {name: tmp_path / f"{name}.npy" for name in FILES}
    np.save(files["wide"], np.zeros((5, 17)))
    np.save(files["empty"], np.zeros((0, 16)))
    np.save(files["other"], np.zeros((5, 16)))
    files["text"].write_text("0.1 0.2 0.3")
    np.save(files["decibels"], np.linspace(-100, 0, 5 * 16).reshape(5, 16))
    files["other"].with_suffix(".json").write_text('{"hop_samples": 999}')
    output = tmp_path / "out.wav"
    ended = call(sample.main, f"--workdir={conditioned}", f"--output={output}", *(a.format(**files) for a in arguments))
    assert ended == (1, "", f"error: {message.format(**files)}\n")
    assert not output.exists()


def test_features_that_can_hardly_be_meant_are_doubted_in_one_line(
    call: Call, conditioned: Path, tmp_path: Path
) -> None:
    frames, output = tmp_path / "frames.npy", tmp_path / "out.wav"
    np.save(frames, np.linspace(-1.8, 0.5, 5 * 16).reshape(5, 16))
    ended = call(sample.main, f"--workdir={conditioned}", f"--output={output}", f"--mel_from={frames}", "--label=sine")
    assert ended.code == 0
    assert ended.err == (
        f"warning: the mel features in {frames} range from -1.8 to 0.5, but those that the network was trained on lie "
        "between -1 and 1.126\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label=sine"], "--label is for networks that are conditioned on it, and this one is not; leave it out"),
        (["--guidance=2"], "--guidance needs a network that was trained with condition_dropout above 0"),
        (["--mode", "--top_k=3"], "--mode does not sample, so --top_k has no effect; leave one of them out"),
    ],
)
def test_a_network_without_conditions_says_so(
    arguments: list[str], message: str, call: Call, workdir: Path, tmp_path: Path
) -> None:
    ended = call(sample.main, f"--workdir={workdir}", f"--output={tmp_path / 'out.wav'}", *arguments)
    assert ended == (1, "", f"error: {message}\n")


def test_the_mode_does_not_depend_on_the_seed_and_one_level_is_the_mode(
    call: Call, workdir: Path, tmp_path: Path
) -> None:
    def short(*arguments: str) -> np.ndarray:
        return made(call, workdir, tmp_path / "out.wav", "--seconds=0.1", *arguments)[1]

    mode = short("--mode", "--seed=1")
    np.testing.assert_array_equal(short("--mode", "--seed=2"), mode)
    np.testing.assert_array_equal(short("--top_k=1", "--seed=3"), mode)
    assert (short("--top_p=0.99", "--seed=3") != mode).any()


def test_measured_features_make_the_same_sound_as_their_recording(
    call: Call, conditioned: Path, clip: Path, tmp_path: Path
) -> None:
    frames = tmp_path / "measured.npy"
    ended = call(features.main, f"--workdir={conditioned}", f"--audio={clip}", f"--output={frames}")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"file": str(frames), "frames": 26, "channels": 16}
    made_of = [
        made(
            call,
            conditioned,
            tmp_path / "out.wav",
            f"--mel_from={path}",
            "--label=sine",
            "--guidance=100",
            "--seconds=0.1",
        )[1]
        for path in (clip, frames)
    ]
    np.testing.assert_array_equal(*made_of)
    beside = json.loads(frames.with_suffix(".json").read_text())
    assert (beside["hop_samples"], beside["mel_channels"], beside["sample_rate"]) == (HOP, 16, 4_000)


def test_features_for_a_network_that_wants_none_are_refused(
    call: Call, workdir: Path, clip: Path, tmp_path: Path
) -> None:
    ended = call(features.main, f"--workdir={workdir}", f"--audio={clip}", f"--output={tmp_path / 'a.npy'}")
    message = f"the network in {workdir} is not conditioned on features; choose a run with --local_features"
    assert ended == (1, "", f"error: {message}\n")


def test_evaluation_conditions_on_each_clip(call: Call, conditioned: Path) -> None:
    ended = call(evaluate.main, f"--workdir={conditioned}")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["files"] == 2


def test_vocoders_are_judged_beside_what_else_could_be_made(call: Call, conditioned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "judged"
    ended = call(vocode.main, f"--workdir={conditioned}", f"--output={folder}", "--clips=2")
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [(line["way"], line["clip"] == "mean") for line in lines] == [
        (way, mean) for way in ("copy", "shuffled", "griffin_lim") for mean in (False, False, True)
    ]
    for start in range(0, 9, 3):
        *clips, mean = lines[start : start + 3]
        assert mean["log_mel_db"] == pytest.approx(np.mean([line["log_mel_db"] for line in clips]))
    assert lines[-1]["log_mel_db"] < lines[2]["log_mel_db"]  # two steps make no vocoder; Griffin-Lim is one
    ways = ("original", "copy", "shuffled", "griffin_lim")
    assert {path.name for path in folder.iterdir()} == {*ways, "spectrograms.png"}
    names = {way: {str(path.relative_to(folder / way)) for path in (folder / way).rglob("*.wav")} for way in ways}
    assert all(names[way] == names["original"] for way in ways)
    assert len(names["copy"]) == 2
    assert soundfile.info(folder / "copy" / min(names["copy"])).frames == 400
    again = call(vocode.main, f"--workdir={conditioned}", f"--output={folder}", "--clips=2")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith(f"error: {folder}/original/")
    assert again.err.endswith(".wav exists; choose another --output, or replace the file with --overwrite\n")
    assert call(vocode.main, f"--workdir={conditioned}", f"--output={folder}", "--clips=9").err == (
        "error: --clips must be at most the 2 of validation, got 9\n"
    )


@pytest.mark.parametrize("pre_emphasis", [pytest.param(None, marks=pytest.mark.slow), 0.5])
def test_copies_are_equalized_on_request(
    call: Call, conditioned: Path, clip: Path, mel: Path, tmp_path: Path, pre_emphasis: float | None
) -> None:
    run = conditioned if pre_emphasis is None else with_pre_emphasis(conditioned, tmp_path / "run", pre_emphasis)
    results = []
    for number, more in enumerate(([], ["--mel_equalization=3"])):
        arguments = ("--label=sine", f"--mel_from={clip}", "--best_of=2", "--noguard", *more)
        results.append(made(call, run, tmp_path / f"{number}.wav", *arguments)[0])
    raw, equalized = results
    assert raw["takes"] == equalized["takes"]
    assert (raw["lookahead_seconds"], equalized["lookahead_seconds"]) == (0, 351 / 4_000)
    assert equalized["distances"][0]["log_mel_db"] < 0.6 * raw["distances"][0]["log_mel_db"]
    assert equalized["seconds"] == raw["seconds"] == 403 / 4_000
    if pre_emphasis is None:
        made(call, run, tmp_path / "frames.wav", "--label=sine", f"--mel_from={mel}", "--mel_equalization=1")

    folder = tmp_path / "judged"
    ended = call(vocode.main, f"--workdir={run}", f"--output={folder}", "--clips=1", "--mel_equalization=3")
    lines = {line["way"]: line for line in map(json.loads, ended.out.splitlines())}
    assert list(lines) == ["copy", "equalized", "shuffled", "griffin_lim"]
    assert lines["equalized"]["log_mel_db"] < 0.6 * lines["copy"]["log_mel_db"]
    (copy,), (after,) = (list((folder / way).rglob("*.wav")) for way in ("copy", "equalized"))
    assert soundfile.info(after).frames == soundfile.info(copy).frames


def test_a_judged_vocoder_sounds_without_the_pre_emphasis_of_its_data(
    call: Call, conditioned: Path, tmp_path: Path
) -> None:
    emphasized = with_pre_emphasis(conditioned, tmp_path / "emphasized", 0.5)
    for run, folder in ((conditioned, "plain"), (emphasized, "undone")):
        assert call(vocode.main, f"--workdir={run}", f"--output={tmp_path / folder}", "--clips=1").code == 0
    for way in ("original", "copy", "shuffled", "griffin_lim"):
        plain, undone = (
            soundfile.read(next((tmp_path / folder / way).rglob("*.wav")))[0] for folder in ("plain", "undone")
        )
        np.testing.assert_allclose(undone, np.clip(deemphasize(plain, 0.5), -1, 1), atol=1e-4)
