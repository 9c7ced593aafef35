"""Hooks of mkdocs: pages of the site that are made when it is built, and links out of docs/.

The README is the first page; the reference comes from the docstrings of the public names, from the fields of the config
dataclasses and from the programs' own help. A link to another file of the repository leads to a copy of it in the site.
"""

import html
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import wavenet_jax  # noqa: E402
from experiments import command  # noqa: E402
from experiments.support import flags  # noqa: E402
from wavenet_jax.config import Checked, RunConfig  # noqa: E402

COPIES = "repository"
"""Folder of the site for files of the repository that pages link to."""

_LINK = re.compile(r"""(?P<before>\]\(|\b(?:src|href)=")(?P<target>[^)"#:\s]+)(?P<anchor>#[^)"\s]*)?(?P<after>[)"])""")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the README, the reference and the files that pages link to."""
    pages = {
        "index.md": (ROOT / "README.md").read_text(encoding="utf-8"),
        "reference/python.md": python_reference(),
        "reference/programs.md": programs(),
        "reference/configuration.md": configuration(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=_relocated(text, ROOT) if name == "index.md" else text))
    texts = [(ROOT, pages["index.md"])]
    texts += [(Path(config.docs_dir), path.read_text(encoding="utf-8")) for path in Path(config.docs_dir).glob("*.md")]
    for path in sorted({target for folder, text in texts for target in _linked_files(text, folder)}):
        if path.is_file():
            _copy(path, files, config)
            continue
        inside = [entry for entry in sorted(path.rglob("*")) if entry.is_file()]
        for entry in inside:
            _copy(entry, files, config)
        if path / "README.md" not in inside:  # a folder is shown as the list of its files
            lines = [f"- [{entry.relative_to(path)}]({entry.relative_to(path)})\n" for entry in inside]
            text = f"# {path.relative_to(ROOT)}\n\n{''.join(lines)}"
            files.append(File.generated(config, f"{_place(path)}/index.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Leads links of docs/ to files outside of it to their copies."""
    if page.file.src_uri == "index.md" or "/" in page.file.src_uri:
        return markdown
    return _relocated(markdown, Path(config.docs_dir))


def _copy(path: Path, files: Files, config: MkDocsConfig) -> None:
    if files.get_file_from_path(_place(path)) is not None:
        return
    if path.suffix == ".md":
        files.append(File.generated(config, _place(path), content=path.read_text(encoding="utf-8")))
    else:
        files.append(File.generated(config, _place(path), abs_src_path=str(path)))


def _place(path: Path) -> str:
    """Returns where a file of the repository is in the site."""
    relative = path.relative_to(ROOT)
    if str(relative) == "README.md":
        return "index.md"
    return "/".join(relative.parts[1:]) if relative.parts[0] == "docs" else f"{COPIES}/{relative}"


def _linked_files(text: str, folder: Path) -> Iterator[Path]:
    """Yields the files and folders of the repository that a text links to and that are no pages of docs/."""
    for match in _LINK.finditer(_CODE.sub("", text)):
        path = (folder / match["target"]).resolve()
        if path.exists() and path != ROOT / "README.md" and (path.is_dir() or ROOT / "docs" not in path.parents):
            yield path


def _relocated(text: str, folder: Path) -> str:
    """Rewrites the links of a page that lies in ``folder`` for its place in the site, code left alone."""

    def rewritten(match: re.Match) -> str:
        path = (folder / match["target"]).resolve()
        target = _place(path)
        if path.is_dir():
            target += "/README.md" if (path / "README.md").is_file() else "/index.md"
        return f"{match['before']}{target}{match['anchor'] or ''}{match['after']}"

    pieces = _CODE.split(text)
    return "".join(piece if number % 2 else _LINK.sub(rewritten, piece) for number, piece in enumerate(pieces))


def python_reference() -> str:
    """Writes the page of the public names: docstrings of functions and classes, tables of configs."""
    groups = set(flags.groups(RunConfig))
    lines = ["# Python", "", (wavenet_jax.__doc__ or "").replace("::\n", "\n"), ""]
    for name in sorted(wavenet_jax.__all__, key=lambda name: (name.endswith("Config"), name.lower())):
        value = getattr(wavenet_jax, name)
        if value is RunConfig or (isinstance(value, type) and issubclass(value, Checked)):
            fields = _table(value) if value not in groups else [f"[Its fields](configuration.md#{name.lower()})"]
            about = [] if value is RunConfig else fields
            lines += [f"## {name}", "", inspect.getdoc(value) or "", "", *about, ""]
        elif not isinstance(value, str):
            lines += [f"::: {value.__module__}.{name}", ""]
    return "\n".join(lines)


def configuration() -> str:
    """Writes the page of the config dataclasses, whose fields are flags of the programs."""
    lines = [
        "# Configuration",
        "",
        "Each field is a flag of the same name, default and bounds, of every program that takes it "
        "([programs](programs.md)).",
        "",
    ]
    for group in flags.groups(RunConfig):
        lines += [f"## {group.__name__}", "", (group.__doc__ or "").splitlines()[0], "", *_table(group), ""]
    return "\n".join(lines)


def programs() -> str:
    """Writes the page of all programs: their docstrings and flags."""
    shared = set(flags.groups(RunConfig))
    lines = ["# Programs and flags", "", "```text", command.overview(), "```", ""]
    for name in command.PROGRAMS:
        main = importlib.import_module(command.module_of(name)).main
        lines += [f"## wavenet {name}", "", (sys.modules[main.__module__].__doc__ or "").strip(), ""]
        groups = [group for kind in flags.config_classes(main) for group in flags.groups(kind)]
        for group in groups:
            if group not in shared:
                lines += [(group.__doc__ or group.__name__).splitlines()[0], "", *_table(group), ""]
        links = [
            f"[{group.__name__}](configuration.md#{group.__name__.lower()})" for group in groups if group in shared
        ]
        if links:
            lines += [f"The fields of {', '.join(links)} are flags of it, too.", ""]
    return "\n".join(lines)


def _table(group: Any) -> list[str]:
    """Returns the options of a dataclass as the rows of a table."""
    rows = ["| flag | default | |", "|---|---|---|"]
    for field in flags.options(group):
        left, text = flags.described(field)
        name, _, default = left.partition("=")
        words = re.sub(r"([|*_`\\])", r"\\\1", html.escape(text, quote=False))
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {words} |")
    return rows
