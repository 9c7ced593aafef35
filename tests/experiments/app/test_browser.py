"""The page in headless Chromium: what is heard, saved, sent and trained, and who can reach it."""

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from experiments.app import jobs
from experiments.app.runs import find_runs
from experiments.app.uploads import MOST_BYTES, MOST_SECONDS
from tests.data.bad_files import encoded
from tests.experiments.app.browsing import Server, choose, chromium, fill, serve, settle, user, visit
from tests.experiments.app.conftest import train_tiny
from tests.experiments.app.sent import HOSTILE_NAMES, files
from tests.experiments.conftest import ROOT
from wavenet_jax.audio.files import read_audio
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.runs import RunDirectory, read_records

pytestmark = pytest.mark.browser

SECONDS, RATE = 60, 4_000
MICROPHONE_RATE = 48_000
PHONE = {"width": 390, "height": 844}
MANY_TABS = 100
SLOW_MS = 300_000
PAGES = ("", "copy", "own", "generate", "train", "data", "model")
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[Server]:
    with serve(ROOT, f"--runs={runs}") as started:
        yield started
    for run in find_runs([str(runs)]):  # of a test that failed
        jobs.stop(run)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    heard = tmp_path_factory.mktemp("microphone") / "speech.wav"
    speech = read_audio(str(ROOT / "examples" / "speech" / "vm-instructions.flac"), MICROPHONE_RATE)
    write_wav(heard, 0.25 * speech / np.abs(speech).max(), MICROPHONE_RATE)
    with chromium(heard) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with user(browser) as page:
        yield page


@pytest.fixture
def slow(runs: Path) -> Iterator[str]:
    """The name of a run whose network is busy for longer than anybody takes to stop it."""
    train_tiny(
        runs / "slow", "--residual_channels=256", "--dilation_cycle=1,2,4,8,16,32", "--num_steps=1", "--batch_size=1"
    )
    yield "slow"
    shutil.rmtree(runs / "slow")


def generate(
    page: Page, server: Server, seconds: float, seed: int | None = None, best_of: int = 1, run: str = "small"
) -> None:
    """Goes to the page and fills its form; ``small`` is so tiny that only several takes keep it busy."""
    visit(page, f"{server.url}/generate")
    choose(page, "Run", run)
    fill(page, "Seconds", f"{seconds:g}")
    if seed is not None:
        fill(page, "Seed", str(seed))
    fill(page, "Best of", str(best_of))


def player(page: Page) -> dict[str, Any]:
    """What the player knows, and whether the server is still at work, at one moment."""
    return page.locator(".player").evaluate(
        "player => ({...player.dataset, told: player.querySelector('output').textContent,"
        " making: document.querySelector('.st-key-stop_generating') !== null})"
    )


