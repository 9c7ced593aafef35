"""Any file in a data folder is read, or skipped with a reason."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data import bad_files, fuzz
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import Batches, collect

Config = Callable[..., DataConfig]


def test_each_bad_file_is_used_or_skipped_as_expected(folder: Path, data: Config) -> None:
    cases = bad_files.make(folder)
    collection = collect(data(), WaveNetConfig())
    reasons = {recording.name: recording.problem for recording in collection.recordings}
    assert set(reasons) == {show(case.name) for case in cases}
    surprises = [
        f"{case.name!r}: expected {case.reason or 'to be used'}, got {reasons[show(case.name)]}"
        for case in cases
        if not _as_expected(case.reason, reasons[show(case.name)])
    ]
    assert not surprises, "\n".join(surprises)
    assert len(cases) > 50

    source = collection.split("train")
    for clip in range(len(source)):
        whole = source.read(clip, 0, int(source.lengths[clip]))
        assert np.isfinite(whole).all()
        assert np.abs(whole).max() <= 1
    batches = Batches(source, Grid(256, "mu_law"), batch_size=8, crop_samples=4_000, seed=0)
    assert batches[0].mask.any()


def _as_expected(expected: str | None, reason: str | None) -> bool:
    return reason is None if expected is None else reason is not None and re.search(expected, reason) is not None


def survive(place: Path, name: str, data: bytes) -> None:
    """Has a folder with this one file read."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        (Path(folder) / name).write_bytes(data)
        assert fuzz.check(Path(folder), place / "cache").total() == 1


@pytest.fixture(scope="module")
def seeds() -> list[fuzz.Seed]:
    return fuzz.seeds()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(number=st.integers(0, len(fuzz.FORMS) - 1), offset=st.integers(0, 127), patch=st.binary(min_size=1, max_size=8))
def test_any_bytes_in_a_header_are_survived(
    seeds: list[fuzz.Seed], tmp_path: Path, number: int, offset: int, patch: bytes
) -> None:
    survive(tmp_path, f"clip{seeds[number].extension}", bad_files.patched(seeds[number].data, offset, patch))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.binary(max_size=500), extension=st.sampled_from([".wav", ".flac", ".ogg", ".mp3", ".caf"]))
def test_files_of_any_bytes_are_survived(tmp_path: Path, data: bytes, extension: str) -> None:
    survive(tmp_path, f"clip{extension}", data)


def test_a_short_fuzz_run_stays_small() -> None:
    result = fuzz.run_limited(seconds=5)
    assert result["files"] > 100
    assert result["used"] > 0
    assert result["skipped"] > 0
    assert result["peak_mib"] < 400


@pytest.mark.slow
def test_a_long_fuzz_run_stays_small() -> None:
    result = fuzz.run_limited(seconds=60, seed=1)
    assert result["files"] > 2_000
    assert result["peak_mib"] < 400
