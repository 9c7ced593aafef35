"""Each page as a session sees it: what it tells, what it makes, and that hostile choices are refused in one line."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import NumberInput

from experiments import sample, say
from experiments.app import shared
from experiments.app.generate import doubts
from experiments.app.runs import RunEntry, find_runs
from tests.data import bad_files
from tests.experiments.app.conftest import Visit, errors
from tests.experiments.conftest import Call
from tests.voices import small_voice
from wavenet_jax.audio.wav import from_pcm16, pcm16


def number_field(session: AppTest, label: str) -> NumberInput:
    """The field with this label."""
    (found,) = [field for field in session.number_input if field.label == label]
    return found


def test_without_any_run_every_page_works_and_offers_one(visit: Visit, tmp_path: Path) -> None:
    for name in ("speak", "copy_synthesis", "own", "model", "data", "generate", "train"):
        session = visit(name, f"--runs={tmp_path / 'none'}")
        assert errors(session) == []
        if name in ("speak", "copy_synthesis"):
            assert [header.value for header in session.header] == ["No voice here yet"]
            assert "install it anew" in session.markdown[-1].value
        if name in ("model", "generate"):
            assert [button.label for button in session.button] == [
                "Train a first sound, about a minute",
                "Train the demonstration, some minutes",
            ]
    assert not (tmp_path / "none").exists()


def test_the_model_page_tells_the_network(visit: Visit, runs: Path) -> None:
    session = visit("model", f"--runs={runs}")
    assert errors(session) == []
    shown = {metric.label: metric.value for metric in session.metric}
    assert shown == {
        "Parameters": "2,432",
        "Receptive field": "2 ms",
        "Step, of 4": "4",
        "Sample rate": "4 kHz",
    }
    assert session.info[0].value.startswith(("It generates with the native engine", "It generates with the scan"))
    layers, parameters = session.dataframe
    assert layers.value["dilation"].tolist() == [1, 2, 4]
    assert layers.value["receptive field (samples)"].tolist() == [2, 4, 8]
    assert parameters.value["parameters"].sum() == 2_432
    assert "--dilation_cycle=1,2,4\n" in session.code[0].value


def test_the_data_page_plays_what_a_network_learns_from(visit: Visit, runs: Path) -> None:
    session = visit("data", f"--runs={runs}")
    assert errors(session) == []
    assert session.selectbox(key="source").options == ["speech", "synthetic sounds"]
    assert [metric.value for metric in session.metric][:2] == ["25 of 25", "2.5"]
    assert session.success[0].value.startswith("only 2\\.5 minutes")
    session.selectbox(key="source").set_value("synthetic sounds").run()
    session.number_input(key="clip_of_200").set_value(2).run()
    assert errors(session) == []
    assert any("chord\\-0\\-1" in element.value for element in session.markdown)


def test_a_folder_of_bad_files_is_shown_with_reasons(visit: Visit, runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile $x$ **names**"
    folder.mkdir()
    cases = bad_files.make(folder)
    session = visit("data", f"--runs={runs}", f"--data_dir={folder}")
    assert errors(session) == []
    assert session.selectbox(key="source").value == folder.name
    named = {row["file"]: row["reason"] for _, row in session.dataframe[0].value.iterrows()}
    assert named["empty.wav"] == "is empty"
    usable = next(metric.value for metric in session.metric if metric.label == "Usable files")
    assert usable == f"{len(cases) - len(named)} of {len(cases)}"
    for clip in range(1, int(usable.split()[0]) + 1):
        session.number_input[0].set_value(clip).run()
        assert errors(session) == []


def test_the_page_makes_the_sound_that_the_program_makes(visit: Visit, runs: Path, call: Call, tmp_path: Path) -> None:
    session = visit("generate", f"--runs={runs}")
    assert errors(session) == []
    number_field(session, "Seconds").set_value(0.5)
    number_field(session, "Seed").set_value(7)
    number_field(session, "Takes").set_value(2)
    assert "Expect" in session.warning[0].value or "noise" in session.warning[0].value
    session.button[0].click().run()
    assert errors(session) == []
    made = session.session_state.made
    assert made.whole
    waveforms = [waveform for waveform, _ in made.files()]
    assert [len(waveform) for waveform in waveforms] == [2_000, 2_000]
    shown = {metric.label: metric.value for metric in session.metric}
    assert float(shown["Bits per sample"]) == pytest.approx(5, abs=0.2)
    assert len(session.download_button) == 2

    _, _, *arguments = made.command.split()
    arguments = [argument.replace("--output=", f"--output={tmp_path}/") for argument in arguments]
    assert call(sample.main, *arguments).code == 0
    for number, waveform in enumerate(waveforms):
        samples, _ = soundfile.read(tmp_path / f"sound_{number}.wav")
        np.testing.assert_allclose(samples, from_pcm16(pcm16(waveform)), atol=1e-9)


@pytest.mark.parametrize(
    ("bits", "words"),
    [(None, "Nobody has measured"), (7.4, "is noise"), (6.1, "Expect rough sound"), (3.7, None)],
)
def test_what_a_network_cannot_yet_do_is_said(tmp_path: Path, bits: float | None, words: str | None) -> None:
    rows: list[dict] = [{"kind": "start", "step": 0, "baselines": {"unigram": 7.6, "linear_prediction": 5.9}}]
    rows += [] if bits is None else [{"kind": "validation", "step": 9, "bits_per_sample": bits}]
    run = RunEntry("run", tmp_path)
    run.directory.metrics_file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told = doubts(run)
    assert told is None if words is None else words in str(told)


def test_runs_of_acoustic_models_are_not_among_the_networks(tmp_path: Path, runs: Path) -> None:
    (tmp_path / "acoustic").mkdir()
    (tmp_path / "acoustic" / "config.json").write_text('{"acoustic": {}}')
    assert [run.name for run in find_runs([str(tmp_path), str(runs)])] == ["small"]


@pytest.mark.slow
def test_the_page_says_what_the_program_says(visit: Visit, call: Call, tmp_path: Path) -> None:
    small_voice().save(tmp_path / "runs" / "small")
    session = visit("speak", f"--runs={tmp_path / 'runs'}")
    assert errors(session) == []
    session.text_area[0].set_value("Hello. You?")
    session.slider[0].set_value(0.8)
    session.slider[2].set_value(1.5)
    number_field(session, "Seed").set_value(7)
    session.button[0].click().run(timeout=300)
    assert errors(session) == []
    spoken = session.session_state.spoken
    assert spoken.whole
    assert [word.text for word in spoken.words] == ["hello", "you"]
    assert [phone.text for phone in spoken.phones] == ["HH", "AH0", "L", "OW1", "Y", "UW1"]
    assert spoken.phones[-1].stop < spoken.seconds
    table = session.dataframe[0].value
    assert table["word"].tolist() == ["hello"] * 4 + ["you"] * 2
    _, _, *arguments = shlex.split(spoken.command)
    assert {"--speed=0.8", "--pitch_range=1.5"} <= set(arguments)
    assert not any(argument.startswith("--pitch=") for argument in arguments)
    arguments = [argument.replace("--output=", f"--output={tmp_path}/") for argument in arguments]
    assert call(say.main, *arguments).code == 0
    samples, _ = soundfile.read(tmp_path / "speech.wav")
    np.testing.assert_allclose(samples, from_pcm16(pcm16(spoken.waveform)), atol=1e-9)
    session.text_area[0].set_value("...")
    session.button[0].click().run()
    assert errors(session)[0].startswith("the text has nothing that can be spoken")
    small_voice(("language=en", "language=es")).save(tmp_path / "runs" / "two")
    session.run()
    session.selectbox(key="voice").set_value("two").run()
    session.selectbox(key="speak_language").set_value("Spanish").run()
    assert session.text_area[0].value.startswith("¡Hola!")
    session.text_area[0].set_value("Perro.")
    session.button[0].click().run(timeout=300)
    assert errors(session) == []
    assert [phone.text for phone in session.session_state.spoken.phones] == ["P", "E1", "RR", "O0"]
    assert "--label=language=es" in session.session_state.spoken.command


def test_best_of_and_too_many_streams(visit: Visit, runs: Path) -> None:
    session = visit("generate", f"--runs={runs}")
    number_field(session, "Seconds").set_value(0.2)
    number_field(session, "Best of").set_value(4)
    session.button[0].click().run()
    assert errors(session) == []
    assert session.session_state.made.generation.streams == 4
    assert "the most likely of 4" in " ".join(caption.value for caption in session.caption)
    number_field(session, "Takes").set_value(8)
    number_field(session, "Best of").set_value(8)
    session.button[0].click().run()
    assert errors(session) == ["takes times best of is 64, and at most 32 are generated here"]
    number_field(session, "Takes").set_value(1)
    session.button[0].click().run()
    assert errors(session) == []


def test_two_users_do_not_meet(visit: Visit, runs: Path) -> None:
    one, two = (visit("generate", f"--runs={runs}") for _ in range(2))
    for session, seconds in ((one, 0.2), (two, 0.3)):
        number_field(session, "Seconds").set_value(seconds)
        number_field(session, "Seed").set_value(1)
        session.button[0].click().run()
    one.run()
    lengths = [session.session_state.made.generation.lengths for session in (one, two)]
    assert lengths == [[800], [1_200]]


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "small/../small", "", "<b>small</b>"])
def test_a_run_or_a_folder_that_was_not_offered_is_never_opened(visit: Visit, runs: Path, name: str) -> None:
    for key in ("run_name", "source"):
        session = visit("data", f"--runs={runs}")
        box = session.selectbox(key=key)
        box.options.append(name)  # a browser may send what it was not offered
        box.set_value(name).run()
        assert not session.exception
        assert all(message.startswith("there is no ") and "\n" not in message for message in errors(session))
        assert [box.value for box in session.selectbox if box.value == name] == []


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "small/../small", "", "<b>small</b>"])
def test_a_choice_that_was_not_offered_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(shared.st, "selectbox", lambda *_, **__: name)  # as a browser may send it
    with pytest.raises(ValueError, match="^there is no run called ") as refused:
        shared.choose("Run", {"small": 1}, key="run_name")
    assert "\n" not in str(refused.value)


def test_a_run_that_cannot_be_read_is_one_line(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (message,) = errors(visit("model", f"--runs={tmp_path}"))
    assert "not valid JSON" in message


def test_bad_flags_of_the_server_are_one_line(visit: Visit) -> None:
    assert errors(visit("model", "--data_dir=/does/not/exist"))[0].startswith("data\\_dir must be a folder")
    assert errors(visit("model", "--rums=x"))[0].startswith("unknown flag")
