"""The page in headless Chromium: what is heard, saved, sent and trained, and who can reach it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from experiments.records import read_records
from tests.data.bad_files import encoded
from tests.experiments.app.browsing import Server, choose, chromium, fill, serve, visit
from tests.experiments.conftest import ROOT

pytestmark = pytest.mark.browser

SECONDS, RATE = 60, 4_000
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[Server]:
    with serve(ROOT, f"--runs={runs}") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new user's empty window; whatever its scripts raise fails the test."""
    context, raised = browser.new_context(), []
    page = context.new_page()
    page.on("pageerror", lambda error: raised.append(error))  # it cannot mark methods of built-in types
    yield page
    context.close()
    assert raised == []


def player(page: Page) -> dict[str, Any]:
    """What the player knows, and whether the server is still at work, at one moment."""
    return page.locator(".player").evaluate(
        "player => ({...player.dataset, told: player.querySelector('output').textContent,"
        " making: document.querySelector('.st-key-stop_generating') !== null})"
    )


def test_sound_arrives_while_it_is_made_and_is_saved_whole(page: Page, server: Server, tmp_path: Path) -> None:
    visit(page, f"{server.url}/generate")
    choose(page, "Run", "small")
    fill(page, "Seconds", str(SECONDS))
    page.get_by_role("button", name="Generate").click()
    page.locator(".player").wait_for()
    while not (now := player(page)).get("firstSound") or now["told"].startswith("0.0 "):
        assert now["making"] or not now.get("firstSound"), "it was heard only after all of it was made"
        time.sleep(0.02)
    assert now["making"]
    assert 0 < int(now["received"]) < SECONDS * 10
    assert now["state"] == "playing"

    with page.expect_download(timeout=PATIENCE_MS) as saved:
        page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "sound-1-1.wav"
    saved.value.save_as(tmp_path / "saved.wav")
    waveform, rate = soundfile.read(tmp_path / "saved.wav")
    assert (waveform.shape, rate) == ((SECONDS * RATE,), RATE)
    assert waveform.std() > 0.01
    assert soundfile.info(tmp_path / "saved.wav").subtype == "PCM_16"


def test_a_recording_is_sent_and_continued_and_a_bad_one_is_one_line(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/generate")
    choose(page, "Run", "small")
    page.get_by_text("Go on from a recording").click()

    def send(name: str, data: bytes) -> None:
        page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": data})

    send("text.wav", b"This is no sound.\n" * 100)
    message = page.get_by_role("alert")
    expect(message).to_have_text(re.compile(r"text\.wav is not readable audio[^\n]*$"))
    page.get_by_role("button", name="Remove").first.click()
    expect(message).to_have_count(0)

    name = "x <img src=x onerror=alert(1)> $x$.wav"
    send(name, encoded(0.5 * np.sin(np.arange(2_000) / 5), rate=RATE))
    expect(page.get_by_text(name).first).to_be_visible()
    fill(page, "Seconds", "0.5")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("code", has_text=f"--prime={name}")).to_be_visible()
    assert page.get_by_role("alert").count() == 0
    assert page.locator("img[src=x]").count() == 0


def test_training_is_started_watched_left_alone_stopped_and_resumed(
    browser: Browser, page: Page, server: Server, runs: Path
) -> None:
    visit(page, f"{server.url}/train")
    page.get_by_text("Start a new run").click()
    choose(page, "Learn from", "synthetic sounds")
    choose(page, "Preset", "tiny, some seconds")
    fill(page, "Steps", "1000000")
    page.get_by_role("button", name="Start", exact=True).click()
    progress = re.compile(r"training: step [\d,]+ of 1,000,000")
    expect(page.get_by_role("alert").filter(has_text=progress)).to_be_visible()
    expect(page.get_by_text("bits per sample of held-out audio")).to_be_visible()
    page.context.close()  # nobody looks on
    workdir = runs / "tiny-1"
    seen = len(read_records(workdir))
    while len(read_records(workdir)) == seen:
        time.sleep(0.1)

    with browser.new_context() as other:
        again = other.new_page()
        visit(again, f"{server.url}/train")
        choose(again, "Run", "tiny-1")
        expect(again.get_by_role("alert").filter(has_text=progress)).to_be_visible()
        again.get_by_role("button", name="Stop").click()
        expect(again.get_by_role("button", name="Resume")).to_be_enabled()
        stopped = max(record["step"] for record in read_records(workdir))
        assert stopped < 1_000_000
        fill(again, "Up to step", str(stopped + 100))
        again.get_by_role("button", name="Resume").click()
        expect(again.get_by_text(f"finished at step {stopped + 100}")).to_be_visible()
    steps = [record["step"] for record in read_records(workdir) if record["kind"] == "train"]
    assert steps == sorted(set(steps)), "it went on where it had stopped"
    assert steps[-1] == stopped + 100


def test_nobody_else_reaches_the_page(server: Server) -> None:
    process = psutil.Process(server.pid)
    listening = [
        socket.laddr.ip
        for one in (process, *process.children(recursive=True))
        for socket in one.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
