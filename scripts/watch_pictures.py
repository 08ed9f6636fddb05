"""Draws the pictures of docs/designers.md anew, from the commands of that page, in headless Chromium.

    python scripts/watch_pictures.py [FOLDER]

Writes watch-before.jpg, watch-after.jpg and watch-broken.jpg into docs/images, or into that folder. Look at each before you
commit it. Wants ../shared/assets for the bracket.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from _viewer_stage import ARGUMENTS, Stage, wait

ROOT = Path(__file__).resolve().parent.parent
PART = ROOT.parent / "shared" / "assets" / "convert" / "trimesh" / "featuretype.STL"
PORT = 8123
VIEW = "camera=0.55,-0.75,0.5,0,0,-0.1,40"
SIZE = (760, 470)
WORD = "document.querySelector('.watch-badge')"


def blocks() -> list[tuple[str, str]]:
    """The commands of the page."""
    text = (ROOT / "docs" / "designers.md").read_text()
    return re.findall(r"```(sh background|sh|python)\n(.*?)```", text, re.S)


def answers(url: str) -> None:
    """Waits until the server does."""
    for _ in range(240):
        with suppress(OSError):
            urllib.request.urlopen(f"{url}readyz", timeout=5).close()
            return
        time.sleep(0.5)
    raise SystemExit(f"no server at {url}")


def main() -> None:
    """All three."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp())
    shutil.copy(PART, folder / "bracket.stl")
    (folder / "twinstage").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m twinstage "$@"\n')
    (folder / "twinstage").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    run = [text for kind, text in blocks() if kind == "sh"]

    def do(text: str) -> None:
        subprocess.run(["bash", "-euc", text], cwd=folder, env=environment, check=True)

    do(run[0])
    do(run[1])
    served = subprocess.Popen(
        ["twinstage", "serve", "hall.usda", "--watch", "--port", str(PORT)], cwd=folder, env=environment
    )
    path = next(p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    try:
        with sync_playwright() as playwright:
            url = f"http://127.0.0.1:{PORT}/"
            stage = Stage(
                playwright.chromium.launch(executable_path=path, args=ARGUMENTS), out, lambda *_: url
            )
            answers(url)
            page = stage.page(VIEW, url=url, size=SIZE)
            stage.shoot(page, "watch-before.jpg", then=True)
            do(run[2])
            wait(page, f"{WORD}?.innerText.includes('moved') && !{WORD}.hidden")
            stage.shoot(page, "watch-after.jpg", then=True)
            good = (folder / "hall.usda").read_text()
            (folder / "hall.usda").write_text(good[:700])
            wait(page, "document.querySelector('.watch-bar')?.hidden === false")
            stage.shoot(page, "watch-broken.jpg")
            stage.browser.close()
    finally:
        served.terminate()
        served.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
