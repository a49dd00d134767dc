"""What needs a real browser: a stored film plays with its sound, and the panel works."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbconvert
import nbformat
import pytest
import torch

from minivid import ball, show
from minivid.hear import find_hits

COURSE = Path(__file__).resolve().parents[1] / "course"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")

PLAY = """async video => {
    const decoder = new OfflineAudioContext(1, 1, 8000);
    const file = await (await fetch(video.src)).arrayBuffer();
    const sound = (await decoder.decodeAudioData(file)).getChannelData(0);
    await video.play();
    const until = Date.now() + 20000;  // a busy computer begins late
    while (video.currentTime < 0.6 && !video.ended && Date.now() < until)
        await new Promise(after => setTimeout(after, 100));
    return {duration: video.duration, error: video.error, width: video.videoWidth,
            played: video.played.end(video.played.length - 1),
            heard: video.webkitAudioDecodedByteCount, sound: Array.from(sound)};
}"""


@contextmanager
def chromium():
    """A page in a real browser, and what it complains of."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        page, complaints = browser.new_page(viewport={"width": 1200, "height": 1400}), []
        page.on("console", lambda message: message.type == "error"
                and complaints.append(message.text))
        page.on("pageerror", lambda problem: complaints.append(str(problem)))
        page.on("request", lambda request: urllib.parse.urlparse(request.url).hostname not in
                ("localhost", "127.0.0.1", None) and complaints.append(request.url))
        yield page, complaints
        browser.close()


def free_port():
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


@contextmanager
def jupyterlab(folder):
    """JupyterLab on that folder, with nobody's own settings; gives its address."""
    port = free_port()
    places = {name: str(folder / ".jupyter") for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", "--IdentityProvider.token=",
         f"--ServerApp.root_dir={folder}"],
        env=os.environ | places, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}/lab"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "JupyterLab stopped"
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def test_a_stored_film_plays_with_its_sound(tmp_path):
    real = ball.balls(range(1))
    film = show.play(real.video[0], ball.FORMAT.fps, "A ball bounces.", audio=real.audio,
                     sample_rate=ball.FORMAT.sample_rate)
    data, metadata = film._repr_mimebundle_()
    shown = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("film", outputs=[shown], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "film.ipynb")
    with jupyterlab(tmp_path) as address, chromium() as (page, _):
        page.goto(f"{address}/tree/film.ipynb")
        video = page.locator("video")
        video.wait_for(timeout=60_000)
        found = video.evaluate(PLAY)
    assert found["error"] is None and found["width"] > 0
    assert found["duration"] == pytest.approx(ball.FORMAT.seconds + 1 / ball.FORMAT.fps, abs=0.05)
    assert found["played"] > 0.5 and found["heard"] > 0
    heard = [at for at, *_ in find_hits(torch.tensor([found["sound"]]), 8000)[0]]
    assert heard == pytest.approx(real.hits[0], abs=0.01)


def test_stored_lessons_show_their_pictures_and_films_as_a_page():
    exporter = nbconvert.HTMLExporter()
    heard = [path for path in sorted(COURSE.glob("*.ipynb")) if "<video" in path.read_text("utf-8")]
    assert len(heard) >= 3
    with chromium() as (page, _):
        page.route("http*://**", lambda route: route.abort())  # a page of its own
        for path in heard:  # others have nothing that these have not
            page.set_content(exporter.from_filename(path)[0])
            pictures = page.locator("img")
            assert pictures.count() >= 8, path.name
            for picture in pictures.all():
                about = picture.evaluate("p => p.decode().then(() => [p.naturalWidth, p.alt])")
                assert about[0] > 100 and about[1], path.name
            for video in page.locator("video").all():
                found = video.evaluate(PLAY)
                assert found["error"] is None and found["duration"] > 1.9, path.name


# ---------------------------------------------------------------- the panel

WATCH = """() => {
    window.pictures = new Set();
    new MutationObserver(() => document.querySelectorAll("figure img").forEach(
        picture => window.pictures.add(picture.src)
    )).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def a_film_is_made(page):
    """Type a sentence, and make a film of it."""
    button(page, "Make").wait_for(timeout=120_000)
    page.get_by_label("Sentence").fill("a red bal bounces by day")
    page.locator("mark", has_text="nearest: ball").wait_for(timeout=10_000)
    page.get_by_label("Sentence").fill("a red ball bounces by day")
    page.locator("mark").wait_for(state="detached", timeout=10_000)
    page.evaluate(WATCH)
    for _ in range(3):  # a second and a third press change nothing
        button(page, "Make").click(force=True)
    page.locator("video").wait_for(timeout=60_000)
    assert len(page.evaluate("Array.from(window.pictures)")) >= 2 * 5
    found = page.locator("video").evaluate(PLAY)
    assert found["error"] is None and found["played"] > 0.5 and found["heard"] > 0
    assert found["duration"] == pytest.approx(2 + 1 / 8, abs=0.1)
    assert page.get_by_text("all together").is_visible()


def a_film_is_stopped(page):
    """Begin a long film, and press Stop."""
    page.get_by_label("Steps").fill("64")
    page.keyboard.press("Tab")
    page.get_by_label("Length").select_option("6 seconds")  # so that there is time to press Stop
    button(page, "Make").click()
    page.locator("figure img").first.wait_for(timeout=30_000)
    button(page, "Stop").click()
    page.get_by_text("Stopped.").wait_for(timeout=5_000)
    page.wait_for_function("button => !button.disabled", timeout=5_000,
                           arg=button(page, "Make").element_handle())


def test_the_panel_works_in_jupyterlab(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "from minivid.playground import Playground\nPlayground()")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), tmp_path / "p.ipynb")
    with jupyterlab(tmp_path) as address, chromium() as (page, complaints):
        page.goto(f"{address}/tree/p.ipynb")
        page.locator(".jp-CodeCell").click(timeout=60_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
        page.keyboard.press("Control+Enter")
        a_film_is_made(page)
        a_film_is_stopped(page)
    assert complaints == []


def test_the_app_works_and_has_so_many_places(tmp_path):
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "minivid", "app", "--port", str(port),
                               "--sessions", "1", "--no-browser"],
                              cwd=tmp_path,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with chromium() as (page, complaints):
            for _ in range(120):
                complaints.clear()  # of a server that is not there yet
                try:
                    page.goto(f"http://localhost:{port}")
                    break
                except Exception:
                    assert server.poll() is None, "the app stopped"
                    time.sleep(0.5)
            a_film_is_made(page)
            with pytest.raises(urllib.error.HTTPError) as full:
                urllib.request.urlopen(f"http://localhost:{port}", timeout=20)
            assert full.value.code == 503 and b"All 1 places are taken" in full.value.read()
        assert complaints == []
    finally:
        server.terminate()
        server.wait(timeout=20)
