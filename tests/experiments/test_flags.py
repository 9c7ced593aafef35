"""Flags: made from dataclasses, read from the command line and from flagfiles, refused in one line."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from experiments import flags
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
from wavenet_jax.model import parameter_count

ROOT = Path(__file__).parents[2]
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
    path.write_text(flags.flag_lines(config), encoding="utf-8")
    assert read_run(f"--flagfile={path}") == config


@pytest.mark.parametrize("text", ["two\nlines", " indented", "", "tail ", "not \udcff UTF-8"])
def test_a_text_that_no_flagfile_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^data_dir .* cannot be kept in a flagfile"):
        flags.flag_lines(DataConfig(data_dir=(text,)))


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
        ("--flagfile", "--flagfile with no argument"),
        ("--flagfile=none.flags", "Unable to open flagfile: [Errno 2] No such file or directory: 'none.flags'"),
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
        (b"\xff\xfe\x00", "flagfile is not UTF-8 text: "),
    ],
)
def test_bad_flagfiles_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.flags"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message.replace("\\", "\\\\").replace("?", r"\?")):
        read_run(f"--flagfile={path}")


def test_a_flag_without_default_is_required() -> None:
    with pytest.raises(ValueError, match="^--workdir is required: Folder of the run.$"):
        flags.read([Options], ["program"])
    assert flags.read([Options], ["program", "--workdir=x"]) == [Options(workdir="x")]


def run(body: type[BaseException] | int | None, *arguments: str) -> int:
    """The exit code of a program that returns ``body``, or raises it."""

    def main(config: RunConfig, options: Options) -> int | None:
        if isinstance(body, type):
            raise body("first line,\n  second line")
        return body

    with pytest.raises(SystemExit) as caught:
        flags.run(main, ["program", "--workdir=x", *arguments])
    return caught.value.code or 0  # type: ignore[return-value]


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_bad_input_ends_with_one_line(error: type[Exception], capsys: pytest.CaptureFixture) -> None:
    assert run(error) == 1
    assert capsys.readouterr() == ("", "error: first line, second line\n")


def test_bad_flags_end_with_one_line(capsys: pytest.CaptureFixture) -> None:
    assert run(None, "--levels=1") == 1
    assert capsys.readouterr() == ("", "error: levels must be at least 2, got 1\n")


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
    assert "Quantisation levels of a sample. (>= 2, <= 65536)" in text
    assert "Folder of the run. (required)" in text
    assert "--[no]bias" in text


def test_the_base_system_is_the_default_network() -> None:
    assert read_run(f"--flagfile={ROOT / 'base.flags'}").model == WaveNetConfig()


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
    assert (model.layers, model.receptive_field, parameter_count(model)) == (layers, receptive_field, parameters)
