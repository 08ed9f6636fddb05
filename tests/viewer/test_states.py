"""What the page says of itself: no WebGL, an empty and a broken scene, a lost link, signed out; and what it lets one keep."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import findings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def _card(page: Any, until: Callable[..., Any], kind: str, seconds: float = 60.0) -> str:
    until(page, f"document.querySelector('#card:not([hidden])')?.dataset.kind === '{kind}'", seconds)
    return str(page.inner_text("#card"))


def test_without_webgl_one_sentence_says_what_helps(
    browser: Any, live: Any, until: Callable[..., Any]
) -> None:
    context = browser.new_context(viewport={"width": 640, "height": 400})
    page = context.new_page()
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return /webgl/.test(kind) ? null : get.call(this, kind, ...rest); };"
    )
    page.goto(live.url)
    text = _card(page, until, "noWebgl")
    assert "WebGL 2 is missing" in text and "hardware acceleration" in text
    context.close()


def test_a_scene_that_cannot_be_had_is_told_and_had_again(
    browser: Any, live: Any, until: Callable[..., Any]
) -> None:
    context = browser.new_context(viewport={"width": 640, "height": 400})
    page = context.new_page()
    page.route(
        "**/api/**scene*", lambda route: route.fulfill(status=500, body='{"error": "cell.usda is damaged"}')
    )
    page.goto(live.url)
    text = _card(page, until, "broken")
    assert (
        "The scene cannot be shown" in text and "Cell.usda is damaged." in text
    )  # the server's own sentence
    assert page.inner_text("#stage-name") == "no scene"  # and not "connecting"
    page.unroute("**/api/**scene*")
    until(page, "!document.querySelector('#card [type=button]').hidden")
    page.evaluate("document.querySelector('#card button').click()")
    until(page, "twinstage.ready && document.querySelector('#card').hidden")
    assert page.inner_text("#stage-name") == "cell.usda"
    context.close()


def test_what_goes_wrong_at_the_server_is_told_in_the_page(
    browser: Any,
    serve_stage: Callable[[Path], Any],
    until: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from twinstage.base.errors import UserError
    from twinstage.sync.assets import AssetStore
    from twinstage.sync.shell import ViewerFiles

    (tmp_path / "hall.usda").write_text('#usda 1.0\ndef Cube "Box"\n{\n}\n')
    url = serve_stage(tmp_path / "hall.usda").url
    context = browser.new_context(viewport={"width": 640, "height": 400})
    page = context.new_page()

    def fails_with(error: Exception) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        return fail

    bad = "hall.usda: /Box has a size of nan <b>; give it a number"
    monkeypatch.setattr(AssetStore, "columns", fails_with(UserError(bad)))
    page.goto(url)
    assert "Hall.usda: /Box has a size of nan <b>; give it a number." in _card(page, until, "broken")
    monkeypatch.setattr(AssetStore, "columns", fails_with(ValueError("secret of the machine")))
    page.goto(url)
    text = _card(page, until, "broken")
    assert "GET /api/scene failed by a defect of Twinstage (ValueError)" in text and "log" in text
    assert "secret" not in text
    # Where the page itself cannot be had, the browser shows the sentence, too.
    monkeypatch.setattr(ViewerFiles, "file_response", fails_with(UserError(bad)))
    answer = page.goto(url)
    assert answer.status == 500 and page.inner_text("h1") == "This page cannot be shown"
    assert page.inner_text("p") == "Hall.usda: /Box has a size of nan <b>; give it a number."
    context.close()


def test_a_scene_of_nothing_says_so_and_lists_its_prims(
    serve_stage: Callable[[Path], Any],
    open_page: Callable[..., Any],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "empty.usda").write_text('#usda 1.0\ndef Xform "Hall"\n{\n}\n')
    page = open_page(serve_stage(tmp_path / "empty.usda").url, ready=False, forgive=("404",))
    assert "1 prim, and none of them has geometry" in _card(page, until, "empty")
    assert page.get_by_role("tree").get_by_role("treeitem", name="Hall").is_visible()


def test_a_lost_link_keeps_the_state_counts_down_and_heals(
    make_live: Callable[..., Any], open_page: Callable[..., Any], until: Callable[..., Any], axe: str
) -> None:
    live = make_live()
    page = open_page(live.url)
    live.say(belt_speed=3.5)
    until(page, "twinstage.values['belt.speed']?.value === 3.5")
    live.stop()
    until(page, "twinstage.link === 'down' && !document.querySelector('#banner').hidden")
    banner = page.locator("#banner")
    assert re.search(r"Link lost: showing the last state of \d\d:\d\d:\d\d UTC", banner.inner_text())
    page.evaluate(axe)
    assert findings(page, "lost") == []
    until(page, "/old, next try in [1-5] s/.test(document.querySelector('.banner-detail').textContent)")
    # The countdown is not read out each second.
    assert page.get_attribute(".banner-detail", "aria-hidden") == "true"
    assert page.evaluate("twinstage.values['belt.speed'].value") == 3.5
    attempts = page.evaluate("twinstage.stats.attempts")
    live.start()
    until(page, "twinstage.run('link.retry') || twinstage.link === 'live'")
    until(page, "twinstage.link === 'live' && document.querySelector('#banner').hidden")
    assert page.evaluate("twinstage.stats.attempts") > attempts


def test_the_link_s_panel_tells_the_tier_and_asks_for_a_slower_one(
    live: Any, live_page: Any, until: Callable[..., Any]
) -> None:
    page = live_page
    until(page, "twinstage.stats.hz > 2")
    page.click("#link")
    page.click("#link-panel [data-hz='2']")
    until(page, "twinstage.stats.hz === 2")
    until(page, "document.querySelector('#badges .badge[data-level=warning]')?.textContent === '2 Hz'")
    until(page, "/Tier\\s+2 Hz/.test(document.querySelector('#link-panel').innerText)")
    before = page.evaluate("twinstage.wire.digestsChecked")
    page.get_by_role("button", name="Compare with the server").click()
    live.say(belt_speed=1.25)
    until(page, f"twinstage.wire.digestsChecked > {before}")
    page.click("#link-panel [data-hz='']")
    until(page, "twinstage.stats.hz > 2")
    page.keyboard.press("Escape")
    assert not page.locator("#link-panel").is_visible()


def test_the_palette_does_commands_and_goes_to_prims(live_page: Any, until: Callable[..., Any]) -> None:
    page = live_page
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Control+k")  # also from a field
    page.keyboard.type("motor")
    page.keyboard.press("Enter")
    assert page.evaluate("twinstage.selected") == "/Cell/Belt/Motor"
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Control+k")
    page.keyboard.type("clear selection")
    assert page.get_attribute("#palette-0", "aria-selected") == "true"
    page.keyboard.press("Enter")
    assert page.evaluate("twinstage.selected") is None
    page.keyboard.press("Control+k")
    page.keyboard.type("nothing is called like this")
    page.keyboard.press("Enter")
    assert not page.locator("dialog:modal").count()


def test_a_picture_is_of_what_is_seen(live_page: Any, until: Callable[..., Any]) -> None:
    from io import BytesIO

    from PIL import Image

    page = live_page
    page.locator("#canvas").focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Shift+S")
    download = waiting.value
    assert re.fullmatch(r"cell-\d{4}-\d\d-\d\dT\d{6}\.png", download.suggested_filename)
    image = Image.open(BytesIO(Path(download.path()).read_bytes())).convert("RGB")
    pixels = np.asarray(image, float)
    orange = (pixels[..., 0] > 1.6 * pixels[..., 2]) & (pixels[..., 0] > 80)
    # Its resolution adapts to the machine at any moment; what it shows has the shape of the canvas.
    box = page.locator("#canvas").bounding_box()
    assert image.width / image.height == pytest.approx(box["width"] / box["height"], rel=0.01)
    assert image.width > 200
    assert orange.sum() > 30, "the belt's frame is in the picture"
    assert (pixels.sum(2) == 0).mean() < 0.01, "no transparent background"


def test_a_layout_is_kept_under_a_name_taken_and_imported(
    live: Any, open_page: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(live.url, viewport={"width": 1000, "height": 500})
    page.evaluate("twinstage.run('table.read')")
    page.keyboard.press("Control+k")
    page.keyboard.type("layouts")
    page.keyboard.press("Enter")
    page.get_by_label("Name of the layout").fill("Reading")
    page.keyboard.press("Enter")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export all").click()
    file = json.loads(Path(waiting.value.path()).read_text())
    assert [one["name"] for one in file["layouts"]] == ["Reading"]
    assert file["layouts"][0]["open"]["bottom"] == "table"
    file["layouts"][0] |= {"name": "Looking", "role": "engineer", "theme": "light"}
    file["layouts"][0]["open"] = {"left": None, "right": None, "bottom": None}
    (tmp_path / "more.json").write_text(json.dumps(file))
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Import a file").click()
    choosing.value.set_files(tmp_path / "more.json")
    page.get_by_role("button", name="Looking", exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert not page.locator("#panel-tree").is_visible() and not page.locator("#panel-table").is_visible()
    # A role that comes for the first time begins with its layout (who may do everything is an engineer).
    page.evaluate(
        "localStorage.removeItem('twinstage.layout'); localStorage.removeItem('twinstage.layout.role')"
    )
    page.reload()
    until(page, "!!(window.twinstage && twinstage.ready)")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert not page.locator("#panel-tree").is_visible()


def test_the_table_says_the_scene_in_words(live: Any, live_page: Any, until: Callable[..., Any]) -> None:
    page = live_page
    live.say(motor_temperature=48.5, belt_state="fault")
    page.evaluate("twinstage.run('table.read')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Scene as a table"
    rows = (
        "[...document.querySelectorAll('.scene-table tbody tr')].map(r => r.innerText.replace(/\\s+/g, ' '))"
    )
    until(page, f"{rows}.some(text => /Motor .*motor.temperature 48.50 °C good/.test(text))")
    until(page, f"{rows}.some(text => /^Belt belt.state fault good .*conveyor/.test(text))")
    # Without anything new a value with a limited age goes stale.
    until(page, f"{rows}.some(text => /motor.current 3.00 A stale/.test(text))")
    page.locator(".scene-table button", has_text="Motor").first.click()
    assert page.evaluate("twinstage.selected") == "/Cell/Belt/Motor"
    assert page.locator(".scene-table tr[aria-current=true]").count() == 2
    live.calm()


@pytest.fixture
def guarded(make_live: Callable[..., Any], tmp_path: Path) -> Iterator[tuple[Any, Path, str]]:
    """A twin that lets in only who has a token."""
    tokens = tmp_path / "tokens.json"
    made = _token("create", "--file", str(tokens), "--name", "desk", "--role", "operator")
    found = re.search(r"twk_\S+", made)
    assert found, made
    yield make_live("--tokens", str(tokens)), tokens, found[0]


def _token(*arguments: str) -> str:
    command = [sys.executable, "-m", "twinstage", "token", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_who_is_signed_out_signs_in_and_is_where_they_were(
    guarded: tuple[Any, Path, str], open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    live, tokens, secret = guarded
    page = open_page(live.url, ready=False)
    until(page, "location.pathname === '/signin'")
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    until(page, "!!(window.twinstage && twinstage.ready)")
    page.evaluate("twinstage.select('/Cell/Tank')")
    until(page, "location.hash.includes('selected=/Cell/Tank')")
    again = re.search(
        r"twk_\S+", _token("create", "--file", str(tokens), "--name", "night", "--role", "operator")
    )
    assert again
    _token("revoke", "--file", str(tokens), "desk")
    until(page, "location.pathname === '/signin'")
    page.get_by_label("Token").fill(again[0])
    page.get_by_role("button", name="Sign in").click()
    until(page, "!!(window.twinstage && twinstage.ready)")
    until(page, "twinstage.selected === '/Cell/Tank'")
