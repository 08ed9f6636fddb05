"""Draws the pictures of docs/designers.md anew, from the commands of that page, in headless Chromium.

    python scripts/watch_pictures.py

Writes docs/images/watch-before.jpg, watch-after.jpg and watch-broken.jpg. Look at each before you commit it. Wants
../shared/assets for the bracket.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PART = ROOT.parent / "shared" / "assets" / "convert" / "trimesh" / "featuretype.STL"
PORT = 8123
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
VIEW = "#camera=0.42,-0.5,0.42,0,0,0,40"


def blocks() -> list[tuple[str, str]]:
    """The commands of the page."""
    text = (ROOT / "docs" / "designers.md").read_text()
    return re.findall(r"```(sh background|sh|python)\n(.*?)```", text, re.S)


def shoot(page: Any, name: str) -> None:
    """Writes a picture that is small enough for the repository."""
    from PIL import Image

    page.wait_for_timeout(3000)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        path = ROOT / "docs" / "images" / f"watch-{name}.jpg"
        shot.convert("RGB").save(path, quality=82, optimize=True)
        print(path, path.stat().st_size)


def main() -> None:
    """All three."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp())
    shutil.copy(PART, folder / "bracket.stl")
    (folder / "twinstage").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m twinstage "$@"\n')
    (folder / "twinstage").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    run = [text for kind, text in blocks() if kind == "sh"]

    def do(text: str) -> None:
        subprocess.run(["bash", "-euc", text], cwd=folder, env=environment, check=True)

    do(run[0])
    do(run[1])
    served = subprocess.Popen(
        ["twinstage", "serve", "hall.usda", "--watch", "--port", str(PORT)], cwd=folder, env=environment
    )
    path = next(p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p)
    try:
        with sync_playwright() as playwright:
            time.sleep(15)
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 760, "height": 470})
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{PORT}/{VIEW}")
            while not page.evaluate("!!(window.twinstage && twinstage.ready)"):
                page.wait_for_timeout(200)
            shoot(page, "before")
            do(run[2])
            shoot(page, "after")
            good = (folder / "hall.usda").read_text()
            (folder / "hall.usda").write_text(good[:700])
            shoot(page, "broken")
            browser.close()
    finally:
        served.terminate()
        served.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
