"""A preview is the dataset: the same draws, the same bytes at the same size; other ranges become a recipe."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.live.api.preview import PreviewDesk
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.preview import PreviewAsk, PreviewFrameAsk, PreviewPictureAsk, PreviewSave
from twinstage.synth.distributions import Distribution
from twinstage.synth.preview.ranges import all_ranges, short_form, shown
from twinstage.synth.preview.sampled import sampled
from twinstage.synth.preview.written import recipe_text, write_recipe
from twinstage.synth.recipe import load_recipe

RECIPE = """# The yard, by day
recipe: 1
stage: yard.usda
seed: 3
frames: 3
resolution: [96, 72]
cameras: [Front, {name: side, look_at: {eye: [5, 0, 2], target: [0, 0, 0.2], fov: 60}}]
labels: {pallet: null, box: [box, crate], parcel: parcel}
randomize:
  - kind: pose
    name: boxes
    prims: ["/Yard/Box_*"]
    scatter: {min: [-2.5, -2], max: [2.5, 1]}
    rotate: {z: [-180, 180]} # any way round
    no_overlap: true
  - {kind: light, name: lamps, lights: ["/Yard/Lights/*"], intensity: {loguniform: [0.5, 2]}}
  - kind: camera
    name: walk
    cameras: [Front]
    target: [0, 0, 0.3]
    distance: [4, 6]
    elevation: {kind: linear, of: walk.distance, slope: 5, offset: 2}
