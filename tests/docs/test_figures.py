"""No number in the README or in docs/ differs from the JSON file that it came from."""

import json
import re
from pathlib import Path

import pytest

from experiments.support.benchmarks import preset_config, with_some_classes
from tests.docs.figures import FIGURES, ROOT, add, pages, value_at, written
from wavenet_jax.model import parameter_count, receptive_field


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_the_figures_of_a_page_are_those_of_their_files(page: Path) -> None:
    text = page.read_text()
    assert written(text) == text, f"make figures writes the figures of {page.relative_to(ROOT)} anew"


def test_some_figures_are_marked_and_every_file_of_figures_is_used() -> None:
    text = "".join(page.read_text() for page in pages())
    assert text.count("<!-- figure: ") > 30
    for file in FIGURES.glob("*"):
        content = json.loads(file.read_text())
        assert content["command"]
        assert content["date"]
        assert f"figure: {file.stem}." in text or f"machines: {file.stem}" in text, f"nothing shows {file.name}"


def test_the_table_of_presets_says_what_the_networks_are() -> None:
    rows = re.findall(
        r"^\| `(\w+)\.flags` \| (.*?) \| (.*?) \| (.*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) >= 7
    for name, layers, field, parameters in rows:
        config = with_some_classes(preset_config(name).model)
        samples = receptive_field(config)
        seconds = samples / config.sample_rate
        long = f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
        assert layers.split(",")[0] == str(config.layers), name
        assert field == f"{samples:,} samples, {long}", name
        assert parameters == f"{parameter_count(config) / 1e6:.2f} M", name


def test_a_table_of_machines_is_written_from_their_reports(tmp_path: Path) -> None:
    about = {"processor": "X", "cores": 4, "instructions": "v4", "memory_gib": 8.0, "accelerators": ["G", "G"]}
    for name, speed in (("here", 1_000), ("there", 2_500)):
        lines = [{"name": "train", "unit": "samples/s", "median": speed, "spread": [1, 9], "load": speed / 1e3}]
        lines.append({"name": "copy", "skipped": "no compiler"})
        header = {"command": "wavenet bench", "date": "2026-01-31T00:00:00", "machine": about}
        (tmp_path / f"{name}.json").write_text(json.dumps({**header, "figures": lines}))
    after = written("<!-- machines: here there -->\n<!-- end -->\n", tmp_path)
    assert after.splitlines()[1:6] == [
        "| figure | unit | here | there | times as fast |",
        "|---|---|---|---|---|",
        "| train | samples/s | 1,000 | 2,500 | 2.50 |",
        "",
        "- here: 4 cores of X (v4), 8 GiB, 2 x G; 2026-01-31, load 1.00; `wavenet bench`",
    ]
    assert "  - left out: copy (no compiler)" in after
    assert written(after, tmp_path) == after


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    figures = [{"name": "sample/base/1", "unit": "samples/s", "median": 112_345.6, "spread": [1e5, 2e5]}]
    values = {"a": {"b": [1.005, 0.9505]}, "minus": -0.25, "years": 1454.2, "share": 0.533, "word": "x"}
    (tmp_path / "one.json").write_text(json.dumps({**values, "figures": figures}))
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PESQ **9.99**<!-- figure: one.a.b.0 -->.", "PESQ **1.00**<!-- figure: one.a.b.0 -->."),
        (".000<!-- figure: one.a.b.1 -->", ".951<!-- figure: one.a.b.1 -->"),
        ("-.0<!-- figure: one.minus -->", "-.2<!-- figure: one.minus -->"),
        ("0,000<!-- figure: one.sample/base/1.median -->", "112,000<!-- figure: one.sample/base/1.median -->"),
        ("0000<!-- figure: one.years -->", "1450<!-- figure: one.years -->"),
        ("1454<!-- figure: one.years -->", "1454<!-- figure: one.years -->"),
        ("0<!-- figure: one.share *100 --> %", "53<!-- figure: one.share *100 --> %"),
        ("```\n1<!-- figure: nothing -->\n```", "```\n1<!-- figure: nothing -->\n```"),
    ],
)
def test_a_number_is_written_in_the_form_that_it_had(before: str, after: str, folder: Path) -> None:
    assert written(before, folder) == after
    assert written(after, folder) == after


@pytest.mark.parametrize("place", ["one.a.c", "two.a", "one.word", "one.a.b.7", "one.a"])
def test_a_place_without_a_number_is_refused(place: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"there is no number at {place}"):
        value_at(place, folder)


def test_a_mark_without_a_number_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="has to stand right behind a number"):
        written("about <!-- figure: one.minus -->", folder)


def test_a_result_is_taken_in_with_its_command(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    result.write_text('{"bits": 3.25}')
    added = json.loads(add("mine", result, "wavenet evaluate", tmp_path).read_text())
    assert added["command"] == "wavenet evaluate"
    assert len(added["date"]) == 25
    assert value_at("mine.bits", tmp_path) == 3.25
    result.write_text("[1]")
    with pytest.raises(ValueError, match="is not one JSON object"):
        add("mine", result, "", tmp_path)
