"""Labels in the page: pixels in colours of classes, counts against the label pass, labels that land in the twin's layer."""

import colorsys
import io
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer
from PIL import Image
from twins import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Until = Callable[..., Any]
UNLABELLED = (255, 45, 155)
COUNTED = "twinstage.labels.coverage"
BARE = """#usda 1.0
(
    defaultPrim = "WorkCell"
    metersPerUnit = 1
    upAxis = "Z"
    subLayers = [@workcell.usda@]
)
over "WorkCell"
{
    over "Hall"
    {
        token[] semantics:labels:class = None
        over "Floor"
        {
            token[] semantics:labels:class = None
        }
        over "Walls"
        {
            token[] semantics:labels:class = ["wall", "facade"]
        }
    }
}
"""
"""The work cell without the labels of its hall, and with walls of two classes."""


@pytest.fixture(scope="module")
def page(live_page: Any, wide: None) -> Any:
    live_page.click("#tab-labels")
    return live_page


@pytest.fixture(autouse=True)
def as_designed(live: Any, request: pytest.FixtureRequest, until: Until) -> Iterator[None]:
    yield
    for k, edit in enumerate(live.ask("api/v1/edits")["edits"]):
        fields = {"kind": "clear", "path": edit["path"], "property": edit["property"]}
        live.ask("api/v1/commands", {"id": f"labels-{request.node.name}-{k}", **fields})
    live.calm()


def look_at(page: Any, path: str) -> tuple[float, float]:
    """Hue and saturation of the picture where that prim is, 0 to 1."""
    place = page.evaluate(f"twinstage.layers.placeOf('{path}')")
    image = np.asarray(Image.open(io.BytesIO(page.locator("#canvas").screenshot())).convert("RGB"))
    x, y = round(place["x"]), round(place["y"])
    red, green, blue = np.median(image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3), axis=0) / 255
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return hue, saturation


def at_rest(page: Any) -> int:
    """How often it was counted once nothing is drawn nor counted any more; a view that goes on by itself fails."""
    now = "[twinstage.stats.frames, twinstage.labels.counted]"
    deadline = time.monotonic() + 90
    before = None
    while (found := page.evaluate(now)) != before:
        assert time.monotonic() < deadline, f"it never rests: {found} after {before}"
        before = found
        page.wait_for_timeout(2500)  # longer than the counter lets pass between two counts of what moves
    return int(found[1])


def apart(a: float, b: float) -> float:
    return abs((a - b + 0.5) % 1 - 0.5)


def hue_of(rgb: Any) -> float:
    return colorsys.rgb_to_hsv(*(byte / 255 for byte in rgb))[0]


def exported(live: Any, folder: Path) -> Any:
    """The stage as designed under the layer that the twin hands over."""
    from pxr import Usd

    with urllib.request.urlopen(f"{live.url}api/v1/edits/layer.usda", timeout=10) as answer:
        (folder / "edits.usda").write_bytes(answer.read())
    shutil.copy(live.folder / "cell.usda", folder / "cell.usda")
    (folder / "both.usda").write_text("#usda 1.0\n(\n    subLayers = [@edits.usda@, @cell.usda@]\n)\n")
    stage = Usd.Stage.Open(str(folder / "both.usda"))
    stage.Reload()  # the files may be those of before
    return stage


def own_labels(stage: Any, path: str) -> list[str]:
    from pxr import UsdSemantics

    query = UsdSemantics.LabelsQuery("class", 0.0)
    return [str(label) for label in query.ComputeUniqueDirectLabels(stage.GetPrimAtPath(path))]


def test_the_scene_is_in_the_colours_of_its_classes(page: Any, until: Until) -> None:
    page.locator("#canvas").focus()
    page.keyboard.press("Alt+L")
    until(page, "twinstage.labels.on")
    colors = page.evaluate("twinstage.labels.colors")
    assert sorted(colors) == ["conveyor", "vehicle"]
    page.wait_for_timeout(700)
    for path, rgb in (
        ("/Cell/Belt/Motor", colors["conveyor"]),
        ("/Cell/Agv1/Body", colors["vehicle"]),
        ("/Cell/Tank/Wall", UNLABELLED),
    ):
        hue, saturation = look_at(page, path)
        assert saturation > 0.15 and apart(hue, hue_of(rgb)) < 0.06, (path, hue, saturation)
    page.keyboard.press("Alt+L")
    until(page, "!twinstage.labels.on")
    page.wait_for_timeout(700)
    assert look_at(page, "/Cell/Tank/Wall")[1] < 0.3  # grey, as it was designed


