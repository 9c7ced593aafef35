"""The tutorial and the notebook run from their beginning to their end, with fewer steps."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.commands import commands
from tests.docs.figures import ROOT
from tests.experiments.children import environment

LESS = {
    "train": (
        "--num_steps=4",
        "--validate_every=2",
        "--save_every=2",
        "--validation_samples=4000",
        "--probe_seconds=0",
    ),
    "train-acoustic": ("--num_steps=4", "--validate_every=2", "--save_every=2"),
    "sample": ("--seconds=0.5",),
    "vocode": ("--seconds=0.5",),
    "judge": ("--measures=log_mel_db",),
    "bench": ("--only=data",),
}
"""Flags that come after those of the tutorial, by program, and win."""

OUTPUTS = 100_000
"""Bytes of outputs that a notebook may have."""


@pytest.mark.slow
def test_the_tutorial_leads_to_a_voice(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shown = [one for one in commands((ROOT / "docs" / "tutorial.md").read_text()) if one.name == "wavenet"]
    programs = [one for one in shown if len(one.words) > 1]
    assert len(programs) >= 11
    for one in programs:
        program, *arguments = one.words
        less = () if any(word.startswith("--mel_from") for word in arguments) else LESS.get(program, ())
        started = [sys.executable, "-m", "experiments.command", program, *arguments, *less]
        ended = subprocess.run(
            started, cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{' '.join(one.words)}: {ended.stderr[-2_000:]}"
    for name in ("overview.png", "curve.png", "babble.wav", "copy.wav", "clip.png", "hello.wav", "here.json"):
        assert (tmp_path / name).stat().st_size > 1_000, name
    assert (tmp_path / "voice" / "acoustic").is_dir()


def notebooks() -> list[Path]:
    return sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # which programs without a screen set, in this process too
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    made = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {"image/jpeg", "text/html"} <= {kind for output in made for kind in output.get("data", {})}
    assert not [output for output in made if output.output_type == "error"]


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_a_notebook_is_kept_small(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert len(json.dumps(outputs)) < OUTPUTS
    assert not [output for output in outputs if re.search("audio", str(output.get("data", {}).get("text/html", "")))]
