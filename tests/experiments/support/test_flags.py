"""Flags: made from dataclasses, read from the command line and from flagfiles, refused in one line."""

import dataclasses
import operator
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from experiments import audit, bench_train, classify, curve, evaluate, features, judge, listen, sample, train, vocode
from experiments.app import __main__ as app
from experiments.support import flags, outputs
from tests.strategies import run_configs
from wavenet_jax.config import (
    Checked,
    ConditioningConfig,
    ContextConfig,
    DataConfig,
    FeatureConfig,
    RunConfig,
    WaveNetConfig,
    option,
)
from wavenet_jax.generation.options import GenerationOptions
from wavenet_jax.model import WaveNet, parameter_count
from wavenet_jax.runs import to_flagfile

ROOT = Path(__file__).parents[3]
PRESETS = sorted((ROOT / "experiments" / "presets").glob("*.flags"))


@dataclasses.dataclass(frozen=True)
class Options(Checked):
    """What the program of these tests is asked for."""

    workdir: str = option(None, "Folder of the run.")
    fraction: float | None = option(None, "A share.", above=0, below=1)


def read_run(*arguments: str) -> RunConfig:
    (config,) = flags.read([RunConfig], ["program", *arguments])
    return config


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=run_configs())
def test_a_saved_config_reads_back(config: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "run.flags"
    path.write_text(to_flagfile(config), encoding="utf-8")
    assert read_run(f"--flagfile={path}") == config


@pytest.mark.parametrize("text", ["two\nlines", " indented", "", "tail ", "not \udcff UTF-8"])
def test_a_text_that_no_flagfile_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^data_dir .* cannot be kept in run.flags"):
        to_flagfile(DataConfig(data_dir=(text,)))


def test_flags_that_are_not_given_keep_their_defaults() -> None:
    assert read_run() == RunConfig()


def test_every_kind_of_value() -> None:
    config = read_run(
        "--levels=1_024", "--dropout=.1", "--nobias", "--weight_norm", "--residual_scaling=false",
        "--dilation_cycle=1, 2,8", "--companding=linear", "--gate_channels=32", "--end_channels=",
        "--data_dir=a", "--data_dir=b c,d",
    )  # fmt: skip
    assert config.model == WaveNetConfig(
        levels=1024,
        dropout=0.1,
        bias=False,
        weight_norm=True,
        dilation_cycle=(1, 2, 8),
        companding="linear",
        gate_channels=32,
        end_channels=None,
    )
    assert config.data.data_dir == ("a", "b c,d")


def test_later_flags_win_and_flagfiles_nest(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("# a comment\n--levels=16\n\n--cycles=2\n")
    outer.write_text(f"--flagfile={inner}\n--cycles=3\n")
    config = read_run("--levels=8", f"--flagfile={outer}", "--kernel_size=3", "--kernel_size=4").model
    assert (config.levels, config.cycles, config.kernel_size) == (16, 3, 4)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--residual_chanels=3", "unknown flag '--residual_chanels'; did you mean --residual_channels=VALUE?"),
        ("--zzz", "unknown flag '--zzz'; --help lists all flags"),
        ("--levels=1", "levels must be at least 2, got 1"),
        ("--levels=1.5", "levels must be a whole number, got '1.5'"),
        ("--levels=", "levels needs a value, got none"),
        ("--levels", "Missing value for flag --levels"),
        ("--learning_rate=fast", "learning_rate must be a number, got 'fast'"),
        ("--learning_rate=inf", "learning_rate must be a finite number, got inf"),
        ("--companding=a_law", "companding must be one of mu_law, linear, got 'a_law'"),
        ("--bias=maybe", "flag --bias=maybe: expected true or false"),
        ("--dilation_cycle=1,,2", "dilation_cycle must be a whole number, got ''"),
        ("--dilation_cycle=", "dilation_cycle must name at least one dilation, got none"),
        ("--data_dir=", "data_dir needs a value, got an empty one"),
        ("stray", "unexpected argument 'stray'; flags are written --name=value, also in a flagfile"),
        ("--flagfile", "--flagfile needs a file, got none"),
    ],
)
def test_bad_arguments_are_named(argument: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        read_run(argument)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xef\xbb\xbf--levels=4\n", "unexpected argument '\\ufeff--levels=4'.*must not begin with a byte order mark"),
        (b"--levels 4\n", "unknown flag '--levels 4'; did you mean --levels=VALUE?"),
        (b"levels=4\n", "unexpected argument 'levels=4'; flags are written --name=value, also in a flagfile"),
        (b"\xff\xfe\x00", "bad.flags is not UTF-8 text: "),
    ],
)
def test_bad_flagfiles_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.flags"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message.replace("\\", "\\\\").replace("?", r"\?")):
        read_run(f"--flagfile={path}")


