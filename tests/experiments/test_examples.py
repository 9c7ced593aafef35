"""What the README and the examples show in Python runs as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavenet_jax
from tests.experiments.conftest import ROOT
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.wav import write_wav

QUICK = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_the_example_runs_as_it_is_written(tmp_path: Path) -> None:
    program = [sys.executable, "-W", "error", str(ROOT / "examples" / "from_python.py")]
    ended = subprocess.run(program, cwd=tmp_path, env=QUICK, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["step 20", "step 40"]
    assert lines[-1].endswith(f"the network, {lines[-1].split()[2]} bytes: from_python/model")
    for name in ("generated", "continued"):
        samples, rate = soundfile.read(tmp_path / "from_python" / f"{name}.wav")
        assert rate == 8_000
        assert len(samples) == {"generated": 8_000, "continued": 12_000}[name]


def test_the_readme_runs_as_it_is_written(
    workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (section,) = re.findall(r"^## From Python$(.*?)^## ", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    monkeypatch.chdir(tmp_path)
    shutil.copytree(workdir, "runs/mine")
    random = np.random.default_rng(0)
    for folder in ("held_out", "recordings"):
        Path(folder).mkdir()
        for number in range(20):
            write_wav(f"{folder}/{number}.wav", random.uniform(-0.5, 0.5, 600), 4_000)
    write_wav("clip.wav", random.uniform(-0.5, 0.5, 1_500), 4_000)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert soundfile.info("out.wav").frames == 8_000
    assert "400 samples" in capsys.readouterr().out
    files = {"README.md", "config.json", "model.flags", "model.safetensors"}
    assert {path.name for path in Path("model").iterdir()} == files
    assert Path("session.safetensors").is_file()
    assert Path("runs/new/checkpoints").is_dir()


@pytest.mark.slow
def test_the_trained_vocoder_copies_a_recording() -> None:
    run = wavenet_jax.load(ROOT / "examples" / "vocoder")
    recording = str(ROOT / "examples" / "speech" / "vm-nobox.flac")
    original = wavenet_jax.read_audio(recording, run.sample_rate)
    options = {"temperature": 0.8, "unvoiced_temperature": 1.0, "seed": 0}
    measure = LogMel.of(run.config.model)
    raw = distances(original, run.vocode(recording, **options), measure)["log_mel_db"]
    equalized = distances(original, run.vocode(recording, mel_equalization=3, **options), measure)["log_mel_db"]
    # Of the training speaker 3.5 and 1.2 dB; white noise is at 30.
    assert raw < 5
    assert equalized < 2
