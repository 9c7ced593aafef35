"""Classes and transcripts come from where the user says."""

from pathlib import Path

import pytest

from wavenet_jax.config import DataConfig
from wavenet_jax.data import labels
from wavenet_jax.data.labels import Labels, Lookup


def labeller(folder: str, data: DataConfig, *names: str, notes: list[str] | None = None) -> Labels:
    return labels.labeller(folder, data, names, ([] if notes is None else notes).append)


def transcriber(folder: str, data: DataConfig, *names: str, notes: list[str] | None = None) -> Lookup:
    return labels.transcriber(folder, data, names, ([] if notes is None else notes).append)


def by_table(folder: Path, content: str | bytes, *names: str, notes: list[str] | None = None) -> Labels:
    (folder / "who.tsv").write_bytes(content if isinstance(content, bytes) else content.encode())
    data = DataConfig(label_from="table", label_table="who.tsv")
    return labeller(str(folder), data, *names, notes=notes)


def test_the_class_is_the_first_folder() -> None:
    label_of = labeller("", DataConfig(label_from="folder"))
    assert [label_of(name) for name in ("zero/a.wav", "one/b/c.wav", "d.wav")] == [
        ("class=zero",),
        ("class=one",),
        None,
    ]


def test_the_class_is_the_group_of_a_pattern() -> None:
    label_of = labeller("", DataConfig(label_from="pattern", label_pattern=r"/(p\d+)_"))
    assert [label_of(name) for name in ("wav/p225_001.wav", "wav/other.wav")] == [("class=p225",), None]


def test_named_groups_are_families() -> None:
    label_of = labeller("", DataConfig(label_from="pattern", label_pattern=r"(?P<who>p\d+)_(?P<how>loud|soft)?"))
    assert label_of("p1_loud.wav") == ("who=p1", "how=loud")
    assert label_of("p1_.wav") is None


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_tables_name_files_in_full_or_in_short(separator: str, tmp_path: Path) -> None:
    rows = [["a/b.wav", "full"], ["a/c", "no extension"], ["d", "no folder"], ["e.wav", "skipped", "the last column"]]
    (tmp_path / "table").write_text("\n".join(separator.join(row) for row in rows) + "\n\n", "utf-8-sig")
    text_of = transcriber(str(tmp_path), DataConfig(transcript_table="table"))
    names = ["a/b.wav", "a/c.flac", "x/d.wav", "x/e.wav", "f.wav"]
    assert [text_of(name) for name in names] == ["full", "no extension", "no folder", "the last column", None]


def test_folders_within_may_have_the_tables(tmp_path: Path) -> None:
    """As of several speakers or languages; a table at the top says it all."""
    for place, rows in {"ann/en": "1\tone\n", "ann/es": "1\tuno\n", "bob": "a/1\teins\n", "bob/a": "1\tno\n"}.items():
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "words.tsv").write_text(rows)
    names = ("ann/en/1.wav", "ann/es/1.wav", "bob/a/1.wav", "carl/1.wav", "1.wav")
    data = DataConfig(transcript_table="words.tsv")
    text_of = transcriber(str(tmp_path), data, *names)
    assert [text_of(name) for name in names] == ["one", "uno", "eins", None, None]
    (tmp_path / "words.tsv").write_text("ann/en/1\tun\n")
    text_of = transcriber(str(tmp_path), data, *names)
    assert [text_of(name) for name in names] == ["un", None, None, None, None]


def test_a_class_table_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "speakers.tsv").write_text("a.wav\tAnn\n")
    data = DataConfig(label_from="table", label_table="speakers.tsv")
    assert labeller(str(tmp_path), data)("a.wav") == ("class=Ann",)


def test_a_class_table_with_a_header_has_families(tmp_path: Path) -> None:
    (tmp_path / "who.tsv").write_text("file\tspeaker\tlanguage\na.wav\tAnn\ten\nb.wav\tBob\nc.wav\t\tit\n")
    label_of = labeller(str(tmp_path), DataConfig(label_from="table", label_table="who.tsv"))
    assert [label_of(name) for name in ("a.wav", "b.wav", "c.wav")] == [("speaker=Ann", "language=en"), None, None]


def test_a_row_without_a_class_gives_none(tmp_path: Path) -> None:
    label_of = by_table(tmp_path, "u4|ann\nu5|\n")
    assert [label_of(name) for name in ("u4.wav", "u5.wav")] == [("class=ann",), None]


def test_a_table_that_is_not_utf8_is_read_as_latin_1_and_said_to_be(tmp_path: Path) -> None:
    notes: list[str] = []
    label_of = by_table(tmp_path, "a.wav\tJörg\n".encode("latin-1"), notes=notes)
    assert label_of("a.wav") == ("class=Jörg",)
    assert notes == [f"table {tmp_path}/who.tsv is not UTF-8; it is read as Latin-1"]


def test_two_rows_of_one_file_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"who\.tsv, line 3: a second row of 'a\.wav', 'Bob' after 'Ann'; keep one"):
        by_table(tmp_path, "a.wav|Ann\na.wav|Ann\na.wav|Bob\n")


def test_names_with_backslashes_or_the_folder_in_front_are_understood(tmp_path: Path) -> None:
    label_of = by_table(tmp_path, f"wavs\\a.wav|ann\n./b.wav|bob\n{tmp_path}/c.wav|cleo\n{tmp_path.name}/d|dan\n")
    found = [label_of(name) for name in ("wavs/a.wav", "b.wav", "c.wav", "d.wav")]
    assert found == [("class=ann",), ("class=bob",), ("class=cleo",), ("class=dan",)]


def test_a_table_that_fits_no_file_is_refused_once_with_both_names(tmp_path: Path) -> None:
    message = r"^label_table: no row of .*who\.tsv fits a file; its first row is of 'x', the first file is 'a\.wav'$"
    with pytest.raises(ValueError, match=message):
        by_table(tmp_path, "x|ann\ny|bob\n", "b.wav", "a.wav")
    notes: list[str] = []
    transcriber(str(tmp_path), DataConfig(transcript_table="who.tsv"), "a.wav", notes=notes)
    assert len(notes) == 1
    assert notes[0].startswith("transcript_table: no row of ")


def test_what_is_not_used_is_refused() -> None:
    message = r"label_pattern is used with label_from=pattern alone, got label_from=none; leave one of them out"
    with pytest.raises(ValueError, match=message):
        DataConfig(label_pattern="(")
    with pytest.raises(ValueError, match=r"label_table is used with label_from=table alone, got label_from=folder"):
        DataConfig(label_from="folder", label_table="who.tsv")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tsv, line 2: columns separated by tabs or \| were expected, got none"):
        by_table(tmp_path, "name\tclass\njust words\n")
    with pytest.raises(ValueError, match="table .*missing cannot be read: No such file or directory; check its name"):
        transcriber(str(tmp_path), DataConfig(transcript_table="missing"))
    with pytest.raises(ValueError, match=r"label_pattern '\(' is not a regular expression"):
        labeller("", DataConfig(label_from="pattern", label_pattern="("))
    with pytest.raises(ValueError, match=r"label_pattern needs a group in round brackets .* got 'p\\\\d'"):
        labeller("", DataConfig(label_from="pattern", label_pattern=r"p\d"))
    with pytest.raises(ValueError, match="label_from=table needs label_table, got none"):
        DataConfig(label_from="table")