def test_a_label_that_is_given_lands_in_the_layer_and_is_taken_back(
    page: Any, live: Any, until: Until, tmp_path: Path
) -> None:
    until(page, f"{COUNTED}?.unlabelled > 0")
    names = page.locator(".labels-list[aria-label='Without a label'] li").evaluate_all(
        "rows => rows.map((row) => row.dataset.path)"
    )
    assert sorted(names) == ["/Cell/Parcels", "/Cell/Tank"]
    page.locator("[data-path='/Cell/Tank'] .labels-go").click()
    until(page, "twinstage.selected === '/Cell/Tank'")
    page.get_by_label("Choose /Cell/Tank").check()
    assert page.evaluate("twinstage.labels.chosen") == ["/Cell/Tank"]
    field = page.locator(".labels-form").get_by_label("Label", exact=True)
    assert field.input_value() == "tank"  # proposed from the name
    field.press("Enter")
    until(page, f"{COUNTED}?.byClass.tank > 0")
    assert own_labels(exported(live, tmp_path), "/Cell/Tank") == ["tank"]
    assert page.locator(".labels-legend [data-class='tank']").count() == 1
    page.click(".labels-form button:text-is('Undo')")
    until(page, f"{COUNTED} && !({COUNTED}.byClass.tank > 0)")
    assert own_labels(exported(live, tmp_path), "/Cell/Tank") == []


def test_several_by_pattern_and_by_the_selection(page: Any, live: Any, until: Until, tmp_path: Path) -> None:
    field = page.get_by_label("Prims by path or pattern")
    field.fill("Cell")
    field.press("Enter")
    assert "begins with /" in page.locator(".labels-form .prop-error").inner_text()
    field.fill("/Cell/?a*")
    field.press("Enter")
    assert page.evaluate("twinstage.labels.chosen") == ["/Cell/Parcels", "/Cell/Tank"]
    page.evaluate("twinstage.select('/Cell/Agv1/Body')")
    page.click(".labels-form button:text-is('Add selected')")
    page.locator(".labels-form").get_by_label("Label", exact=True).fill("thing")
    page.click(".labels-apply")
    until(page, f"{COUNTED}?.byClass.thing > 0 && {COUNTED}.unlabelled === 0")
    stage = exported(live, tmp_path)
    assert {path: own_labels(stage, path) for path in ("/Cell/Parcels", "/Cell/Tank", "/Cell/Agv1/Body")} == {
        "/Cell/Parcels": ["thing"],
        "/Cell/Tank": ["thing"],
        "/Cell/Agv1/Body": ["thing"],
    }
    journal = live.ask("api/v1/edits/journal")["transactions"][0]
    assert len(journal["changes"]) == 3  # one step
    assert page.locator(".labels-figure").inner_text() == "100.0 % labelled"


def where(page: Any, path: str) -> tuple[float, float]:
    """A place of the window at which a click means that prim."""
    place = page.evaluate(
        """path => { const c = document.querySelector('#canvas').getBoundingClientRect();
          for (let y = c.top + 6; y < c.bottom; y += 8) for (let x = c.left + 6; x < c.right; x += 8)
            if (document.elementFromPoint(x, y)?.id === 'canvas' && twinstage.pickAt(x, y) === path
                && twinstage.pickAt(x + 4, y + 4) === path) return [x + 2, y + 2];
          return null; }""",
        path,
    )
    assert place is not None, f"{path} is nowhere in the picture"
    return float(place[0]), float(place[1])


