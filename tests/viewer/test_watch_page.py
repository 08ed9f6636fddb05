"""A stage that is edited while the page shows it: what was saved is seen, all else stays, a broken save is told."""

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from twins import findings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SMALL = {"width": 700, "height": 420}


def save(path: Path, text: str) -> None:
    other = path.with_suffix(".tmp")
    other.write_text(text)
    os.replace(other, path)


@pytest.fixture
def watched(
    make_live: Callable[..., Any], open_page: Callable[..., Any], until: Callable[..., Any]
) -> Iterator[tuple[Any, Any]]:
    live = make_live("--watch")
    page = open_page(live.url, viewport=SMALL, forgive=("404",))
    until(page, "twinstage.watch().on")
    until_watching(live, page)
    yield live, page


def until_watching(live: Any, page: Any) -> None:
    for _ in range(600):
        if live.ask("api/status")["watch"]["state"] == "watching":
            return
        page.wait_for_timeout(100)
    raise AssertionError(live.ask("api/status"))


def color_at(page: Any, path: str) -> tuple[int, int, int]:
    """Of the picture where a prim is: the first place of a grid that picks it."""
    spot = page.evaluate(
        """path => { const c = document.querySelector('#canvas').getBoundingClientRect();
          for (let y = c.top + 6; y < c.bottom; y += 12) for (let x = c.left + 6; x < c.right; x += 12)
            if (document.elementFromPoint(x, y)?.id === 'canvas' && twinstage.pickAt(x, y) === path
                && twinstage.pickAt(x + 6, y + 6) === path) return [x + 3, y + 3];
          return null; }""",
        path,
    )
    assert spot is not None, f"{path} is nowhere in the picture"
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        pixel = shot.convert("RGB").getpixel((int(spot[0]), int(spot[1])))
    assert isinstance(pixel, tuple)
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def sees(page: Any, path: str, right: Callable[[int, int, int], bool]) -> None:
    """The prim has such a colour, as soon as it is drawn."""
    deadline = time.monotonic() + 60
    while not right(*(color := color_at(page, path))):
        assert time.monotonic() < deadline, color
        page.wait_for_timeout(100)


def test_what_is_saved_is_seen_and_all_else_stays(
    watched: tuple[Any, Any], until: Callable[..., Any]
) -> None:
    live, page = watched
    stage = live.folder / "cell.usda"
    text = stage.read_text()
    page.evaluate("twinstage.select('/Cell/Tank/Wall')")
    sees(page, "/Cell/Belt/Frame", lambda red, _, blue: red > blue + 30)
    matrix = page.evaluate("JSON.stringify(twinstage.worldOf('/Cell/Belt/Motor'))")
    before = page.evaluate("twinstage.drawing.revision")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))

    painted = text.replace("[(0.9, 0.4, 0.1)]", "[(0.05, 0.1, 0.9)]")
    save(stage, painted.replace("double height = 2", "double height = 2.5"))
    until(page, f"twinstage.ready && twinstage.drawing.revision > {before}")
    until(page, "twinstage.watch().saved.startsWith('1 shape, 1 material')")
    sees(page, "/Cell/Belt/Frame", lambda red, _, blue: blue > red + 30)
    assert page.evaluate("twinstage.selected") == "/Cell/Tank/Wall"
    assert page.evaluate("JSON.stringify(twinstage.worldOf('/Cell/Belt/Motor'))") == matrix
    models = [url for url in fetched if ".glb" in url]
    assert len(models) == 1, "shapes that stayed were fetched again"
    live.say(agv1_x=0.75)
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv1')[3] - 0.75) < 1e-3")


def test_a_broken_save_is_told_until_the_next_good_one(
    watched: tuple[Any, Any],
    open_page: Callable[..., Any],
    until: Callable[..., Any],
    axe: str,
) -> None:
    live, page = watched
    stage = live.folder / "cell.usda"
    text = stage.read_text()
    before = page.evaluate("twinstage.drawing.revision")
    save(stage, text[:900])
    until(page, "!document.querySelector('.watch-bar').hidden")
    said = page.inner_text(".watch-bar")
    assert "Save not shown" in said
    assert "cell.usda, line" in said
    assert "The scene is as it was before" in said
    assert page.evaluate("twinstage.drawing.revision") == before
    color_at(page, "/Cell/Tank/Wall")  # above the bar
    page.evaluate(axe)
    assert findings(page, "a broken save") == []
    late = open_page(live.url, viewport=SMALL)
    until(late, "document.querySelector('.watch-bar').innerText.includes('cell.usda, line')")

    page.click(".watch-close")
    assert page.evaluate("document.querySelector('.watch-bar').hidden")
    save(stage, text.replace("{", "{ (", 1))  # another complaint comes up again
    until(page, "!document.querySelector('.watch-bar').hidden")
    save(stage, text)
    until(page, "document.querySelector('.watch-bar').hidden")
    until(late, "document.querySelector('.watch-bar').hidden")
    lines = page.evaluate("twinstage.log.lines.map((line) => line.text)")
    assert any(line.startswith("A save is not shown: cell.usda, line") for line in lines)
    assert any(line.startswith("Saved: cell.usda") for line in lines)
