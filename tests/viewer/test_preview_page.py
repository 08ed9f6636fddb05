"""The page of `synth preview` in Chromium: a slider moves what is drawn and the frames beside it, and is saved as a recipe;
and the panel of datasets on a twin's page, from whose records the 3D view looks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from data_sets import make_datasets, serving, write_room
from twins import SHARED, opened

Until = Callable[..., Any]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_room(tmp_path_factory.mktemp("preview"))


@pytest.fixture(scope="module")
def url(recipe: Path) -> Any:
    out = str(recipe.with_name("new.yaml"))
    return SHARED.get(
        "preview", lambda: serving("synth", "preview", str(recipe), "--out", out, says="trying ")
    )


@pytest.fixture(scope="module")
def page(browser: Any, url: str, until: Until) -> Iterator[Any]:
    forgive = ("422 (Unprocessable",)  # of a range that is none
    size = {"width": 1000, "height": 640}
    with opened(browser, url, ready=False, forgive=forgive, viewport=size) as made:
        rest(made, until)
        yield made


def rest(page: Any, until: Until) -> None:
    """All frames are there, as the ranges are now."""
    page.wait_for_timeout(900)  # after a change frames wait for the hand to rest
    until(
        page,
        "document.querySelectorAll('.preview-picture img').length === 4 && !document.querySelector('[data-old=true]')"
        " && document.querySelector('.preview-note').innerText === ''",
        60,
    )


def bytes_of(page: Any) -> list[str]:
    """The first pictures, as they are seen."""
    return page.evaluate("""async () => { const out = [];
        for (const image of document.querySelectorAll('.preview-picture img'))
            out.push([...new Uint8Array(await (await fetch(image.src)).arrayBuffer())].join());
        return out; }""")


def test_ranges_are_those_of_the_recipe(page: Any) -> None:
    names = page.locator(".randomizer").evaluate_all("all => all.map((one) => one.dataset.randomizer)")
    assert names == ["goods", "sun"]
    assert page.locator("[aria-label='sun.intensity as a recipe has it']").input_value() == "[0.5, 2]"
    assert page.locator("[data-randomizer='sun'] .range-plot rect").count() == 24
    assert "middle 1.25" in page.locator("[data-randomizer='sun'] .range-note").inner_text()


def test_a_slider_moves_what_is_drawn_and_the_frames(page: Any, until: Until) -> None:
    before = bytes_of(page)
    table = page.locator(".preview-draws tr", has_text="sun.intensity").inner_text()
    slider = page.locator("[aria-label='sun.intensity, least']")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    until(page, "preview.recipe.set.length === 1")
    change = page.evaluate("preview.recipe.set[0]")
    low = yaml.safe_load(change.split("=")[1])[0]
    assert change.startswith("sun.intensity=[") and low > 0.8
    counted = page.evaluate(
        "preview.recipe.randomizers.flatMap((r) => r.ranges).find((r) => r.id === 'sun.intensity')"
    )
    assert counted["low"] >= low and sum(counted["counts"]) == 200
    # The old draws stay beside the new ones.
    assert page.locator("[data-randomizer='sun'] .bar-all").count() == 24
    rest(page, until)
    after = bytes_of(page)
    assert len(before) == len(after) == 4 and all(a != b for a, b in zip(before, after, strict=True))
    assert page.locator(".preview-draws tr", has_text="sun.intensity").inner_text() != table
    assert "--set 'sun.intensity=" in page.evaluate("preview.recipe.command")


def test_saved_ranges_are_a_recipe(page: Any, until: Until, recipe: Path) -> None:
    page.locator("[aria-label='goods.rotate.z as a recipe has it']").fill("[0, 45]")
    page.keyboard.press("Enter")
    until(page, "preview.recipe.set.length === 2")
    page.click("button:text-is('Save')")
    until(page, "document.querySelector('.preview-said').innerText === 'new.yaml is written.'")
    data = yaml.safe_load(recipe.with_name("new.yaml").read_text())
    assert data["include"] == "recipe.yaml" and data["randomize"][0] == {
        "name": "goods",
        "rotate": {"z": [0, 45]},
    }
    with page.expect_download() as told:
        page.click("button:text-is('YAML')")
    assert Path(told.value.path()).read_text() == recipe.with_name("new.yaml").read_text()


def test_a_range_that_is_none_is_told_where_it_was_typed(page: Any, until: Until) -> None:
    text = page.locator("[aria-label='sun.intensity as a recipe has it']")
    text.fill("[3, 1]")
    page.keyboard.press("Enter")
    until(page, "!document.querySelector('.datasets-fault').hidden")
    assert "high 1 is below low 3" in page.locator(".datasets-fault").inner_text()
    assert text.get_attribute("aria-invalid") == "true"
    page.click("button:text-is('Reset all')")
    until(page, "preview.recipe.set.length === 0 && document.querySelector('.datasets-fault').hidden")
    assert text.input_value() == "[0.5, 2]"
    rest(page, until)


def test_full_size_is_the_datasets_own_frame(page: Any, until: Until, recipe: Path, tmp_path: Path) -> None:
    from twinstage.cli.app import run

    assert run(["synth", "frame", str(recipe), "1", "--out", str(tmp_path / "one")]) == 0
    page.select_option("[aria-label='Size of the pictures']", "0")
    page.select_option("[aria-label='Engine']", "own")
    rest(page, until)
    expected = (tmp_path / "one/images/000001_Eye_rgb.png").read_bytes()
    assert bytes(int(v) for v in bytes_of(page)[1].split(",")) == expected
    record = json.loads((tmp_path / "one/records/000001.json").read_text())
    boxes = [o["bbox_visible"] for o in record["cameras"][0]["objects"] if o["bbox_visible"]]
    drawn = page.locator(".preview-frame").nth(1).locator("svg rect").count()
    assert drawn == len(boxes) > 1


def test_axe_finds_no_serious_fault(browser: Any, url: str, until: Until, axe: str) -> None:
    with opened(browser, url, ready=False, viewport={"width": 1000, "height": 640}, bypass_csp=True) as made:
        rest(made, until)
        made.add_script_tag(content=axe)
        found = made.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in serious] == []


# --- datasets on the twin's page ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("twin")
    sets = make_datasets(folder)
    stage = str(folder / "room.usda")
    with serving("serve", stage, "--datasets", str(sets), "--camera-engine", "off", says="serving ") as where:
        yield where, sets


def test_the_3d_view_looks_from_where_a_record_was_made(
    browser: Any, twin: tuple[str, Path], until: Until
) -> None:
    where, sets = twin
    with opened(browser, where, viewport={"width": 1000, "height": 700}) as page:
        page.click("#tab-datasets")
        until(page, "document.querySelectorAll('.tile img').length > 0")
        page.select_option(".datasets-pick", "room")
        until(page, "twinstage.datasets.browser.source?.total === 8")
        until(page, "document.querySelectorAll('.tile img').length > 1")
        page.locator(".tile", has_text="side").first.click()
        until(page, "twinstage.datasets.browser.frame.camera?.name === 'side'")
        assert "frame=0" in page.locator(".datasets-page").get_attribute("href")
        page.click("button:text-is('Look from here')")
        until(page, "Math.abs(twinstage.datasets.seen().world[12] - 3.5) < 1e-6")
        record = json.loads((sets / "room/records/000000.json").read_text())["cameras"][1]
        seen = page.evaluate("twinstage.datasets.seen()")
        pose = np.array(record["world_from_camera"]) @ np.diag([1, -1, -1, 1])
        assert np.allclose(np.array(seen["world"]).reshape(4, 4).T, pose, atol=1e-6)
        # The picture of the view holds all of the record's: by height where the window is wider.
        slope = np.tan(np.radians(seen["fov"]) / 2)
        wanted = record["resolution"][1] / (2 * record["K"][1][1])
        aspect = record["resolution"][0] / record["K"][0][0] / (record["resolution"][1] / record["K"][1][1])
        assert slope == pytest.approx(max(wanted, wanted * aspect / seen["aspect"]), rel=1e-6)
        # Another stage is another place, and says so.
        page.evaluate("twinstage.datasets.browser.source.summary.stages[0].hash = 'other'")
        page.evaluate("twinstage.datasets.browser.frame.showLook()")
        look = page.locator("button:text-is('Look from here')")
        assert look.is_disabled() and "another version" in look.get_attribute("title")


def test_a_twin_without_datasets_has_no_panel(live_page: Any) -> None:
    assert live_page.locator("#tab-datasets").count() == 0 and live_page.locator("#tab-table").count() == 1
