"""The viewer's page in headless Chromium behind a bad network: damaged, cut and silent; it holds what the server says again."""

import asyncio
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import proxy as network
import pytest
from motion import Motion
from peers import until

from twinstage.sync.client import connect
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
]


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium, so the page cannot be opened")
    assert path is not None
    return path


async def _agrees(page: Any) -> None:
    """The first hash that it compares with the server is equal."""
    before = await page.evaluate("twinstage.wire")

    async def compared() -> bool:
        await page.evaluate("twinstage.verify()")
        return bool((await page.evaluate("twinstage.wire.digestsChecked")) > before["digestsChecked"])

    await until(compared, "a hash is compared", 20)
    assert await page.evaluate("twinstage.wire.digestsWrong") == before["digestsWrong"]


def test_the_page_heals_from_a_damaged_frame_a_cut_and_a_silence(make: ModuleType, root: Path) -> None:
    from playwright.async_api import async_playwright

    path = _chromium()

    async def main() -> None:
        motion = Motion(make, 60)
        motion.tick()
        app = create_app(motion.hub, viewer_dir=root / "viewer" / "dist")
        async with (
            running(app, port=0) as url,
            network.running(int(url.rpartition(":")[2])) as proxy,
            connect(url) as good,
            async_playwright() as playwright,
        ):
            moving = asyncio.create_task(motion.go())
            browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            page = await browser.new_page(viewport={"width": 400, "height": 300})
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(proxy.url)

            async def live() -> bool:
                return bool(
                    await page.evaluate(
                        "!!(window.twinstage && twinstage.ready && twinstage.link === 'live')"
                    )
                )

            await until(live, "the page is there", 40)
            await _agrees(page)
            proxy.hook = hook = network.Once(network.damage, after=0)

            async def found() -> bool:
                return hook.done and bool(await page.evaluate("twinstage.wire.resyncs === 1"))

            await until(found, "the damage is found")
            proxy.hook = None
            await until(live, "the page is back after the damage")
            await _agrees(page)
            keyframes = await page.evaluate("twinstage.wire.keyframes")
            assert keyframes == 2

            proxy.cut()

            async def down() -> bool:
                return bool(await page.evaluate("twinstage.link !== 'live'"))

            await until(down, "the page says that the link is down")
            proxy.restore()
            await until(live, "the page is back after the cut")
            await _agrees(page)
            proxy.silence()
            await asyncio.sleep(0.5)
            proxy.restore()
            await _agrees(page)
            assert await page.evaluate("twinstage.wire.keyframes") == keyframes, (
                "it caught up from what it held"
            )
            assert good.reconnects == 0 and (await good.digest()).equal
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
            await _agrees(page)
            assert (await good.digest()).equal
            for path_ in ("/World/A", "/World/A/N00007"):
                held = np.array(await page.evaluate(f"twinstage.worldOf('{path_}')")).reshape(4, 4)
                np.testing.assert_allclose(held, good.world(path_), rtol=0, atol=1e-9)
            assert problems == []
            await browser.close()

    asyncio.run(asyncio.wait_for(main(), 110))
