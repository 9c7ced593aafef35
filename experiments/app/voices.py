"""The voices that the page speaks with: the one in the package, and voice folders among the runs."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

import wavenet_jax
from experiments.app import shared
from experiments.app.options import near, page_options
from experiments.app.runs import unique_names
from wavenet_jax.runs import is_model_folder
from wavenet_jax.runs.directory import WEIGHTS
from wavenet_jax.voice import ACOUSTIC, CARD, DEFAULT_VOICE, VOCODER

OWN = "voices"
"""Folder, in the first of the runs' folders, of the voices that are made on the page."""

_WARMING = threading.Lock()


def find_voices() -> dict[str, Path]:
    """Returns the voice folders that there are, by name; that of the package, if it is there, comes first."""
    folders = list(_candidates())
    found = [folder for folder in dict.fromkeys(map(Path.resolve, folders)) if is_voice(folder)]
    names = unique_names([str(folder.parent if folder.name == "voice" else folder) for folder in found])
    voices = dict(zip(names, found, strict=True))
    return {_title(DEFAULT_VOICE): DEFAULT_VOICE, **voices} if is_voice(DEFAULT_VOICE) else voices


def choose() -> tuple[wavenet_jax.Voice, Path] | None:
    """Asks for a voice, where there are several, and loads it; None, with a word on what is missing, without any."""
    voices = find_voices()
    if not voices:
        tell_how()
        return None
    # The voice that was just made here is chosen for its user.
    wanted = st.session_state.pop("wanted_voice", None)
    for name, folder in voices.items():
        if wanted is not None and folder == Path(wanted).resolve():
            st.session_state.voice = name
    if st.session_state.get("voice") not in voices:
        st.session_state.pop("voice", None)
    folder = shared.choose("Voice", voices, key="voice") if len(voices) > 1 else next(iter(voices.values()))
    return loaded(folder), folder


def tell_how() -> None:
    """Says what is missing where there is no voice, and how to get one."""
    st.header("No voice here yet")
    st.write(
        "The package comes with a voice, and it is missing from this installation: install it anew "
        "(`pip install --force-reinstall wavenet-jax`). Or make one of recordings with transcripts, in a terminal, as "
        "docs/speaking.md tells. A voice folder among the runs is found by itself."
    )


def loaded(folder: Path) -> wavenet_jax.Voice:
    """Loads a voice, once for each of its states.

    Raises:
      ValueError: it cannot be read.
    """
    return _loaded(str(folder), (folder / ACOUSTIC / WEIGHTS).stat().st_mtime_ns)


def wait() -> None:
    """Waits until no voice is being warmed: two that compile the same are slower than one."""
    with _WARMING:
        pass


def flag(folder: Path) -> list[str]:
    """The flag that names a voice to a program; none for that of the package."""
    return [] if folder == DEFAULT_VOICE else [f"--voice={near(folder)}"]


def is_voice(folder: Path) -> bool:
    """Tells a folder with the weights of a voice."""
    return all(is_model_folder(folder / part) for part in (ACOUSTIC, VOCODER))


def _candidates() -> Iterator[Path]:
    for folder in map(Path, page_options().runs):
        yield folder
        with contextlib.suppress(OSError):
            yield from sorted(folder.iterdir())
        with contextlib.suppress(OSError):
            yield from (own / "voice" for own in sorted((folder / OWN).iterdir()))


def _title(folder: Path) -> str:
    """The heading of a voice's card."""
    with contextlib.suppress(OSError):
        for line in (folder / CARD).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("# "):
                return f"{line.removeprefix('# ').strip()}, of the package"
    return "the package's"


@st.cache_resource(max_entries=3, show_spinner="Loading the voice")
def _loaded(folder: str, version: int) -> wavenet_jax.Voice:
    del version
    voice = wavenet_jax.load_voice(folder)
    _WARMING.acquire()
    threading.Thread(target=_warm, args=(voice,), daemon=True).start()
    return voice


def _warm(voice: wavenet_jax.Voice) -> None:
    """Has a voice compile what it needs while its user still types."""
    try:
        with contextlib.suppress(ValueError):  # its user will be told
            for _ in voice.stream("Hello."):
                break
    finally:
        _WARMING.release()
