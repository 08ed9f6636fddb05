"""The page of `synth view` in Chromium: what is drawn over a picture is what its record says, to the pixel; filters find what
the records hold; ten thousand frames cost no more than what is seen of them."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import make_datasets, serving
from twins import SHARED, opened

Until = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("view")


@pytest.fixture(scope="module")
def sets(folder: Path) -> Path:
    return make_datasets(folder)


@pytest.fixture(scope="module")
def url(sets: Path, folder: Path) -> Any:
    recipe = str(folder / "recipe.yaml")
    return SHARED.get(
        "datasets", lambda: serving("synth", "view", str(sets), "--recipe", recipe, says="showing ")
    )


@pytest.fixture(scope="module")
def page(browser: Any, url: str, until: Until) -> Iterator[Any]:
    forgive = ("422 (Unprocessable",)  # of a query that is none
    size = {"width": 1000, "height": 620}
    with opened(browser, f"{url}#dataset=room", ready=False, forgive=forgive, viewport=size) as made:
        made.evaluate("localStorage.removeItem('twinstage.datasets.shown')")
        until(made, "document.querySelectorAll('.tile img').length === 8")
        yield made


def record_of(sets: Path, frame: int, camera: str) -> dict[str, Any]:
    record = json.loads((sets / "room" / "records" / f"{frame:06d}.json").read_text())
    return next(c for c in record["cameras"] if c["name"] == camera)


def show(page: Any, until: Until, query: str) -> None:
    """Another query, and its first answer."""
    page.fill(".datasets-query", query)
    page.keyboard.press("Enter")
    until(
        page,
        f"datasets.browser.query === {json.dumps(query)} && document.querySelector('.datasets-fault').hidden",
    )
    page.wait_for_timeout(200)


def open_frame(
    page: Any, until: Until, sets: Path, frame: int, camera: str, zoom: str = "1"
) -> dict[str, Any]:
    show(page, until, f"frame:{frame} camera:{camera}")
    until(page, "document.querySelectorAll('.tile img').length === 1")
    page.locator(".tile").first.click()
    until(
        page,
        f"!!datasets.browser.frame.camera && document.querySelector('.frame-title').innerText === 'Frame {frame}, {camera}'",
    )
    until(page, "document.querySelector('.shot-image').complete")
    page.locator(".shot").focus()
    page.keyboard.press(zoom)
    return record_of(sets, frame, camera)


def marks(page: Any, *names: str) -> None:
    """These marks and no others."""
    for button in page.locator(".frame-toggles button").all():
        if (button.get_attribute("aria-pressed") == "true") != (button.get_attribute("data-mark") in names):
            button.click()
    page.locator(".shot").focus()


def masks_of(camera: dict[str, Any]) -> list[np.ndarray]:
    from pycocotools import mask as coco

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its arrays lack NumPy 2's `copy` keyword
        rles = [o["visible_rle"] for o in camera["objects"]]
        return [coco.decode({**rle, "counts": rle["counts"].encode()}).astype(bool) for rle in rles]


def painted(page: Any) -> np.ndarray:
    """RGBA u1[h, w, 4] of the canvas that masks are drawn on."""
    script = """() => { const c = document.querySelector('.shot-masks');
        return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]; }"""
    width, height, data = page.evaluate(script)
    return np.array(data, np.uint8).reshape(height, width, 4)


def screenshot(page: Any) -> np.ndarray:
    """What is seen of the picture, i4[h, w, 3]; at full size a pixel of it is one of the screen."""
    import io

    from PIL import Image

    box = page.locator(".shot-plane").bounding_box()
    clip = {name: round(box[name]) for name in ("x", "y", "width", "height")}
    data = page.screenshot(clip=clip)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


# --- what is drawn --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frame", "camera"), [(0, "Eye"), (2, "side")])
def test_masks_are_the_records_to_the_pixel(
    page: Any, until: Until, sets: Path, frame: int, camera: str
) -> None:
    record = open_frame(page, until, sets, frame, camera)
    marks(page, "masks")
    masks = masks_of(record)
    assert sum(m.any() for m in masks) >= 2
    pixels = painted(page)
    assert np.array_equal(pixels[..., 3] > 0, np.any(masks, axis=0))
    colors = {"box": (0, 158, 222), "ball": (255, 159, 28)}
    for item, mask in zip(record["objects"], masks, strict=True):
        # The canvas keeps colours multiplied with their opacity, so they come back rounded.
        assert np.abs(pixels[mask][:, :3].astype(int) - colors[item["class"]]).max(initial=0) <= 2
    # And so on the screen: what changes is where the masks are, and nothing else.
    with_masks = screenshot(page)
    marks(page)
    changed = (screenshot(page) != with_masks).any(-1)
    assert changed.shape == (120, 160)
    assert not (changed & ~np.any(masks, axis=0)).any() and changed.sum() > 0.95 * np.any(masks, axis=0).sum()


def test_boxes_lie_on_the_edges_of_pixels(page: Any, until: Until, sets: Path) -> None:
    record = open_frame(page, until, sets, 0, "Eye")
    for mark, key, css in (
        ("boxes", "bbox_visible", ".mark-box"),
        ("amodalBoxes", "bbox_amodal", ".mark-amodal"),
    ):
        marks(page)
        without = screenshot(page)
        marks(page, mark)
        changed = (screenshot(page) != without).any(-1)
        allowed = np.zeros_like(changed)
        corner = page.locator(".shot-plane").bounding_box()
        drawn = [box.bounding_box() for box in page.locator(css).all()]
        boxes = [o[key] for o in record["objects"] if o[key]]
        assert len(drawn) == len(boxes) >= 2
        for place, (x, y, w, h) in zip(drawn, boxes, strict=True):
            # The stroke is 1.5 px wide, so its outline lies 0.75 px beyond the box.
            told = [place["x"] - corner["x"], place["y"] - corner["y"], place["width"], place["height"]]
            assert np.allclose(told, [x, y, w, h], atol=1.6), (told, [x, y, w, h])
            x0, y0, x1, y1 = (int(v) for v in (x, y, x + w, y + h))
            ring = np.zeros((124, 164), bool)  # two pixels of room on each side
            ring[y0 + 1 : y1 + 3, x0 + 1 : x1 + 3] = True
            ring[y0 + 3 : y1 + 1, x0 + 3 : x1 + 1] = False
            allowed |= ring[2:-2, 2:-2]
            if mark == "boxes":  # each side is drawn, just inside and just outside of the edge
                row = changed[min(y0 + 1, 119) : max(y1 - 1, 0), :]
                assert x0 == 0 or row[:, x0 - 1 : x0 + 1].any(1).mean() > 0.9
                assert x1 >= 160 or row[:, x1 - 1 : x1 + 1].any(1).mean() > 0.9
        assert changed.any() and not (changed & ~allowed).any()


def test_3d_boxes_and_key_points_are_bent_as_the_lens_bends_them(page: Any, until: Until, sets: Path) -> None:
    from twinstage.render.capture import Camera
    from twinstage.render.lens import lens_from

    record = open_frame(page, until, sets, 1, "Eye")
    marks(page, "solids", "keypoints")
    lens = lens_from("opencv", record["projection"]["coefficients"])
    assert lens.coefficients[0] == -0.2
    camera = Camera("Eye", 160, 120, np.array(record["K"]), np.array(record["world_from_camera"]), lens=lens)
    for k, item in enumerate(record["objects"]):
        lines = page.evaluate(
            f"""[...document.querySelectorAll('[data-object="{k}"] .mark-solid')].map((l) => l.getAttribute('points'))"""
        )
        ends = {
            tuple(float(v) for v in p.split(","))
            for line in lines
            for p in (line.split()[0], line.split()[-1])
        }
        expected, _ = camera.project(np.array(item["bbox_3d"]))
        assert len(lines) == 12 and len(ends) == 8
        for corner in expected:
            assert min(np.hypot(*(np.array(end) - corner)) for end in ends) < 0.02
        middle, _ = camera.project(np.array(item["bbox_3d"])[[0, 1]].mean(0, keepdims=True))
        points = np.array([[float(v) for v in p.split(",")] for line in lines for p in line.split()])
        assert np.hypot(*(points - middle[0]).T).min() < 0.02  # between the corners, too
        for point in item.get("keypoints", ()):
            if point["v"]:
                at = page.evaluate(
                    f"""[...document.querySelectorAll('[data-object="{k}"] .mark-point')]
                    .map((c) => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])"""
                )
                assert min(np.hypot(*(np.array(a) - point["px"])) for a in at) < 1e-6


def test_all_lenses_project_as_the_label_pass_does(page: Any) -> None:
    from twinstage.render.capture import Camera
    from twinstage.render.lens import lens_from

    rng = np.random.default_rng(4)
    points = rng.uniform((-2, -2, -0.5), (2, 2, 3.5), (60, 3))
    opencv = [-0.3, 0.1, 0.01, -0.02, 0.05, 0.1, 0.02, 0.01, 0.003, -0.002, 0.001, 0.002, 0.05, -0.08]
    cases = {
        "pinhole": [],
        "opencv": opencv,
        "fisheye": [0.02, -0.01, 0.003, 0],
        "orthographic": [],
        "equirectangular": [],
    }
    K = [[90.0, 0, 50], [0, 95.0, 40], [0, 0, 1]]
    for kind, coefficients in cases.items():
        camera = Camera("c", 100, 80, np.array(K), np.eye(4), lens=lens_from(kind, coefficients))
        expected, _ = camera.project(points)
        told = {
            "K": K,
            "world_from_camera": np.eye(4).tolist(),
            "projection": {"kind": kind, "coefficients": coefficients},
        }
        got = page.evaluate(
            "([camera, points]) => points.map((p) => datasets.project(camera, p))", [told, points.tolist()]
        )
        seen = 0
        for mine, theirs in zip(got, expected, strict=True):
            if mine is not None and np.isfinite(theirs).all():
                seen += 1
                assert np.allclose(mine, theirs, atol=1e-6), kind
            elif kind != "opencv":  # whose end the page takes to be where its radius stops growing
                assert mine is None and not np.isfinite(theirs).all(), kind
        assert seen > 15, kind


# --- picking --------------------------------------------------------------------------------------------------------------


def test_the_list_and_the_picture_choose_the_same(page: Any, until: Until, sets: Path) -> None:
    record = open_frame(page, until, sets, 0, "Eye")
    marks(page, "masks", "boxes")
    mask = masks_of(record)[1]
    y, x = (int(v) for v in np.argwhere(mask)[len(np.argwhere(mask)) // 2])
    corner = page.locator(".shot-plane").bounding_box()
    page.mouse.move(corner["x"] + x + 0.5, corner["y"] + y + 0.5)
    item = record["objects"][1]
    name = item["prim_path"].rsplit("/", 1)[1]
    hint = page.locator(".shot-hint").inner_text()
    assert name in hint and f"{item['visible_px']:,} px" in hint
    page.mouse.down()
    page.mouse.up()
    chosen = page.locator(".side-objects tr[aria-selected='true']")
    assert (
        chosen.get_attribute("data-object") == "1"
        and item["prim_path"] in page.locator(".side-detail").inner_text()
    )
    alpha = painted(page)[..., 3]
    assert alpha[mask].min() > alpha[masks_of(record)[0]].max()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("datasets.browser.frame.chosen") == (2 if len(record["objects"]) > 2 else 0)
    page.keyboard.press("Escape")
    assert page.evaluate("datasets.browser.frame.chosen") == -1
    page.locator(".side-objects tbody tr").first.click()
    assert page.evaluate("datasets.browser.frame.chosen") == 0
    assert page.locator(".mark.chosen").get_attribute("data-object") == "0"


def test_depth_and_ids_lie_under_the_marks(page: Any, until: Until, sets: Path) -> None:
    record = open_frame(page, until, sets, 0, "side")
    marks(page)
    page.select_option(".frame-bar select", "instance")
    until(
        page,
        "document.querySelector('.shot-image').complete && document.querySelector('.shot-image').src.includes('instance')",
    )
    page.wait_for_timeout(150)
    seen = screenshot(page)
    for mask in masks_of(record):
        if mask.any():
            assert len(np.unique(seen[mask], axis=0)) == 1
    page.select_option(".frame-bar select", "rgb")


# --- finding --------------------------------------------------------------------------------------------------------------


def test_filters_find_what_the_records_hold(page: Any, until: Until, sets: Path) -> None:
    show(page, until, "")
    page.locator("[data-facet='class'] .facet-word", has_text="ball").click()
    until(page, "datasets.browser.query === 'class:ball'")
    cameras = [(f, c) for f in range(4) for c in ("Eye", "side")]
    least = 20
    with_ball = [
        key
        for key in cameras
        if any(o["class"] == "ball" and o["visible_px"] >= least for o in record_of(sets, *key)["objects"])
    ]
    until(page, f"datasets.browser.source.total === {len(with_ball)}")
    assert f"{len(with_ball)} pictures" in page.locator(".datasets-count").inner_text()
    page.locator("[data-key='end occlusion 0']").fill("0.1")
    page.locator("[data-key='end occlusion 0']").press("Enter")
    until(page, "datasets.browser.query === 'class:ball occlusion:0.1..'")
    hidden = [
        key
        for key in cameras
        if any(
            o["class"] == "ball" and o["visible_px"] >= least and o["occlusion"] >= 0.1
            for o in record_of(sets, *key)["objects"]
        )
    ]
    until(page, f"datasets.browser.source.total === {len(hidden)}")
    page.locator("[data-facet='occlusion'] .facet-clear").click()
    until(page, f"datasets.browser.source.total === {len(with_ball)}")


def test_a_drag_over_a_histogram_is_a_range(page: Any, until: Until) -> None:
    show(page, until, "")
    page.locator("[data-facet='sun.intensity'] summary").click()
    plot = page.locator("[data-facet='sun.intensity'] .facet-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 10)
    page.mouse.up()
    until(page, "datasets.browser.query.startsWith('sun.intensity:')")
    query = page.evaluate("datasets.browser.query")
    assert query.endswith("..")
    until(page, "datasets.browser.source.total > 0 && datasets.browser.source.total < 8")


def test_a_query_that_is_none_says_so_and_changes_nothing(page: Any, until: Until) -> None:
    show(page, until, "camera:Eye")
    page.fill(".datasets-query", "ocluson>0.5")
    page.keyboard.press("Enter")
    # The console tells of the server's 422 as well.
    until(page, "!document.querySelector('.datasets-fault').hidden")
    assert "did you mean 'occlusion'?" in page.locator(".datasets-fault").inner_text()
    assert page.evaluate("datasets.browser.source.total") == 4


def test_what_is_chosen_goes_into_a_file(page: Any, until: Until) -> None:
    show(page, until, "frame:1..3")
    until(page, "datasets.browser.source.total === 6")
    with page.expect_download() as told:
        page.click("button:text-is('Export')")
    assert json.loads(Path(told.value.path()).read_text()) == {
        "dataset": "room",
        "query": "frame:1..3",
        "frames": [1, 2, 3],
    }
    page.locator(".tiles").focus()
    page.keyboard.press("End")
    page.keyboard.press(" ")
    with page.expect_download() as told:
        page.click("button:text-is('Export')")
    assert json.loads(Path(told.value.path()).read_text())["frames"] == [3]


def test_keys_go_through_the_pictures(page: Any, until: Until) -> None:
    show(page, until, "")
    page.locator(".tiles").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.frame-title').innerText === 'Frame 0, side'")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.frame-title').innerText === 'Frame 1, Eye'")
    assert "frame=1" in page.url and "camera=Eye" in page.url
    page.keyboard.press("Escape")
    until(page, "document.querySelector('.frame').hidden && document.activeElement.className === 'tiles'")


def test_many_frames_cost_what_is_seen_of_them(page: Any, until: Until) -> None:
    show(page, until, "")
    page.select_option(".datasets-pick", "many")
    until(page, "datasets.browser.source?.total === 1201")
    assert page.locator(".tile").count() < 80
    page.locator(".tiles").focus()
    page.keyboard.press("End")
    until(page, "[...document.querySelectorAll('.tile')].some((t) => t.innerText.includes('600'))")
    assert page.locator(".tile").count() < 80
    # The last one was rejected: there is no picture of it, but why.
    page.locator("[data-facet='rule'] .facet-word").click()
    until(page, "datasets.browser.source.total === 1 && document.querySelectorAll('.tile').length === 1")
    assert "Rejected: 1 annotated objects, at least 2 wanted" in page.locator(".tile").inner_text()
    page.locator(".tile").click()
    until(page, "document.querySelector('.frame-title').innerText === 'Frame 600'")
    until(page, "document.querySelector('.side').innerText.includes('accept.min_objects')")
    page.keyboard.press("Escape")
    page.select_option(".datasets-pick", "room")
    until(page, "datasets.browser.source?.total === 8")


def test_the_command_makes_the_same_frame_again(page: Any, until: Until, sets: Path, tmp_path: Path) -> None:
    import shlex

    from twinstage.cli.app import run

    open_frame(page, until, sets, 1, "Eye")
    until(page, "!!document.querySelector('.side-command')")
    words = shlex.split(page.locator(".side-command").inner_text())
    assert (
        words[:3] == ["twinstage", "synth", "frame"]
        and "same bytes" in page.locator(".side-again").inner_text()
    )
    words[words.index("--out") + 1] = str(tmp_path / "one")
    assert run(words[1:]) == 0
    for name in ("records/000001.json", "images/000001_Eye_rgb.png", "frames/000001.usda"):
        assert (tmp_path / "one" / name).read_bytes() == (sets / "room" / name).read_bytes()


def test_the_judge_is_asked_about_the_frame(page: Any, until: Until, sets: Path) -> None:
    open_frame(page, until, sets, 2, "Eye")
    page.keyboard.press("v")
    until(page, "!!document.querySelector('.side-good')")
    assert "no finding" in page.locator(".side-good").inner_text()
    path = sets / "room" / "records" / "000002.json"
    good = path.read_text()
    try:
        record = json.loads(good)
        record["cameras"][0]["objects"][0]["visible_px"] += 1
        path.write_text(json.dumps(record))
        page.keyboard.press("v")
        until(page, "!!document.querySelector('.side-bad')")
        assert "count.visible_px" in page.locator(".side-findings").inner_text()
    finally:
        path.write_text(good)


def test_classes_are_compared_and_lead_to_their_pictures(page: Any, until: Until) -> None:
    show(page, until, "")
    page.click("button:text-is('Classes')")
    page.select_option("[aria-label='Compare with']", "many")
    until(page, "document.querySelectorAll('.classes-table .theirs').length > 0")
    cells = (
        page.locator(".classes-table tbody tr").nth(0).locator("td").first.locator("span").all_inner_texts()
    )
    assert int(cells[1].replace(",", "")) == 150 * int(cells[0])
    page.click(".classes-table button:text-is('ball')")
    until(page, "datasets.browser.query === 'class:ball' && !document.querySelector('dialog[open]')")


def test_axe_finds_no_serious_fault(browser: Any, url: str, until: Until, axe: str) -> None:
    for size in ({"width": 1000, "height": 620}, {"width": 420, "height": 760}):
        with opened(
            browser, f"{url}#dataset=room&frame=0&camera=Eye", ready=False, viewport=size, bypass_csp=True
        ) as page:
            until(page, "!!window.datasets?.browser.frame.camera")
            page.add_script_tag(content=axe)
            for _ in range(2):  # one picture, then all of them
                found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
                assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in serious] == []
                page.locator(".shot").focus()
                page.keyboard.press("Escape")
                page.wait_for_timeout(300)
