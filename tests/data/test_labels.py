"""Classes and transcripts come from where the user says."""

from pathlib import Path

import pytest

from wavenet_jax.config import DataConfig
from wavenet_jax.data.labels import labeller, read_table, transcriber


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


def test_a_class_table_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "speakers.tsv").write_text("a.wav\tAnn\n")
    data = DataConfig(label_from="table", label_table="speakers.tsv")
    assert labeller(str(tmp_path), data)("a.wav") == ("class=Ann",)


def test_a_class_table_with_a_header_has_families(tmp_path: Path) -> None:
    (tmp_path / "who.tsv").write_text("file\tspeaker\tlanguage\na.wav\tAnn\ten\nb.wav\tBob\nc.wav\t\tit\n")
    label_of = labeller(str(tmp_path), DataConfig(label_from="table", label_table="who.tsv"))
    assert [label_of(name) for name in ("a.wav", "b.wav", "c.wav")] == [("speaker=Ann", "language=en"), None, None]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("name\tclass\njust words\n")
    with pytest.raises(ValueError, match=r"text, line 2: columns separated by tabs or \| were expected, got none"):
        read_table(str(tmp_path / "text"))
    with pytest.raises(ValueError, match="table .*missing cannot be read: No such file or directory; check its name"):
        read_table(str(tmp_path / "missing"))
    with pytest.raises(ValueError, match=r"label_pattern '\(' is no regular expression"):
        labeller("", DataConfig(label_from="pattern", label_pattern="("))
    with pytest.raises(ValueError, match=r"label_pattern needs a group in round brackets .* got 'p\\\\d'"):
        labeller("", DataConfig(label_from="pattern", label_pattern=r"p\d"))
    with pytest.raises(ValueError, match="label_from=table needs label_table, got none"):
        DataConfig(label_from="table")