annotate: [rgb, depth]
engine: {kind: raycast}
accept: {min_visible_px: 30, min_objects: 2}
splits: {train: 2, val: 1}
"""


@pytest.fixture(scope="module")
def recipe(yard_writer: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yard")
    yard_writer(folder)
    path = folder / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def desk(recipe: Path) -> Iterator[PreviewDesk]:
    made = PreviewDesk(recipe, out=recipe.with_name("new.yaml"))
    yield made
    made.close()


def frame_ask(frame: int, *sets: str, width: int = 0) -> PreviewFrameAsk:
    return PreviewFrameAsk(frame=frame, set=sets, width=width, engine="quick")


def picture(desk: PreviewDesk, frame: int, camera: str, *sets: str, width: int = 0) -> bytes:
    return desk.picture(PreviewPictureAsk(frame=frame, set=sets, width=width, engine="quick", camera=camera))


def ask(*sets: str) -> PreviewAsk:
    return PreviewAsk(set=sets, draws=200)


def test_frames_are_the_datasets_byte_for_byte(desk: PreviewDesk, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sets = ["walk.distance=[5, 7]"]
    assert run(["synth", "generate", str(recipe), "--out", str(out), "--no-verify", "--set", sets[0]]) == 0
    # In an order of its own, with another recipe in between on the same stage.
    for frame in (2, 0, 1):
        first = desk.frame(frame_ask(frame))
        record = json.loads((out / f"records/{frame:06d}.json").read_text())
        mine = desk.frame(frame_ask(frame, *sets))
        assert mine.draws == record["draws"] != first.draws
        assert (mine.split, mine.attempts - 1) == (record["split"], record["attempt"])
        for camera in ("Front", "side"):
            there = (out / f"images/{frame:06d}_{camera}_rgb.png").read_bytes()
            assert picture(desk, frame, camera, *sets) == there
        boxes = [item["bbox_visible"] for item in record["cameras"][0]["objects"] if item["bbox_visible"]]
        assert [list(b.box) for b in mine.views[0].boxes] == boxes != []


def test_smaller_frames_have_the_same_draws(desk: PreviewDesk) -> None:
    small, whole = desk.frame(frame_ask(1, width=48)), desk.frame(frame_ask(1))
    assert small.draws == whole.draws
    assert [(v.width, v.height) for v in small.views] == [(48, 36)] * 2
    assert picture(desk, 1, "side", width=48) != picture(desk, 1, "side")


def test_every_number_that_is_drawn_is_listed(desk: PreviewDesk) -> None:
    told = desk.describe(ask())
    found = {r.id: r for one in told.randomizers for r in one.ranges}
    assert {
        k: v.written for k, v in found.items() if k in ("boxes.rotate.z", "lamps.intensity", "walk.distance")
    } == {
        "boxes.rotate.z": "[-180, 180]",
        "lamps.intensity": "{loguniform: [0.5, 2]}",
        "walk.distance": "[4, 6]",
    }
    assert found["walk.elevation"].of == "walk.distance"
    assert found["lamps.intensity"].nominal == pytest.approx(1.0)
    assert sum(found["walk.distance"].counts) == 200 and 4 <= found["walk.distance"].low < 4.1
    settings = {one.name: one.settings for one in told.randomizers}
    assert settings["boxes"]["no_overlap"] == "true" and "/Yard/Box_*" in settings["boxes"]["prims"]
    assert told.set == () and not any(r.changed for r in found.values())


def test_the_histogram_is_of_the_datasets_own_draws(recipe: Path, desk: PreviewDesk) -> None:
    loaded = load_recipe(recipe)
    values = sampled(loaded, 50)
    # What depends on another draw goes with it, frame by frame.
    assert np.allclose(values["walk.elevation"], 5 * values["walk.distance"] + 2)
    assert len(set(values["walk.distance"])) == 50
    # A field without a prim has the very stream of the dataset.
    drawn = desk.frame(frame_ask(0)).draws["walk"]
    named = next((key for key in drawn if key.startswith("elevation")), None)
    assert named is not None
    assert drawn[named] == pytest.approx(5 * drawn[named.replace("elevation", "distance")] + 2)


def test_a_change_moves_what_is_drawn(desk: PreviewDesk) -> None:
    sets = ['walk.distance={"kind":"uniform","low":8,"high":9}']
    told = desk.describe(ask(*sets))
    found = {r.id: r for one in told.randomizers for r in one.ranges}
    assert told.set == ("walk.distance=[8, 9]",) and found["walk.distance"].changed
    assert found["walk.distance"].low >= 8 and found["walk.distance"].high <= 9
    assert "--set 'walk.distance=[8, 9]'" in told.command
    assert not found["lamps.intensity"].changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("walk.distance=[9, 8]", "high 8 is below low 9"),
        ("walk.distanc=[8, 9]", "--set 'walk.distanc=[8, 9]': there is no range 'walk.distanc'"),
        ("walk.distanc=[8, 9]", "did you mean 'walk.distance'"),
        ("lamps.intensity=[-1, 2]", "-1 can be drawn; expected at least 0"),
        ("walk=3", "--set 'walk=3'"),
    ],
)
def test_a_change_that_is_none_is_a_sentence(desk: PreviewDesk, change: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        desk.describe(ask(change))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "stage=/etc/hostname",
        "asset_roots=[/]",
        "state={url: 'http://127.0.0.1:9/'}",
        "state.url=http://127.0.0.1:9/",
        "resolution=[16384, 16384]",
        "frames=9",
        "engine.kind=direct",
        "cameras.side.resolution=[16384, 16384]",
        "randomize=[{kind: material, name: m, prims: [/Yard], files: [/etc/passwd]}]",
        "boxes.prims=['/Yard/*']",
        "randomize.walk.distance=[8, 9]",
        " walk.distanceless=1",
        "walk.distance",
    ],
)
def test_a_page_changes_ranges_and_nothing_else(
    desk: PreviewDesk, recipe: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the recipe was read with it")

    out = recipe.with_name("new.yaml")
    before = out.read_bytes() if out.exists() else None
    picture_ask = PreviewPictureAsk(frame=0, set=(change,), width=48, engine="quick", camera="side")
    desk.describe(ask())
    monkeypatch.setattr("twinstage.live.api.preview.located_recipe", refuse)
    monkeypatch.setattr("twinstage.live.api.preview.recipe_text", refuse)
    monkeypatch.setattr("twinstage.live.api.preview.write_recipe", refuse)
    for call in (
        lambda: desk.describe(ask(change)),
        lambda: desk.frame(frame_ask(0, change, width=48)),
        lambda: desk.picture(picture_ask),
        lambda: desk.text(ask(change)),
        lambda: desk.save(PreviewSave(set=(change,))),
        lambda: desk.frame(frame_ask(0, "walk.distance=[5, 7]", change, width=48)),
    ):
        with pytest.raises(UserError, match="a preview changes ranges only"):
            call()
    assert (out.read_bytes() if out.exists() else None) == before


def test_parts_of_a_range_can_be_changed(desk: PreviewDesk) -> None:
    assert desk.describe(ask("walk.distance.max=7")).set == ("walk.distance=[4, 7]",)


def test_the_state_is_that_of_the_recipe_as_it_was_given(
    desk: PreviewDesk, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def noted(given: Any, folder: Path) -> None:
        asked.append(given)

    monkeypatch.setattr("twinstage.live.api.preview.start_of", noted)
    one = PreviewDesk(recipe)
    one.frame(frame_ask(0, "walk.distance=[5, 7]", width=16))
    one.close()
    assert asked == [load_recipe(recipe)]


def test_pictures_beyond_all_measure_are_refused(recipe: Path) -> None:
    one = PreviewDesk(recipe, ["resolution=[16384, 16384]"])
    with pytest.raises(UserError, match=r"16384 x 16384 pixels; .* ask for a smaller width"):
        one.frame(frame_ask(0))
    assert one.frame(frame_ask(0, width=32)).views[0].width == 32
    one.close()


def test_frames_are_kept_by_what_they_weigh(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.live.api.preview.FRAME_BYTES", 1)
    one = PreviewDesk(recipe)
    for frame in range(3):
        one.frame(frame_ask(frame, width=16))
    assert len(one._frames._values) == 1
    one.close()


def test_changes_become_a_recipe_that_builds_upon_the_first(desk: PreviewDesk, recipe: Path) -> None:
    sets = ("walk.distance=[8, 9]", "lamps.intensity={loguniform: [0.25, 4]}", "boxes.rotate.z=[0, 90]")
    assert desk.save(PreviewSave(set=sets)).file == "new.yaml"
    out = recipe.with_name("new.yaml")
    data = yaml.safe_load(out.read_text())
    assert data == {
        "include": "recipe.yaml",
        "randomize": [
            {"name": "boxes", "rotate": {"z": [0, 90]}},
            {"name": "lamps", "intensity": {"loguniform": [0.25, 4]}},
            {"name": "walk", "distance": [8, 9]},
        ],
    }
    assert load_recipe(out) == load_recipe(recipe, sets) != load_recipe(recipe)
    assert desk.text(ask(*sets)) == out.read_text()


def test_what_a_merge_cannot_say_is_written_out(recipe: Path) -> None:
    sets = ("lamps.intensity={choice: [1, 2]}",)  # merged, it would still be loguniform
    text = recipe_text(recipe, sets)
    assert "include" not in text and text.startswith("# recipe.yaml with other ranges\n")
    out = recipe.with_name("other.yaml")
    write_recipe(recipe, sets, out)
    assert load_recipe(out) == load_recipe(recipe, sets)


def test_where_changes_go_is_checked_first(recipe: Path, tmp_path: Path) -> None:
    for out, sentence in (
        (recipe, "is the recipe itself"),
        (tmp_path / "new.yaml", "must lie beside"),
        (recipe.parent, "must lie beside"),
    ):
        with pytest.raises(UserError, match=sentence):
            PreviewDesk(recipe, out=out)
    bare = PreviewDesk(recipe)
    with pytest.raises(Refused, match="without --out"):
        bare.save(PreviewSave(set=()))
    with pytest.raises(UserError, match="frame 3: the recipe has frames 0 to 2"):
        bare.frame(frame_ask(3))
    bare.close()
    assert run(["synth", "preview", str(tmp_path / "no.yaml")]) == 2


@pytest.mark.parametrize(
    "written",
    [
        *(
            "3",
            "[2, 6]",
            "{loguniform: [0.5, 2]}",
            "{normal: [5, 0.5]}",
            "{normal: [5, 0.5], low: 4}",
            "{integers: [1, 6]}",
        ),
        *(
            "{truncated: [5, 0.5, 4, 6]}",
            "{choice: [1, 2, 4]}",
            "{choice: {1: 0.7, 2: 0.3}}",
            "{sequence: [0, 90], every: 2}",
        ),
        *(
            "{halton: [0, 1], base: 3}",
            "{sobol: [0, 1], dimension: 1}",
            '{if: "sun.intensity > 2", then: [0, 1], else: 0}',
        ),
        "{kind: copula, of: sun.intensity, rho: 0.8, like: [0, 1]}",
    ],
)
def test_every_distribution_is_told_as_people_write_it(written: str) -> None:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(Distribution)
    source = adapter.validate_python(yaml.safe_load(written))
    told = shown(short_form(source))
    assert adapter.validate_python(yaml.safe_load(told)) == source
    assert told.replace('"', "") == written.replace('"', "")


def test_the_examples_can_be_told(root: Path) -> None:
    count = 0
    for path in sorted((root / "examples").glob("*/*.yaml")):
        if path.parent.name not in ("randomizers", "parcels", "bin_picking", "warehouse"):
            continue
        loaded = load_recipe(path)
        ranges = all_ranges(loaded)
        assert len({one.id for one in ranges}) == len(ranges), path
        for one in ranges:
            if one.path[-1].isdigit():
                continue
            again = load_recipe(path, [f"{one.id}={one.written}"])
            assert again == loaded, (path, one.id, one.written)
            count += 1
        values = sampled(loaded, 3)
        assert any(len(v) for v in values.values()) or not ranges, path
    assert count > 60
