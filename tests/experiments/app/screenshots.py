"""Takes pictures of each page, at the width of a desk and of a phone, and measures how sound arrives.

    python -m tests.experiments.app.screenshots --workdir=RUN --output=docs [--theme=dark]

The run is copied to a folder of its own, so that the pictures show no path of this machine, and trained on there while
it is watched. Prints one line of JSON: milliseconds from the click on Generate to the first sample that is heard (the
first time in a server that has compiled nothing yet, cold, then warm), seconds of sound made in a second while it
plays, and how often the player ran out of sound.
"""

import argparse
import io
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.experiments.app.browsing import chromium, fill, serve, settle, user, visit
from tests.experiments.conftest import ROOT

WIDTHS = {"desk": 1280, "phone": 390}
HEIGHT, MOST_PIXELS = 900, 2_600
COLOURS = 128
WARM_TIMES = 5


class Heard(NamedTuple):
    """How one sound arrived."""

    first_sound_ms: int
    times_real_time: float
    underruns: int


def main(workdir: Path, output: Path, theme: str) -> None:
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        shutil.copytree(workdir, folder / "runs" / workdir.name)
        for entry in ("base.flags", "examples", "experiments"):
            (folder / entry).symlink_to(ROOT / entry)
        # Nothing that was compiled before is found.
        with serve(folder, XDG_CACHE_HOME=str(folder / "cache")) as server:
            print(json.dumps(_figures(_sounds(browser, server.url))), flush=True)
            with user(browser) as trainer:
                for width_name, width in WIDTHS.items():
                    with user(browser, viewport={"width": width, "height": HEIGHT}, color_scheme=theme) as page:
                        _pictures(page, server.url, output, width_name)
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


def _sounds(browser: Browser, url: str) -> list[Heard]:
    """Some sounds of five seconds, each of them heard to its end."""
    with user(browser) as page:
        visit(page, f"{url}/generate")
        fill(page, "Seconds", "5")
        page.evaluate("addEventListener('click', event => { window.clicked = event.timeStamp; }, {capture: true})")
        return [_sound(page) for _ in range(1 + WARM_TIMES)]


def _sound(page: Page) -> Heard:
    told = page.get_by_text("The same in a terminal")
    page.get_by_role("button", name="Generate").click()
    told.wait_for(state="detached")
    told.wait_for()
    settle(page)  # the player of the sound before has gone
    page.locator('.player[data-state="ended"]').wait_for()
    first, underruns, clicked = page.locator(".player").evaluate(
        "player => [+player.dataset.firstSound, +player.dataset.underruns, window.clicked]"
    )
    metric = page.locator(".stMetric", has_text="× real time").locator("[data-testid=stMetricValue]")
    return Heard(round(first - clicked), float(metric.inner_text()), underruns)


def _pictures(page: Page, url: str, output: Path, width_name: str) -> None:
    for name in ("model", "data", "generate"):
        visit(page, f"{url}/{'' if name == 'model' else name}")
        if name == "generate":
            fill(page, "Seed", "1")
            page.get_by_role("button", name="Generate").click()
            page.get_by_text("The same in a terminal").wait_for()
            page.locator('.player[data-state="ended"]').wait_for()
        settle(page)
        _save(page, output / f"app-{name}-{width_name}.png")


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
    main(**vars(parser.parse_args()))