def test_a_flagfile_that_is_nowhere_names_the_presets() -> None:
    with pytest.raises(
        ValueError, match="^there is no flagfile none.flags; give the path of one, or the name of a preset: base, d"
    ):
        read_run("--flagfile=none.flags")


def test_a_flag_without_default_is_required() -> None:
    with pytest.raises(ValueError, match="^--workdir is required: Folder of the run.$"):
        flags.read([Options], ["program"])
    assert flags.read([Options], ["program", "--workdir=x"]) == [Options(workdir="x")]


def run_raising(error: Exception) -> int:
    """The exit code of a training program that raises this error."""

    def main(config: RunConfig, options: Options) -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        flags.run(main, ["program", "--workdir=x"])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def run(body: type[BaseException] | int | None, *arguments: str) -> int:
    """The exit code of a program that returns ``body``, or raises it."""

    def main(config: RunConfig, options: Options) -> int | None:
        if isinstance(body, type):
            raise body("first line,\n  second line")
        return body

    with pytest.raises(SystemExit) as caught:
        flags.run(main, ["program", "--workdir=x", *arguments])
    return caught.value.code or 0  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        ("include", "data.include"),
        ("exclude", "data.exclude"),
        ("validation_files", "data.validation_files"),
        ("data_dir", "data.data_dir"),
        ("local_features", "model.features.local_features"),
        ("classes", "model.conditioning.classes"),
    ],
)
def test_a_repeatable_flag_of_the_command_line_replaces_those_of_flagfiles(
    flag: str, field: str, tmp_path: Path
) -> None:
    first, second = ("mel", "f0") if flag == "local_features" else ("family=a", "family=b")
    inner, outer, other = (tmp_path / name for name in ("inner.flags", "outer.flags", "other.flags"))
    inner.write_text(f"--{flag}={first}\n--{flag}={second}\n")
    outer.write_text(f"--flagfile={inner}\n")
    other.write_text(f"--flagfile={inner}\n--{flag}={second}\n")

    def values(*arguments: str) -> object:
        return operator.attrgetter(field)(read_run("--hop_samples=200", *arguments))

    assert values(f"--flagfile={outer}") == (first, second)
    for arguments in ((f"--{flag}={second}", f"--flagfile={outer}"), (f"--flagfile={outer}", f"--{flag}={second}")):
        assert values(*arguments) == (second,)
    assert values(f"--flagfile={other}") == (second,)
    assert values(f"--flagfile={outer}", f"--flagfile={other}") == (second,)
    assert values(f"--{flag}={first}", f"--{flag}={second}", f"--flagfile={outer}") == (first, second)
    assert values(f"--{flag}", second, f"--flagfile={outer}") == (second,)


def test_the_flags_of_a_run_take_another_data_folder(tmp_path: Path) -> None:
    path = tmp_path / "run.flags"
    path.write_text("--data_dir=old\n--data_dir=older\n--levels=16\n")
    config = read_run(f"--flagfile={path}", "--data_dir=X")
    assert (config.data.data_dir, config.model.levels) == (("X",), 16)


