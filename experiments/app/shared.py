"""Tools of all pages: choices from closed lists, errors as one line, and networks kept in memory."""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import jax
import streamlit as st

import wavenet_jax
from experiments.app.options import PageOptions, page_options
from experiments.app.runs import RunEntry, find_runs
from experiments.support import drawing, runtime
from wavenet_jax.runs import to_flagfile

T = TypeVar("T")

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~^=&])")
_GREY = "#7d8590"  # legible on white and on black


@st.cache_resource(show_spinner=False)
def set_up() -> None:
    """Sets up this process, once."""
    runtime.start(cores_as_devices=True)
    # Pictures stand on the page's own background, light or dark; only what they measure is on white.
    drawing.STYLE.update({f"{name}.facecolor": "none" for name in ("figure", "savefig")})
    drawing.STYLE.update({f"{name}.color": _GREY for name in ("text", "xtick", "ytick")})
    drawing.STYLE.update({"axes.facecolor": "white", "axes.edgecolor": _GREY, "axes.labelcolor": _GREY})


@contextlib.contextmanager
def friendly() -> Iterator[None]:
    """Shows whatever goes wrong inside as one line; what is not the user's doing is kept for the server's log."""
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        tell(what if error.filename is None else f"{what}: {error.filename}")
    except ValueError as error:
        tell(str(error))
    except Exception:
        logging.getLogger(__name__).exception("while making the page")
        tell("something went wrong that should not have; what it was is in the terminal that runs the page")


def tell(message: str) -> None:
    """An error message of one line."""
    st.error(plain(message), icon=":material/error:")


def figures(key: str, values: Mapping[str, str], helps: Mapping[str, str] | None = None) -> None:
    """Shows figures by their names, beside each other; on a phone two in a row."""
    with st.container(key=f"figures_{key}"):
        for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
            column.metric(label, value, border=True, help=(helps or {}).get(label))


def same_in_terminal(command: str) -> None:
    """Shows the command that does in a terminal what the page does."""
    st.caption("The same in a terminal:")
    st.code(command, language="bash", wrap_lines=True)


def plain(text: str) -> str:
    """A text, names of files among it, that Markdown shows as it is, in one line."""
    return _MARKUP.sub(r"\\\1", " ".join(readable(text).split()))


def readable(name: str) -> str:
    """A name of a file, whose bytes need not be UTF-8, as text that can be sent to a browser."""
    return name.encode("utf-8", "replace").decode()


def choose(label: str, choices: Mapping[str, T], *, key: str, help: str | None = None, index: int = 0) -> T:
    """One of some named things.

    Raises:
      ValueError: the browser asks for something else, which a select box of Streamlit would hand on.
    """
    name = st.selectbox(label, list(choices), index=index, key=key, help=help)
    if name not in choices:
        raise ValueError(f"there is no {label.lower()} called {name!r}; choose one of the list")
    return choices[name]


def runs() -> list[RunEntry]:
    """The runs that there are now."""
    return find_runs(page_options().runs)


def choose_run(options: PageOptions) -> None:
    """The select box above all pages; ``chosen_run`` gives what it says."""
    found = {run.name: run for run in find_runs(options.runs)}
    st.session_state.chosen_run = None
    if not found:
        return
    # A run that was just started here is chosen for its user.
    wanted = st.session_state.pop("wanted_run", None)
    if wanted in found:
        st.session_state.run_name = wanted
    elif st.session_state.get("run_name") not in found:
        st.session_state.pop("run_name", None)
    st.session_state.chosen_run = choose("Run", found, key="run_name")


def chosen_run() -> RunEntry | None:
    """The run that the user looks at; None while there is none."""
    return st.session_state.get("chosen_run")


def want(path: Path) -> None:
    """Chooses the run in a directory when the page is drawn next."""
    for run in runs():
        if run.path.resolve() == path.resolve():
            st.session_state.wanted_run = run.name


def loaded(run: RunEntry) -> wavenet_jax.Run:
    """Loads the network of the newest checkpoint, once for each.

    Raises:
      ValueError: there is none that can be used.
    """
    if run.version is None:
        raise ValueError(f"{run.name} has no checkpoint yet; it will after its first steps (see Train)")
    return _loaded(str(run.path), run.version)


def loaded_from(path: Path) -> wavenet_jax.Run:
    """Loads the network of a run directory or of a model folder, once for each of its states.

    Raises:
      ValueError: there is none that can be used.
    """
    run = RunEntry(path.name, path)
    return loaded(run) if run.version is not None else _loaded(str(path), path.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner="Loading the network")
def _loaded(path: str, version: int) -> wavenet_jax.Run:
    del version
    return wavenet_jax.load(path)


def flags_of(options: object, usual: object) -> list[str]:
    """Returns the flags of options that differ from the usual ones."""
    return [line for line in to_flagfile(options).splitlines() if line not in to_flagfile(usual).splitlines()]


def device() -> str:
    """Names the devices of this server."""
    return device_name(jax.devices()[0].device_kind, jax.device_count())


def device_name(kind: str, count: int) -> str:
    """Names devices of a kind; those of a processor are its cores."""
    if kind == "cpu":
        return f"CPU, {count} cores" if count > 1 else "CPU"
    return f"{count} × {kind}" if count > 1 else kind
