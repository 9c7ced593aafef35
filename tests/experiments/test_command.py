"""The command: every program as a subcommand, from any folder, installed or not."""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

from experiments import command
from experiments.app import recipes
from experiments.app.__main__ import main as start_page
from experiments.support import flags, presets
from tests.experiments.children import environment
from tests.experiments.conftest import ROOT, Call
from wavenet_jax.acoustic import AcousticRunConfig
from wavenet_jax.config import RunConfig


def answer(*arguments: str, capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capsys.readouterr()


def test_the_overview_has_a_line_about_every_program(capsys: pytest.CaptureFixture) -> None:
    code, out, err = answer("--help", capsys=capsys)
    assert (code, err) == (0, "")
    assert answer(capsys=capsys) == (0, out, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines() if line.startswith("  ")]
    modules = {path.stem.replace("_", "-") for path in (ROOT / "experiments").glob("[a-z]*.py")} - {"command"}
    assert {name for name, _ in lines} == modules | {"app"}
    assert all(len(about) > 20 for _, about in lines)
    assert max(map(len, out.splitlines())) <= 110


def test_the_version_is_said(capsys: pytest.CaptureFixture) -> None:
    code, out, _ = answer("--version", capsys=capsys)
    assert code == 0
    assert out.startswith("wavenet ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "error: there is no program 'trian'; did you mean train?\n"),
        ("zzz", "error: there is no program 'zzz'; wavenet --help lists all programs\n"),
    ],
)
def test_an_unknown_program_is_refused_with_the_nearest_name(
    name: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    assert answer(name, capsys=capsys) == (1, "", message)


@pytest.mark.parametrize("name", ["bench-data", "bench_data"])
def test_a_program_gets_its_flags_and_its_help_names_the_command(
    name: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["wavenet"])
    code, out, _ = answer(name, "--help", capsys=capsys)
    assert code == 0
    assert out.startswith("usage: wavenet bench-data [--flagfile=FILE] [--FLAG=VALUE ...]\n")
    code, _, err = answer(name, "--step_seconds=0", capsys=capsys)
    assert (code, err) == (1, "error: --step_seconds must be above 0, got 0.0\n")


def test_the_list_of_programs_starts_without_jax() -> None:
    program = "import sys; sys.argv[0] = 'wavenet'; from experiments.command import overview; overview(); "
    ended = subprocess.run(
        [sys.executable, "-c", program + "print([name for name in ('jax', 'numpy', 'absl') if name in sys.modules])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "[]\n"


def test_presets_and_what_they_include_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in presets.names():
        for written in (f"{name}.flags", name, f"experiments/presets/{name}.flags"):
            flags.read([RunConfig], ["program", f"--flagfile={written}"])
    for path in (presets.FOLDER / "data").glob("*.flags"):
        flags.read([RunConfig], ["program", f"--flagfile=data/{path.name}"])
    for size in ((), ("speech/small.flags",)):
        for which in ("speech/acoustic.flags", "speech/speakers.flags"):
            (config,) = flags.read(
                [AcousticRunConfig], ["program", *(f"--flagfile={written}" for written in (which, *size))]
            )
            assert config.acoustic.condition_on_classes == (which == "speech/speakers.flags")
            assert (config.data.batch_size == 2) == (config.acoustic.frame_channels == 224) == bool(size)


def test_the_page_offers_its_recipes_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipes.available() == list(recipes.RECIPES)


def test_the_page_without_its_packages_says_what_to_install(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "streamlit" else find(name))
    assert call(start_page) == (1, "", "error: the page needs streamlit; pip install 'wavenet-jax[ui]'\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ``pip install .`` would install, without what it depends on."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    for name in ("wavenet_jax", "experiments"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_what_is_installed_has_the_command_and_every_preset(installed: Path) -> None:
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "wavenet = experiments.command:main" in points.read_text()
    for path in (ROOT / "experiments" / "presets").rglob("*.flags"):
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert {path.suffix for path in (installed / "experiments" / "app").rglob("*.*")} >= {
        ".css",
        ".js",
        ".svg",
        ".toml",
    }
    assert not (installed / "tests").exists()


@pytest.mark.slow
def test_the_installed_command_trains_and_samples_beside_another_package_of_the_same_name(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("raise RuntimeError('not this one')")
    script = tmp_path / "bin" / "wavenet"  # as pip writes it
    script.parent.mkdir()
    script.write_text("import sys\nfrom experiments.command import main\nsys.exit(main())\n")
    for arguments in (
        ["train", "--flagfile=base.flags", "--workdir=runs/a", "--num_steps=2", "--batch_size=2", "--probe_seconds=0"],
        ["sample", "--workdir=runs/a", "--output=a.wav", "--seconds=0.1"],
    ):
        ended = subprocess.run(
            [sys.executable, str(script), *arguments],
            cwd=tmp_path,
            env=environment(PYTHONPATH=os.pathsep.join([str(installed), *sys.path])),
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
    assert soundfile.info(tmp_path / "a.wav").frames == 1_600
