"""Links lead somewhere, and commands name what there is: in the README, in docs/, in examples/ and in the programs."""

import ast
import configparser
import functools
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from experiments import command
from experiments.support import flags
from tests.docs.commands import Command, anchors, commands, links, usages
from tests.docs.figures import ROOT, pages

PAGES = [*pages(), *sorted((ROOT / "examples").rglob("*.md")), *sorted((ROOT / "wavenet_jax").rglob("*.md"))]
OF_A_RUN = ("run.flags", "model.flags")
"""Flagfiles that a run or a model folder brings."""


@pytest.fixture(autouse=True)
def with_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands say DIR where a folder belongs, and one program looks whether there is one."""
    monkeypatch.chdir(tmp_path)
    Path("DIR").mkdir()


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    wrong = []
    for target in links(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path.read_text())):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_name_programs_flags_and_values_that_there_are(page: Path) -> None:
    assert [problem for one in commands(page.read_text()) if (problem := problem_of(one))] == []


def test_the_usage_of_every_program_names_its_flags() -> None:
    problems = {}
    for program in command.PROGRAMS:
        spec = importlib.util.find_spec(command.module_of(program))
        assert spec is not None
        assert spec.origin is not None
        text = ast.get_docstring(ast.parse(Path(spec.origin).read_text())) or ""
        shown = list(usages(text))
        assert shown, f"{program} shows no command"
        problems[program] = [problem for one in shown if (problem := problem_of(one))]
    assert {program: found for program, found in problems.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```\nwavenet trian --workdir=a\n```", "there is no program trian"),
        ("```\nwavenet sample --workdir=a --output=a.wav\n    --secnods=3   text\n```", "unknown flag '--secnods'"),
        ("```\n1  wavenet sample --workdir=a \\\n  --output=a.wav --seed=x\n```", "seed must be a whole number"),
        ("```\nwavenet evaluate  # nothing\n```", "--workdir is required"),
        ("Say `wavenet sample --seed=-1`.", "seed must be at least 0"),
        ("Say `wavenet sample`, or `wavenet sample --seed=1`.", ""),
        ("`wavenet train --flagfile=none.flags`", "there is no flagfile none.flags"),
        ("`make nothing`, `make test`", "there is no target nothing"),
        ("`pytest -m slow tests/nowhere`", "there is no tests/nowhere"),
        ("`python -m tests.nothing --a`", "there is no module tests.nothing"),
        ('`pip install ".[nothing]"`', "there is no extra nothing"),
    ],
)
def test_what_is_wrong_with_a_command_is_found(text: str, problem: str) -> None:
    found = [said for one in commands(text) if (said := problem_of(one))]
    assert len(found) == bool(problem)
    assert problem in "".join(found)


def problem_of(one: Command) -> str:
    """Says what is wrong with a command; nothing where all is well."""
    match one.name:
        case "wavenet" if one.words and not one.words[0].startswith("-"):
            return _problem_of_program(one.words[0], one.words[1:], one.whole)
        case "python -m" if one.words and one.words[0].startswith("experiments."):
            program = one.words[0].removeprefix("experiments.").partition(".")[0]
            return _problem_of_program(program, one.words[1:], one.whole)
        case "python -m" if one.words and one.words[0].startswith("tests."):
            path = ROOT / f"{one.words[0].replace('.', '/')}.py"
            return "" if path.is_file() else f"there is no module {one.words[0]}"
        case "make":
            known = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            unknown = [word for word in one.words[:1] if word.islower() and word not in known]
            return f"there is no target {unknown[0]}" if unknown else ""
        case "pytest":
            gone = [word for word in one.words if word.startswith("tests/") and not (ROOT / word).exists()]
            return f"there is no {gone[0]}" if gone else ""
        case "pip install":
            asked = {extra for word in one.words for extra in re.findall(r"(?:\.|wavenet-jax)\[([\w,]+)\]", word)}
            unknown = [extra for each in asked for extra in each.split(",") if extra not in _extras()]
            return f"there is no extra {unknown[0]}" if unknown else ""
    return ""


def _problem_of_program(program: str, arguments: list[str], whole: bool) -> str:
    program = program.replace("_", "-")
    if program == "PROGRAM" or program == "NAME":
        return ""
    if program not in command.PROGRAMS:
        return f"there is no program {program}"
    if not whole and not any("=" in word for word in arguments):
        return ""
    given = [word for word in arguments if not word.endswith(OF_A_RUN) and word not in ("--help", "-")]
    incomplete = not whole or len(given) < len(arguments)
    while True:
        try:
            flags.read(_kinds(program), [program, *given])
            return ""
        except ValueError as error:
            missing = re.match(r"--(\w+) is required", str(error))
            letter = re.match(r"(\w+) must be a (?:whole )?number, got '[A-Z]'", str(error))  # stands for a number
            if letter:
                given = [word for word in given if not word.startswith(f"--{letter[1]}=")]
            elif incomplete and missing:
                given.append(f"--{missing[1]}=FILE")
            else:
                return f"{program} {' '.join(arguments)}: {error}"


@functools.cache
def _kinds(program: str) -> list[type]:
    return flags.config_classes(importlib.import_module(command.module_of(program)).main)


@functools.cache
def _extras() -> set[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return set(parser["options.extras_require"])