def saved(page: Page, path: Path) -> np.ndarray:
    """The file that is downloaded: 16-bit samples ``[T]``."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download sound").click()
    assert re.fullmatch(r"sound-\d+-1\.wav", download.value.suggested_filename)
    download.value.save_as(path)
    assert soundfile.info(path).subtype == "PCM_16"
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    return samples


def send(page: Page, name: str, data: bytes) -> None:
    """Chooses a file to be sent."""
    page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": "audio/wav", "buffer": data})


def refused(page: Page, name: str, reason: str) -> None:
    """Waits for a message that begins with a name and holds a reason, in one line."""
    message = alerts(page).locator("p").filter(has_text=re.compile(f"^{re.escape(name)} .*{reason}"))
    message.wait_for()
    assert "\n" not in message.inner_text()


def alerts(page: Page) -> Locator:
    """Returns the messages on a page, but for what is always said of a network that cannot do much yet."""
    return page.get_by_role("alert").filter(has_not_text="hearing_disabled")


def taken(page: Page, name: str) -> None:
    """Waits for what is said of a recording that is used."""
    page.get_by_text(re.compile(rf"^{' +'.join(map(re.escape, name.split(' ')))}, \d+\.\d\d s$")).wait_for()
    settle(page)
    assert alerts(page).count() == 0


def record(page: Page) -> None:
    """Records two seconds of the microphone, which hears a recording."""
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("00:02").wait_for()
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_text(re.compile(r"\.wav, \d\.\d\d s$")).wait_for()
    settle(page)


def press_tab_until(page: Page, name: str) -> None:
    """Moves on with the keyboard to the button called ``name``."""
    button = page.get_by_role("button", name=name)
    for _ in range(MANY_TABS):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            return
    raise AssertionError(f"{MANY_TABS} times Tab did not lead to {name}")


def test_sound_arrives_while_it_is_made_and_is_saved_whole(page: Page, server: Server, tmp_path: Path) -> None:
    generate(page, server, SECONDS, best_of=8)
    page.get_by_role("button", name="Generate").click()
    page.locator(".player").wait_for()
    while not (now := player(page)).get("firstSound") or now["told"].startswith("0.0 "):
        assert now["making"] or not now.get("firstSound"), "it was heard only after all of it was made"
        time.sleep(0.02)
    assert now["making"]
    assert 0 < int(now["received"]) < SECONDS * 10
    assert now["state"] in ("playing", "waiting")  # waiting for the next piece, where the machine is busy

    samples = saved(page, tmp_path / "saved.wav")
    assert samples.shape == (SECONDS * RATE,)
    assert samples.std() > 300


def test_the_keyboard_alone_makes_a_sound_and_stops_it(page: Page, server: Server, slow: str, tmp_path: Path) -> None:
    generate(page, server, SECONDS, best_of=8, run=slow)
    page.locator("body").focus()
    press_tab_until(page, "Generate")
    page.keyboard.press("Enter")
    page.locator(".player[data-first-sound]").wait_for()
    press_tab_until(page, "Stop")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Stopped after")).to_be_visible()
    assert 0 < len(saved(page, tmp_path / "part.wav")) < SECONDS * RATE


def test_two_users_do_not_disturb_each_other(browser: Browser, server: Server, tmp_path: Path) -> None:
    with user(browser) as one, user(browser) as two:
        generate(one, server, SECONDS, seed=1)
        generate(two, server, 0.5, seed=1)
        one.get_by_role("button", name="Generate").click()
        one.locator(".player[data-first-sound]").wait_for()
        two.get_by_role("button", name="Generate").click()
        short = saved(two, tmp_path / "two.wav")
        long = saved(one, tmp_path / "one.wav")
    assert (len(long), len(short)) == (SECONDS * RATE, RATE // 2)
    np.testing.assert_array_equal(long[: len(short)], short)


def test_a_recording_is_sent_and_continued(page: Page, server: Server, tmp_path: Path) -> None:
    generate(page, server, 0.5)
    page.get_by_text("Continue a recording").click()
    sine = encoded(0.5 * np.sin(np.arange(2_000) / 5), rate=RATE)
    for name in HOSTILE_NAMES:
        send(page, name, sine)
        taken(page, name.rsplit("\\", 1)[-1])  # a path of Windows is cut off on the way
    page.get_by_role("button", name="Generate").click()
    assert len(saved(page, tmp_path / "saved.wav")) == RATE // 2
    expect(page.locator("code")).to_contain_text(f"--prime={HOSTILE_NAMES[-1]}")
    expect(alerts(page)).to_have_count(0)
    assert page.locator("img[src=x]").count() == 0


def test_the_microphone_is_recorded_and_continued(page: Page, server: Server, tmp_path: Path) -> None:
    generate(page, server, 0.5)
    page.get_by_text("Continue a recording").click()
    page.get_by_role("tab", name="Record").click()
    record(page)
    page.get_by_role("button", name="Generate").click()
    assert len(saved(page, tmp_path / "saved.wav")) == RATE // 2
    expect(page.locator("code")).to_contain_text("--prime=")


def test_whatever_is_sent_is_used_or_refused_in_one_line(page: Page, server: Server, tmp_path: Path) -> None:
    generate(page, server, 0.5)
    page.get_by_text("Continue a recording").click()
    button = page.get_by_role("button", name="Generate")
    of_each_kind = {file.reason: file for file in files()}  # all of them: test_uploads.py
    for name, data, reason in of_each_kind.values():
        send(page, name, data)
        if reason is None:
            taken(page, name)
            assert button.is_enabled()
        else:
            refused(page, name, reason)
            assert button.is_disabled()

    send(page, "long.flac", encoded(np.zeros(round((MOST_SECONDS + 1) * RATE)), "FLAC", rate=RATE))
    refused(page, "long.flac", "is longer than 60 seconds; cut it first$")
    page.get_by_role("button", name="Remove long.flac").click()
    expect(alerts(page)).to_have_count(0)
    send(page, "large.wav", bytes(MOST_BYTES + 1))
    expect(alerts(page)).to_have_text("Error: File must be 20.0MB or smaller.")
    page.get_by_role("button", name="Remove large.wav").click()
    expect(alerts(page)).to_have_count(0)
    button.click()
    assert len(saved(page, tmp_path / "saved.wav")) == RATE // 2


def test_text_is_heard_while_it_is_spoken_above_its_phones(page: Page, server: Server) -> None:
    page.set_default_timeout(SLOW_MS)  # the voice of the package compiles
    visit(page, server.url)
    page.get_by_role("textbox", name="Text").fill("She said that it was seven o'clock. " * 12)
    page.locator("body").focus()
    press_tab_until(page, "Speak")
    page.keyboard.press("Enter")
    page.locator(".player[data-first-sound]").wait_for()
    assert page.locator(".st-key-stop_speaking").count() == 1, "it was heard only after all of it was made"
    assert page.locator(".timeline .phone").count() > 10
    page.get_by_text("The same in a terminal").wait_for()
    phones = page.locator(".timeline .phone")
    assert page.locator(".stMetric", has_text="Phones").locator("[data-testid=stMetricValue]").inner_text() == str(
        phones.count()
    )
    boxes = page.locator(".timeline .phone rect").evaluate_all("rects => rects.map(r => r.getBBox().width)")
    assert min(boxes) > 0
    ends = page.locator(".timeline .wave").evaluate_all("waves => waves.map(w => w.getBBox().x + w.getBBox().width)")
    last = phones.last.locator("rect").evaluate("rect => rect.getBBox().x + rect.getBBox().width")
    assert 0 <= max(ends) - last < 100  # the last phone, then a pause


def test_a_voice_from_the_microphone_is_copied_and_measured(page: Page, server: Server) -> None:
    page.set_default_timeout(SLOW_MS)
    visit(page, f"{server.url}/copy")
    record(page)
    page.get_by_role("button", name=re.compile("^Copy")).click()
    page.get_by_text("The same in a terminal").wait_for()
    assert page.locator(".stMetric", has_text="Log-mel distance").count() == 1
    assert page.get_by_role("img", name=re.compile("^spectrogram of the")).count() == 2
    expect(alerts(page)).to_have_count(0)


def test_a_sentence_is_recorded_judged_and_kept(page: Page, server: Server, runs: Path) -> None:
    visit(page, f"{server.url}/own")
    record(page)
    expect(page.get_by_text(re.compile(r"^Peak -\d+\.\d dB$"))).to_be_visible()
    page.get_by_role("button", name="Keep, and go on").click()
    expect(page.get_by_text("1 of 40 sentences are recorded")).to_be_visible()
    folder = runs / "voices" / "mine" / "recordings"
    assert soundfile.info(folder / "prompt-01.wav").samplerate == 48_000
    assert (folder / "transcripts.tsv").read_text().startswith("prompt-01\tThe young judge")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_accessibility_fault(browser: Browser, server: Server, theme: str) -> None:
    found = {}
    with user(browser, color_scheme=theme) as page:
        page.set_default_timeout(SLOW_MS)
        for name in PAGES:
            visit(page, f"{server.url}/{name}")
            page.wait_for_timeout(1_000)  # what was redrawn is pale for a moment
            settle(page)
            faults = Axe().run(page).response["violations"]
            serious = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
            found[name] = [(fault["id"], fault["nodes"][0]["html"]) for fault in serious]
    assert found == {name: [] for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_all_of_it(browser: Browser, server: Server, name: str) -> None:
    with user(browser, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        visit(page, f"{server.url}/{name}")
        if name == "generate":
            page.get_by_text("Continue a recording").click()
            send(page, f"{'long' * 50}.wav", b"This is no sound.")
            expect(alerts(page)).to_be_visible()
            assert beyond_the_edge(page) == []
            page.get_by_role("button", name=re.compile("Remove")).click()
            expect(alerts(page)).to_have_count(0)
            page.get_by_role("button", name="Generate").click()
            expect(page.get_by_text("The same in a terminal")).to_be_visible()
        if name == "train":
            page.get_by_text("Start a new run").click()
        settle(page)
        assert beyond_the_edge(page) == []


_LAID_OUT_MS = 5_000

_BEYOND_THE_EDGE = """() => {
    const scrolls = element => element && element !== document.documentElement && (
        !element.matches('.stMain, .stApp') && /auto|scroll/.test(getComputedStyle(element).overflowX)
        || scrolls(element.parentElement));
    const unfilled = element => element.parentElement.matches('[data-testid=stProgressBarTrack]');
    return [...document.querySelectorAll('.stMain *')]
        .filter(element => element.checkVisibility({visibilityProperty: true, opacityProperty: true}))
        .filter(element => {
            const {width, height, left, right} = element.getBoundingClientRect();
            const beyond = width * height > 0 && (left < -1 || right > innerWidth + 1);
            return beyond && !scrolls(element.parentElement) && !unfilled(element);
        })
        .map(element => `${element.tagName} ${element.className?.baseVal ?? element.className}`);
}"""


def beyond_the_edge(page: Page) -> list[str]:
    """What one has to scroll sideways to see, apart from what is in a box that scrolls by itself.

    Nor does the fill of an empty progress bar count, which lies beside its track and is clipped by it. What the server
    has sent takes the browser a moment to lay out, longer on a busy machine.
    """
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(f"() => !({_BEYOND_THE_EDGE})().length", timeout=_LAID_OUT_MS)
    return page.evaluate(_BEYOND_THE_EDGE)


def test_training_is_started_watched_left_alone_stopped_and_resumed(
    browser: Browser, server: Server, runs: Path
) -> None:
    progress = re.compile(r"training: step [\d,]+ of 1,000,000")
    workdir = runs / "tiny-1"
    with user(browser) as page:
        visit(page, f"{server.url}/train")
        page.get_by_text("Start a new run").click()
        choose(page, "Learn from", "synthetic sounds")
        choose(page, "Preset", "tiny, some seconds")
        fill(page, "Steps", "1000000")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text(progress)).to_be_visible()
        expect(page.get_by_text("bits per sample of held-out audio")).to_be_visible()
    # Nobody looks on.
    seen = len(read_records(RunDirectory(workdir)))
    while len(read_records(RunDirectory(workdir))) == seen:
        time.sleep(0.1)

    with user(browser) as page:
        visit(page, f"{server.url}/train")
        choose(page, "Run", "tiny-1")
        expect(page.get_by_text(progress)).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Resume")).to_be_enabled()
        stopped = max(record["step"] for record in read_records(RunDirectory(workdir)))
        assert stopped < 1_000_000
        fill(page, "Up to step", str(stopped + 100))
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text(f"finished at step {stopped + 100}")).to_be_visible()
    steps = [record["step"] for record in read_records(RunDirectory(workdir)) if record["kind"] == "train"]
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
