"""No number in the README or in docs/ differs from the JSON file that it came from."""

import json
import re
from pathlib import Path

import pytest

from experiments.support.benchmarks import preset_config, with_some_classes
from tests.docs.figures import FIGURES, ROOT, add, pages, unmarked, value_at, written
from wavenet_jax.model import parameter_count, receptive_field

NO_MEASUREMENTS = {
    "README.md": ["preset"],
    "conditioning.md": ["--head"],
    "data.md": ["flag"],
    "measures.md": ["measure"],
}
"""Tables, by their first heading, that say what there is, and not what it reached."""


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_the_figures_of_a_page_are_those_of_their_files(page: Path) -> None:
    text = page.read_text()
    assert written(text) == text, f"make figures writes the figures of {page.relative_to(ROOT)} anew"


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_every_measured_number_in_a_table_comes_from_a_file(page: Path) -> None:
    found = [one for one in unmarked(page.read_text()) if one[0] not in NO_MEASUREMENTS.get(page.name, [])]
    copied = [f"{row}: {cell}" for _, row, cell in found]
    assert copied == [], "docs/contributing.md says how a number is tied to its file"


def test_some_figures_are_marked_and_every_file_of_figures_is_used() -> None:
    text = "".join(page.read_text() for page in pages())
    assert text.count("<!-- figure: ") > 30
    for file in FIGURES.glob("*"):
        content = json.loads(file.read_text())
        assert content["command"]
        assert content["date"]
        shown = re.search(rf"<!-- (figure: {file.stem}\.|table: {file.stem}[. ]|machines: [^>]*\b{file.stem}\b)", text)
        assert shown, f"nothing shows {file.name}"


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
    values = {
        "a": {"b": [1.005, 0.9505]},
        "minus": -0.25,
        "years": 1454.2,
        "share": 0.533,
        "tiny": 2.58e-7,
        "word": "x",
    }
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
        ("0e0<!-- figure: one.tiny -->", "3e-7<!-- figure: one.tiny -->"),
        ("0.0e0<!-- figure: one.tiny -->", "2.6e-7<!-- figure: one.tiny -->"),
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
    result.write_text('{"name": "a", "median": 1, "machine": 2, "versions": 3}\n' * 2)
    add("lines", result, "wavenet bench-train", tmp_path)
    assert value_at("lines.a.median", tmp_path) == 1
    for wrong in ("[1]", "", "{}\n{}", "no"):
        result.write_text(wrong)
        with pytest.raises(ValueError, match="is neither one JSON object nor lines of a benchmark"):
            add("mine", result, "", tmp_path)


TABLE = """<!-- table: rows -->
| zeros | `base` | *paper*, best |
|---|---|---|
| **none** | 00.0 (0.0) | 0 of `--flag=9`, int8 |
| 50 % | a note | **0,000 µs** |
<!-- end -->
"""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    content = {"none": {"base": [27.04, 3], "paper, best": 3}, "50 %": {"paper, best": 1234.5}}
    (tmp_path / "rows.json").write_text(json.dumps(content))
    judged = {"systems": {"copy": {"pesq": {"mean": 2.5}}}}
    (tmp_path / "judged.json").write_text(json.dumps(judged))
    return tmp_path


def test_a_table_has_the_numbers_of_its_rows_and_columns(rows: Path) -> None:
    after = written(TABLE, rows)
    assert after.splitlines()[3:5] == [
        "| **none** | 27.0 (3.0) | 3 of `--flag=9`, int8 |",
        "| 50 % | a note | **1,230 µs** |",
    ]
    assert written(after, rows) == after


def test_a_table_may_say_where_rows_and_columns_belong(rows: Path) -> None:
    table = (
        "<!-- table: judged.systems.{column}.{row}.mean -->\n| m | `copy` |\n|---|---|\n| `pesq` | 0.00 |\n<!-- end -->"
    )
    assert "| `pesq` | 2.50 |" in written(table, rows)


@pytest.mark.parametrize("cell", ["00.0", "0 (0) 0", "x 1<!-- figure: rows.none.base.1 -->, 1"])
def test_a_cell_with_other_numbers_than_its_file_is_refused(cell: str, rows: Path) -> None:
    with pytest.raises(ValueError, match="numbers in the cell .* and not as many in rows.json at none > base"):
        written(TABLE.replace("00.0 (0.0)", cell), rows)


def test_a_number_in_a_table_that_its_file_lacks_is_refused(rows: Path) -> None:
    with pytest.raises(ValueError, match="rows.json at 50 % > base"):
        written(TABLE.replace("a note", "7"), rows)


@pytest.mark.parametrize(
    "cell",
    [
        "3.5",
        "27.0 (26.5)",
        "9.47, **9.37**",
        "3 to 4",
        "5.9; 9.4",
        "2.6 x",
        "1.2 x real time",
        "twice, 7 %",
        "0.7 s each",
        "1,450 crops/s",
        "1.8 dB (noise)",
        "6e-8 to 1.2e-7",
        "18 MiB more",
        "1<!-- figure: one.minus -->; 4 ms",
    ],
)
def test_a_cell_that_looks_measured_is_found(cell: str) -> None:
    assert unmarked(f"text\n\n| a | b |\n|---|---|\n| *x* | {cell} |\n") == [("a", "x", cell)]


@pytest.mark.parametrize(
    "cell",
    ["", "two cores", "`--seconds=4 s`", "4 crops of 8,000", "-1<!-- figure: one.minus --> dB", "24 kills", "[a](b#3)"],
)
def test_other_cells_are_none(cell: str) -> None:
    assert unmarked(f"| 5 % | 6 s |\n|---|---|\n| 7 ms | {cell} |\n\n3 dB | 4\n") == []