def test_the_tilde_of_a_path_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "my.flags"
    path.write_text("--cache_dir=~/cache\n")
    config = read_run(f"--flagfile=~/{path.name}", "--data_dir=~/a", "--data_dir=b/~", "--include=~*", "--data_dir=~")
    assert config.data.data_dir == (f"{tmp_path}/a", "b/~", str(tmp_path))
    assert (config.data.cache_dir, config.data.include) == (f"{tmp_path}/cache", ("~*",))


def test_every_option_that_names_a_place_knows_the_home_folder() -> None:
    programs = (train, sample, evaluate, audit, classify, curve, features, judge, listen, vocode, bench_train, app)
    fields = [
        field for program in programs for kind in flags.config_classes(program.main) for field in flags._leaves(kind)
    ]
    assert {field.name for field in fields if field.metadata["path"]} == {
        "acoustic", "audio", "cache_dir", "compare", "copy", "data_dir", "feature_dir", "init_from", "label_table",
        "load_session", "mel_from", "original", "output", "picture", "plot", "prime", "recordings", "runs",
        "save_session", "speaker", "transcript_table", "transcripts", "vector", "workdir",
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 161550865092 bytes."),
        jax.errors.JaxRuntimeError("INTERNAL: Error dispatching computation: Out of memory allocating 42 bytes."),
        None,
    ],
)
def test_too_little_memory_is_one_line_with_what_the_program_can_do(
    error: Exception | None, capsys: pytest.CaptureFixture
) -> None:
    def fail() -> None:
        if error is not None:
            raise error
        np.zeros(2**58, np.uint8)

    def trains(config: RunConfig) -> None:
        fail()

    def samples(options: GenerationOptions) -> None:
        fail()

    def neither() -> None:
        fail()

    for main, message in (
        (trains, "lower --batch_size, or raise --microbatches, which divide a batch, or give --rematerialize, which"),
        (samples, "lower --num_samples\n"),
        (neither, "close other programs, or use a larger machine\n"),
    ):
        with pytest.raises(SystemExit, match="1"):
            flags.run(main, ["program"])
        _, err = capsys.readouterr()
        assert err.startswith(f"error: out of memory; {message}")
        assert err.count("\n") == 1


def test_other_errors_of_jax_keep_their_traceback() -> None:
    with pytest.raises(jax.errors.JaxRuntimeError):
        run_raising(jax.errors.JaxRuntimeError("INTERNAL: a bug"))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("levels must be at least 2", "--levels must be at least 2"),
        ("label_from=table needs label_table, got none", "--label_from=table needs --label_table, got none"),
        ("data_dir must be a folder", "--data_dir must be a folder"),
        ("choose another workdir", "choose another --workdir"),
        ("choose another folder, or widen include", "choose another folder, or widen --include"),
        ("lower --batch_size or batch_size", "lower --batch_size or --batch_size"),
        ("lower seed, or give --levels=2", "lower --seed, or give --levels=2"),
        ("/x/data_dir/y.wav and data_dir.txt are no audio", "/x/data_dir/y.wav and data_dir.txt are no audio"),
        ("the head has levels, and a seed", "the head has levels, and a seed"),
        ("'data_dir' is a word", "'data_dir' is a word"),
    ],
)
def test_fields_that_the_library_names_are_shown_as_flags(
    message: str, shown: str, capsys: pytest.CaptureFixture
) -> None:
    assert run_raising(ValueError(message)) == 1
    assert capsys.readouterr().err == f"error: {shown}\n"


def test_what_was_saved_is_said_with_the_error(capsys: pytest.CaptureFixture) -> None:
    error = OSError("the folder is offline")
    error.add_note("saved at step 3")
    assert run_raising(error) == 1
    assert capsys.readouterr().err == "error: the folder is offline; saved at step 3\n"


