"""The page in a real browser: a server of its own, and headless Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# It works without a display and as root, and asks nobody on the network for anything.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that may be used unasked.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
_PATIENCE_SECONDS = 60.0
_START_SECONDS = 240.0  # of a server, on a busy machine
_REDRAW_MS = 500
"""Time that the server may take to begin a redraw."""
_TRIES = 6
"""Tries within that patience, where a redraw of the page can undo one."""


class Server(NamedTuple):
    """A server of the page."""

    url: str
    pid: int


@contextmanager
def serve(folder: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """The page as ``python -m experiments.app`` starts it in a folder, at a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.app", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "STREAMLIT_SERVER_PORT": str(port),
            "STREAMLIT_SERVER_HEADLESS": "true",
            **environment,
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://localhost:{port}"
        _wait_for(process, f"{url}/_stcore/health")
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


@contextmanager
def chromium(microphone: Path | None = None) -> Iterator[Browser]:
    """Headless Chromium of the system.

    Args:
      microphone: WAV file that its microphone hears, again and again; none: beeps.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    assert program, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        heard = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}"]
        browser = playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS, *heard])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def user(browser: Browser, **settings: Any) -> Iterator[Page]:
    """A new user's empty window; whatever its scripts raise fails the test."""
    raised: list[str] = []
    with browser.new_context(**settings) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * _PATIENCE_SECONDS)
        page.on("pageerror", lambda error: raised.append(str(error)))  # it cannot mark methods of built-in types
        yield page
    assert raised == []


def visit(page: Page, url: str) -> None:
    """Opens an address and waits until the page is drawn."""
    page.goto(url)
    page.get_by_role("link", name="Generate").wait_for()
    settle(page)


def settle(page: Page) -> None:
    """Waits until the server has drawn all it wants to draw."""
    page.wait_for_selector('.stApp[data-test-script-state="notRunning"]')


def choose(page: Page, label: str, option: str) -> None:
    """Chooses from a select box, unless it says so already."""
    box = page.get_by_role("combobox", name=label)
    if box.input_value() == option:
        return
    wanted = page.get_by_role("option", name=option, exact=True)
    for _ in range(_TRIES):
        settle(page)
        box.click()
        try:
            wanted.click(timeout=1000 * _PATIENCE_SECONDS / _TRIES)
            break
        except TimeoutError:  # a redraw between the click and the list has closed it
            page.keyboard.press("Escape")
    settle(page)
    assert box.input_value() == option


def fill(page: Page, label: str, value: str) -> None:
    """Types into a number box."""
    box = page.get_by_role("spinbutton", name=label)
    for _ in range(_TRIES):
        settle(page)
        box.fill(value)
        box.press("Tab")
        page.wait_for_timeout(_REDRAW_MS)
        settle(page)
        shown = box.input_value()
        if shown and float(shown) == float(value):  # unless a redraw put back what was there
            return
    raise AssertionError(f"{label} says {shown}, not {value}")
