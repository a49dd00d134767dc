"""A stored film plays with its sound in JupyterLab, in a real browser, right after cloning."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import nbformat
import pytest
import torch

from minivid import ball, show
from minivid.hear import find_hits

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")

PLAY = """async video => {
    const decoder = new OfflineAudioContext(1, 1, 8000);
    const file = await (await fetch(video.src)).arrayBuffer();
    const sound = (await decoder.decodeAudioData(file)).getChannelData(0);
    await video.play();
    await new Promise(after => setTimeout(after, 1000));
    return {duration: video.duration, error: video.error, at: video.currentTime,
            width: video.videoWidth, heard: video.webkitAudioDecodedByteCount,
            sound: Array.from(sound)};
}"""


@contextmanager
def jupyterlab(folder):
    """JupyterLab on that folder, with nobody's own settings; gives its address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
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
    sync_api = pytest.importorskip("playwright.sync_api")
    real = ball.balls(range(1))
    film = show.play(real.video[0], ball.FORMAT.fps, "A ball bounces.", audio=real.audio,
                     sample_rate=ball.FORMAT.sample_rate)
    data, metadata = film._repr_mimebundle_()
    shown = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("film", outputs=[shown], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "film.ipynb")
    with jupyterlab(tmp_path) as address, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        page = browser.new_page()
        page.goto(f"{address}/tree/film.ipynb")
        video = page.locator("video")
        video.wait_for(timeout=60_000)
        found = video.evaluate(PLAY)
        browser.close()
    assert found["error"] is None and found["width"] > 0
    assert found["duration"] == pytest.approx(ball.FORMAT.seconds + 1 / ball.FORMAT.fps, abs=0.05)
    assert found["at"] > 0.5 and found["heard"] > 0
    heard = [at for at, *_ in find_hits(torch.tensor([found["sound"]]), 8000)[0]]
    assert heard == pytest.approx(real.hits[0], abs=0.01)