def test_an_error_that_ctrl_c_became_in_a_library_is_an_interruption(capsys: pytest.CaptureFixture) -> None:
    def main() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("a module could not be loaded") from None

    with pytest.raises(SystemExit, match="130"):
        flags.run(main, ["program"])
    assert capsys.readouterr() == ("", "interrupted\n")


def test_help_is_shown_in_any_encoding() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "experiments.train", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"usage: python -m experiments.train ")


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_bad_input_ends_with_one_line(error: type[Exception], capsys: pytest.CaptureFixture) -> None:
    assert run(error) == 1
    assert capsys.readouterr() == ("", "error: first line, second line\n")


def test_bad_flags_end_with_one_line(capsys: pytest.CaptureFixture) -> None:
    assert run(None, "--levels=1") == 1
    assert capsys.readouterr() == ("", "error: --levels must be at least 2, got 1\n")


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture) -> None:
    def main() -> None:
        Path("no such file").read_bytes()

    with pytest.raises(SystemExit, match="1"):
        flags.run(main, ["program"])
    assert capsys.readouterr().err == "error: No such file or directory: no such file\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "experiments.curve", "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.close()  # type: ignore[union-attr]
        assert program.wait(timeout=120) == 1
        assert program.stderr.read() == b""  # type: ignore[union-attr]


def test_interruption_ends_with_one_line(capsys: pytest.CaptureFixture) -> None:
    assert run(KeyboardInterrupt) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_program_lets_it_clean_up(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    number = signal.Signals[name]
    before = signal.getsignal(number)

    def main() -> None:
        with outputs.reserved(tmp_path / "a.png", replace=False, flag="picture"):
            signal.raise_signal(number)

    with pytest.raises(SystemExit) as ended:
        flags.run(main, ["program"])
    assert ended.value.code == 128 + number
    assert capsys.readouterr() == ("", "interrupted\n")
    assert (list(tmp_path.iterdir()), signal.getsignal(number)) == ([], before)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        run(KeyError)


def test_the_exit_code_is_what_main_returns() -> None:
    assert run(None) == 0
    assert run(3) == 3


def test_help_names_every_flag_with_its_bounds(capsys: pytest.CaptureFixture) -> None:
    assert run(3, "--help") == 0
    text = capsys.readouterr().out
    assert "Flags: made from dataclasses" in text
    for kind in (WaveNetConfig, FeatureConfig, ConditioningConfig, ContextConfig, DataConfig, Options):
        for field in dataclasses.fields(kind):
            if not dataclasses.is_dataclass(field.type):
                assert field.name in text
                assert field.metadata["help"].split()[-1] in text
    assert "Number of quantisation levels. (>= 2, <= 65536)" in text
    assert "Folder of the run. (required)" in text
    assert "--[no]bias" in text


def test_the_base_system_is_the_default_network() -> None:
    assert read_run(f"--flagfile={ROOT / 'experiments' / 'presets' / 'base.flags'}").model == WaveNetConfig()


def test_the_demonstration_is_the_base_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = read_run("--flagfile=experiments/presets/demo.flags")
    assert config.model == WaveNetConfig()
    assert all(Path(folder).is_dir() for folder in config.data.data_dir)


@pytest.mark.parametrize(
    ("preset", "layers", "receptive_field", "parameters"),
    [
        ("ljspeech", 24, 505, 3_958_766),
        ("music", 10, 33_918, 1_293_504),
        ("paper", 30, 3_070, 1_255_744),
        ("sc09", 40, 4_093, 4_109_056),
        ("tiny", 3, 8, 2_432),
        ("vctk", 10, 1_024, 555_584),
    ],
)
def test_presets(
    preset: str, layers: int, receptive_field: int, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert preset in {path.stem for path in PRESETS}
    model = read_run(f"--flagfile={ROOT / 'experiments' / 'presets' / preset}.flags").model
    assert (model.layers, WaveNet(model).receptive_field, parameter_count(model)) == (
        layers,
        receptive_field,
        parameters,
    )
