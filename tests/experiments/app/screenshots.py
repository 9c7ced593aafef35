"""Takes pictures of each page, at the width of a desk and of a phone, and measures how sound arrives.

    python -m tests.experiments.app.screenshots --workdir=RUN --output=docs [--theme=dark] [--page=speak]

The run is copied to a folder of its own, so that the pictures show no path of this machine, and trained on there while
it is watched. Prints a line of JSON for Speak and one for Generate: milliseconds from the click to the first sample
that is heard (the first time in a server that has compiled nothing yet, cold, then warm), seconds of sound made in a
second while it plays, and how often the player ran out of sound.
"""

import argparse
import io
import json
import re
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.experiments.app.browsing import choose, chromium, fill, serve, settle, user, visit
from tests.experiments.conftest import ROOT
from wavenet_jax.voice import DEFAULT_VOICE

WIDTHS = {"desk": 1280, "phone": 390}
HEIGHT, MOST_PIXELS = 900, 2_600
COLOURS = 128
WARM_TIMES = 5
PAGES = ("speak", "copy", "own", "generate", "data", "model", "train")
CLIP = ROOT / "examples" / "speech" / "vm-nobox.flac"
PATIENCE_MS = 600_000  # the voice compiles


class Heard(NamedTuple):
    """How one sound arrived."""

    first_sound_ms: int
    times_real_time: float
    underruns: int


def main(workdir: Path, output: Path, theme: str, pages: list[str]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        shutil.copytree(workdir, folder / "runs" / workdir.name)
        for entry in ("examples", "experiments", "wavenet_jax"):
            (folder / entry).symlink_to(ROOT / entry)
        # Nothing that was compiled before is found.
        with serve(folder, XDG_CACHE_HOME=str(folder / "cache")) as server:
            for button, name in (("Speak", "speak"), ("Generate", "generate")):
                if name in pages:
                    figures = _figures(_sounds(browser, server.url, button, name))
                    print(json.dumps({"page": name, **figures}), flush=True)
            for width_name, width in WIDTHS.items():
                with user(browser, viewport={"width": width, "height": HEIGHT}, color_scheme=theme) as page:
                    page.set_default_timeout(PATIENCE_MS)
                    for name in pages:
                        if name != "train":
                            _draw(page, server.url, name, folder)
                            _save(page, output / f"app-{name}-{width_name}.png")
            if "train" not in pages:
                return
            with user(browser) as trainer:
                _resume(trainer, server.url)
                for width_name, width in WIDTHS.items():
                    with user(browser, viewport={"width": width, "height": HEIGHT}, color_scheme=theme) as page:
                        visit(page, f"{server.url}/train")
                        page.get_by_text("training: step").wait_for()
                        _save(page, output / f"app-train-{width_name}.png")
                trainer.get_by_role("button", name="Stop").click()
                trainer.get_by_role("button", name="Resume", disabled=False).wait_for()


def _figures(heard: list[Heard]) -> dict[str, Any]:
    """Of the first sound, and the medians of the others."""
    cold, *warm = heard
    return {
        "first_sound_cold_ms": cold.first_sound_ms,
        "first_sound_warm_ms": round(statistics.median(one.first_sound_ms for one in warm)),
        "warm_ms": sorted(one.first_sound_ms for one in warm),
        "times_real_time": round(statistics.median(one.times_real_time for one in warm), 2),
        "underruns": sum(one.underruns for one in warm),
    }


def _sounds(browser: Browser, url: str, button: str, name: str) -> list[Heard]:
    """Some sounds of about five seconds, each of them heard to its end."""
    with user(browser) as page:
        page.set_default_timeout(PATIENCE_MS)
        visit(page, _address(url, name))
        if name == "generate":
            fill(page, "Seconds", "5")
        page.evaluate("addEventListener('click', event => { window.clicked = event.timeStamp; }, {capture: true})")
        return [_sound(page, button) for _ in range(1 + WARM_TIMES)]


def _sound(page: Page, button: str) -> Heard:
    told = page.get_by_text("The same in a terminal")
    page.get_by_role("button", name=button).click()
    told.wait_for(state="detached")
    told.wait_for()
    settle(page)  # the player of the sound before has gone
    page.locator('.player[data-state="ended"]').wait_for()
    first, underruns, clicked = page.locator(".player").evaluate(
        "player => [+player.dataset.firstSound, +player.dataset.underruns, window.clicked]"
    )
    metric = page.locator(".stMetric", has_text="× real time").locator("[data-testid=stMetricValue]")
    return Heard(round(first - clicked), float(metric.inner_text()), underruns)


def _address(url: str, name: str) -> str:
    return f"{url}/{'' if name == 'speak' else name}"


def _draw(page: Page, url: str, name: str, folder: Path) -> None:
    """Opens a page, and has it do what it is for."""
    told = page.get_by_text("The same in a terminal")
    if name == "copy" and not (folder / "runs" / "allison").exists():
        shutil.copytree(DEFAULT_VOICE, folder / "runs" / "allison")  # its command then names no path of this machine
    visit(page, _address(url, name))
    if name == "speak":
        for count in range(2):  # the first time compiles
            page.get_by_role("button", name="Speak").click()
            page.get_by_text(f"speech-{count + 1}.wav").wait_for()
        settle(page)  # the player of the first one has gone
        page.locator('.player[data-state="ended"]').wait_for()
    if name in ("copy", "own"):
        if name == "copy":
            choose(page, "Vocoder", "allison")
        page.get_by_role("tab", name="From a file").click()
        page.locator("input[type=file]").first.set_input_files(CLIP)
        page.get_by_text(f"{CLIP.name}, ").wait_for()
        settle(page)
    if name == "copy":
        page.get_by_role("button", name=re.compile("^Copy")).click()
        told.wait_for()
        page.locator('.player[data-state="ended"]').wait_for()
    if name == "generate":
        fill(page, "Seed", "1")
        page.get_by_role("button", name="Generate").click()
        told.wait_for()
        page.locator('.player[data-state="ended"]').wait_for()
    settle(page)


def _resume(page: Page, url: str) -> None:
    """Has the network trained on, and waits until there is something new to be seen."""
    visit(page, f"{url}/train")
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("training: step").wait_for()


def _save(page: Page, path: Path) -> None:
    """A picture of the whole page, however long, without the mouse on anything; of few colours, to be small."""
    page.mouse.move(0, 0)
    width = page.viewport_size["width"] if page.viewport_size else 0
    height = page.locator(".stMain").evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height + 10, MOST_PIXELS)})
    page.wait_for_timeout(1_500)  # charts are drawn anew for a new size
    settle(page)  # what is being drawn anew is pale
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    page.set_viewport_size({"width": width, "height": HEIGHT})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True, help="run directory to show")
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="what the browser prefers")
    parser.add_argument("--page", dest="pages", action="append", choices=PAGES, help="page to show, of all; repeat")
    arguments = vars(parser.parse_args())
    main(**{**arguments, "pages": arguments["pages"] or list(PAGES)})
