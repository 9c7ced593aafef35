"""Takes pictures of each page, at the width of a desk and of a phone, and measures when the first sound is heard.

    python -m tests.experiments.app.screenshots --workdir=RUN --output=docs

The run is copied to a folder of its own, so that the pictures show no path of this machine. Prints one line of JSON:
seconds from the click on Generate to the first sound, the first time with compiling, then without.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.experiments.app.browsing import chromium, fill, serve, settle, visit
from tests.experiments.conftest import ROOT

WIDTHS = {"desk": 1280, "phone": 390}
PAGES = ("model", "data", "generate", "train")
_MOST_PIXELS = 2_600  # of height
_TIMES = 4


def main(workdir: Path, output: Path) -> None:
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        shutil.copytree(workdir, folder / "runs" / workdir.name)
        (folder / "examples").symlink_to(ROOT / "examples")
        with serve(folder) as server:
            first_sounds = _pictures(browser, server.url, output)
    print(json.dumps({"first_sound_seconds": first_sounds}))


def _pictures(browser: Browser, url: str, output: Path) -> list[float]:
    first_sounds = []
    for width_name, width in WIDTHS.items():
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        for name in PAGES:
            visit(page, f"{url}/{'' if name == 'model' else name}")
            if name == "generate":
                fill(page, "Seed", "1")
                first_sounds += [_first_sound(page) for _ in range(_TIMES if width_name == "desk" else 1)]
            _save(page, width, output / f"app-{name}-{width_name}.png")
        page.context.close()
    return first_sounds[:_TIMES]


def _first_sound(page: Page) -> float:
    """Seconds from the click to the first sound; waits until all of it is made."""
    before = page.locator(".player").count() and page.locator(".player").get_attribute("data-first-sound")
    page.evaluate("addEventListener('click', () => { window.clicked = performance.now(); }, {capture: true})")
    page.get_by_role("button", name="Generate").click()
    player = page.locator(".player[data-first-sound]")
    if before:
        page.locator(f'.player[data-first-sound="{before}"]').wait_for(state="detached")
    player.wait_for()
    heard = float(player.get_attribute("data-first-sound") or "nan")
    seconds = round((heard - page.evaluate("window.clicked")) / 1000, 2)
    page.get_by_text("The same in a terminal").wait_for()
    settle(page)
    return seconds


def _save(page: Page, width: int, path: Path) -> None:
    """A picture of the whole page, however long, without the mouse on anything."""
    page.mouse.move(0, 0)
    height = page.locator(".stMain").evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height + 10, _MOST_PIXELS)})
    page.wait_for_timeout(1_500)  # charts are drawn anew for a new size
    page.screenshot(path=path)
    page.set_viewport_size({"width": width, "height": 900})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True, help="run directory to show")
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    main(**vars(parser.parse_args()))
