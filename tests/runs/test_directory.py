"""The run directory belongs to one run at a time, and to one configuration."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.strategies import run_configs
from tests.training.tiny import CONFIG, configured
from wavenet_jax.acoustic import AcousticDirectory
from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.runs.directory import RunDirectory, first_difference

HOLD = """
import sys, time
from pathlib import Path
from wavenet_jax.runs.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_run_of_another_network_is_named_as_that(tmp_path: Path) -> None:
    ours, theirs = RunDirectory(tmp_path / "ours"), AcousticDirectory(tmp_path / "theirs")
    for run in (ours, theirs):
        run.path.mkdir()
        run.config_file.write_text(to_json(run.config_kind()))
    with pytest.raises(ValueError, match="theirs is the run of an acoustic model; name the run of a WaveNet$"):
        RunDirectory(theirs.path).read_config()
    with pytest.raises(ValueError, match="ours is the run of a WaveNet; name the run of an acoustic model$"):
        AcousticDirectory(ours.path).read_config()


def test_one_run_at_a_time_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match=r"^another run is writing to .*; wait until"),
            RunDirectory(tmp_path).locked(),
        ):
            pass
        child.kill()
    with RunDirectory(tmp_path).locked():
        pass


def test_the_configuration_is_kept(tmp_path: Path) -> None:
    RunDirectory(tmp_path).settle_config(CONFIG)
    assert RunDirectory(tmp_path).read_config() == CONFIG
    RunDirectory(tmp_path).settle_config(CONFIG)


@pytest.mark.parametrize(
    "change",
    [{"levels": 32}, {"batch_size": 8}, {"learning_rate": 1.0}, {"seed": 1}, {"overfit_one_clip": True}],
    ids=str,
)
def test_another_configuration_is_refused_and_the_field_named(change: dict[str, Any], tmp_path: Path) -> None:
    RunDirectory(tmp_path).settle_config(CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=rf"^{tmp_path} holds a run with {name}=.*, got {value}; resume it with"):
        RunDirectory(tmp_path).settle_config(configured(**change))
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_run_may_become_longer_and_save_more_often(tmp_path: Path) -> None:
    RunDirectory(tmp_path).settle_config(CONFIG)
    longer = configured(num_steps=100, save_every=1)
    RunDirectory(tmp_path).settle_config(longer)
    assert RunDirectory(tmp_path).read_config() == longer


@given(run_configs(), run_configs())
def test_differences_are_found_between_any_two(ours: RunConfig, yours: RunConfig) -> None:
    difference = first_difference(ours, yours)
    if difference is None:
        assert dataclasses.replace(ours, train=yours.train) == yours
        assert ours.train.seed == yours.train.seed
    else:
        name, mine, other = difference
        assert mine != other
        assert any(getattr(part, name, None) == mine for part in vars(ours).values())
    assert first_difference(ours, ours) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"model": {"levels": 1}}', b'{"zzz": 1}']
)
def test_a_damaged_configuration_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json") as caught:
        RunDirectory(tmp_path).read_config()
    assert "\n" not in str(caught.value)


def test_checkpoints_without_a_configuration_are_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "5").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"has checkpoints but no config\.json"):
        RunDirectory(tmp_path).settle_config(CONFIG)


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(ValueError, match=f"workdir must be a folder, and .*{name} leads to a file; choose another"),
        RunDirectory(tmp_path / name).locked(),
    ):
        pass
    assert (tmp_path / "file").read_text() == "mine"