def test_clicks_choose_and_remove_leaves_nothing(page: Any, live: Any, until: Until, tmp_path: Path) -> None:
    button = page.get_by_role("button", name="Choose by click")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    page.mouse.click(*where(page, "/Cell/Tank/Wall"))
    until(page, "twinstage.labels.chosen.includes('/Cell/Tank/Wall')")
    page.mouse.click(*where(page, "/Cell/Belt/Motor"))
    until(page, "twinstage.labels.chosen.length === 2")
    page.mouse.click(*where(page, "/Cell/Belt/Motor"))  # left out again
    until(page, "twinstage.labels.chosen.length === 1")
    field = page.locator(".labels-form").get_by_label("Label", exact=True)
    field.fill("vessel")
    field.press("Enter")
    until(page, f"{COUNTED}?.byClass.vessel > 0")
    (edit,) = live.ask("api/v1/edits")["edits"]
    name = "semantics:labels:class"
    assert (edit["path"], edit["property"], edit["value"]) == ("/Cell/Tank/Wall", name, ["vessel"])
    assert own_labels(exported(live, tmp_path), "/Cell/Tank/Wall") == ["vessel"]

    page.mouse.click(*where(page, "/Cell/Tank/Wall"))
    until(page, "twinstage.labels.chosen.length === 1")
    page.get_by_role("button", name="Remove label").click()
    until(page, f"{COUNTED} && !({COUNTED}.byClass.vessel > 0)")
    assert live.ask("api/v1/edits")["edits"] == []  # nothing is left of it

    page.get_by_role("button", name="Choose by click").click()
    page.mouse.click(*where(page, "/Cell/Tank/Wall"))
    page.wait_for_timeout(300)
    assert page.evaluate("twinstage.labels.chosen") == []  # clicks select again, and no more
    assert page.evaluate("twinstage.selected") == "/Cell/Tank/Wall"

    page.get_by_label("Prims by path or pattern").fill("/Cell/Belt")  # labelled by the file
    page.get_by_label("Prims by path or pattern").press("Enter")
    page.get_by_role("button", name="Remove label").click()
    until(page, f"{COUNTED} && !({COUNTED}.byClass.conveyor > 0)")
    assert live.ask("api/v1/edits")["edits"][0]["value"] == []
    assert own_labels(exported(live, tmp_path), "/Cell/Belt") == []


def test_a_view_at_rest_is_counted_once(page: Any, live: Any, until: Until) -> None:
    until(page, f"{COUNTED}")
    times = at_rest(page)
    page.locator("#canvas").focus()
    page.keyboard.press("Alt+K")
    until(page, f"twinstage.labels.counted > {times}")
    assert at_rest(page) == times + 1
    page.keyboard.press("Control+ArrowRight")  # the camera turns
    until(page, f"twinstage.labels.counted > {times + 1}")
    at_rest(page)


def test_the_count_is_that_of_the_label_pass(
    browser: Any, serve_stage: Callable[[Path], HubServer], root: Path, tmp_path: Path, until: Until
) -> None:
    from twinstage.assets.coverage.standing import State, standings
    from twinstage.render.api import open as open_scene
    from twinstage.render.camera import camera_pose, find_camera
    from twinstage.render.capture import Camera
    from twinstage.render.labels import label_pass
    from twinstage.scene.labels import LabelPolicy

    shutil.copytree(root / "assets/library/workcell", tmp_path / "cell")
    stage = tmp_path / "cell" / "bare.usda"
    stage.write_text(BARE)
    server = serve_stage(stage)
    through = "through=/WorkCell/Cameras/Overview"
    with opened(browser, f"{server.url}#{through}", viewport={"width": 860, "height": 420}) as page:
        page.click("#tab-labels")
        page.wait_for_timeout(500)
        assert through in page.evaluate("decodeURIComponent(location.hash)")
        page.evaluate("twinstage.labels.count()")
        seen = page.evaluate(COUNTED)
        view = page.evaluate("twinstage.labels.view")
    snapshot = open_scene(stage).snapshot
    overview = find_camera(snapshot, "Overview")
    width, height = view["width"], view["height"]
    f = height / 2 / np.tan(np.radians(view["fov"]) / 2)
    k = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]])
    camera = Camera("page", width, height, k, camera_pose(snapshot, overview), overview.near, overview.far)
    instance = label_pass(snapshot, camera, objects=(), amodal=False, aovs=("instance",)).aovs["instance"]
    state = standings(snapshot, "class", LabelPolicy()).state[snapshot.instances.object]
    count = np.bincount(np.append(0, state)[instance].ravel(), minlength=4)
    whole = count[1:].sum()
    assert count[State.UNLABELLED] > 0.3 * whole and count[State.AMBIGUOUS] > 0.1 * whole
    assert seen["visible"] / (width * height) == pytest.approx(whole / (width * height), abs=0.005)
    for name, number in (("unlabelled", State.UNLABELLED), ("ambiguous", State.AMBIGUOUS)):
        assert seen[name] / seen["visible"] == pytest.approx(count[number] / whole, abs=0.005), name
    assert [group["name"] for group in seen["groups"]] == ["/WorkCell/Hall"]
    assert [row["path"] for row in seen["ambiguousPrims"]] == ["/WorkCell/Hall/Walls"]


def test_axe_finds_no_serious_fault(browser: Any, live: Any, until: Until, axe: str) -> None:
    with opened(browser, live.url, viewport={"width": 1000, "height": 700}, bypass_csp=True) as page:
        page.click("#tab-labels")
        page.locator("#labels-on").check()
        until(page, f"{COUNTED}?.unlabelled > 0")
        page.get_by_label("Choose /Cell/Tank").check()
        page.add_script_tag(content=axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in serious] == []
