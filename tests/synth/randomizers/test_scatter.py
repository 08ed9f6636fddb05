"""What a scatter does: places in their region, things apart by sampled points, turns and sizes as said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers import RANDOMIZERS, Rejected

Run = Callable[..., Any]
THINGS = [
    f"/World/Things/{n}" for n in ("Ball_A", "Box_A", "Box_B", "Box_C", "Mug_A", "Mug_B", "Tin_A", "Tin_B")
]
TABLE = {"kind": "surface", "prims": ["/World/Table/Top"], "slope": 5}


def world(snapshot: Snapshot, path: str) -> np.ndarray:
    return np.array(snapshot.node_world[snapshot.prims.index_of[path]])


def vertices(snapshot: Snapshot, path: str) -> np.ndarray:
    """All vertices of a prim in the world, by plain products of matrices."""
    out = []
    for row, prim in enumerate(snapshot.instances.prim):
        if f"{snapshot.prims.path[prim]}/".startswith(f"{path}/"):
            points = snapshot.prototypes[snapshot.instances.prototype[row]].points
            matrix = snapshot.instance_world[row]
            out.append(points @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(out)


def test_a_rectangle_without_height_keeps_it_and_with_it_things_stand_there(
    table: Snapshot, run: Run
) -> None:
    area = {"kind": "rectangle", "min": [-0.6, -0.3], "max": [0.6, 0.3]}
    for frame in range(4):
        out, draws = run(table, frame, kind="scatter", prims=["/World/Things/Tin_*"], over=area, apart="no")
        for name in ("Tin_A", "Tin_B"):
            x, y, z = world(out, f"/World/Things/{name}")[:3, 3]
            assert -0.6 <= x <= 0.6 and -0.3 <= y <= 0.3
            assert z == pytest.approx(world(table, f"/World/Things/{name}")[2, 3])
            assert draws.log[f"at /World/Things/{name}"] == [x, y, z]
        out, _ = run(
            table, frame, kind="scatter", prims=["/World/Things/Mug_*"], over={**area, "z": 2.0}, turn="any"
        )
        for name in ("Mug_A", "Mug_B"):
            # The lowest corner of its box is at 2 m, and that of a leaning mug is empty.
            assert 2.0 - 1e-6 <= vertices(out, f"/World/Things/{name}")[:, 2].min() < 2.06


def test_a_box_holds_places_in_space_and_all_turns(table: Snapshot, run: Run) -> None:
    room = {"kind": "box", "min": [-1, -1, 2], "max": [1, 1, 4]}
    ups, places = [], []
    for frame in range(40):
        out, _ = run(
            table,
            frame,
            kind="scatter",
            prims=["/World/Things/*"],
            over=room,
            turn="any",
            rest=False,
            apart="no",
        )
        matrices = np.array([world(out, path) for path in THINGS])
        places += list(matrices[:, :3, 3])
        ups += list(matrices[:, :3, 2])
        sizes = [np.linalg.norm(world(table, path)[:3, 0]) for path in THINGS]
        np.testing.assert_allclose(np.linalg.norm(matrices[:, :3, 0], axis=1), sizes, rtol=1e-9)
    assert np.all(np.array(places) >= [-1, -1, 2]) and np.all(np.array(places) <= [1, 1, 4])
    np.testing.assert_allclose(np.mean(places, axis=0), [0, 0, 3], atol=0.15)
    heights = np.sort(np.array(ups)[:, 2])  # uniform from -1 to 1 where directions are uniform (Archimedes)
    gap = np.abs((heights + 1) / 2 - (np.arange(len(heights)) + 0.5) / len(heights)).max()
    assert gap < 1.63 / np.sqrt(len(heights))


@pytest.mark.parametrize("apart", ["space", "plan"])
def test_things_on_a_surface_stand_on_it_apart_and_off_what_is_avoided(
    table: Snapshot, run: Run, apart: str
) -> None:
    avoid = ["/World/Crate/*", "/World/Arm/*"]
    for frame in range(4):
        out, _ = run(
            table,
            frame,
            kind="scatter",
            prims=["/World/Things/*"],
            over=TABLE,
            support=1,
            avoid=avoid,
            apart=apart,
        )
        clouds = {path: vertices(out, path) for path in THINGS}
        for path, cloud in clouds.items():
            assert cloud[:, 2].min() == pytest.approx(0.75, abs=2e-4), (
                path
            )  # round shapes are drawn by chords
            assert np.all(np.abs(cloud[:, 0]) <= 0.8 + 1e-6) and np.all(np.abs(cloud[:, 1]) <= 0.4 + 1e-6), (
                path
            )
        solid = [*clouds, "/World/Crate/Left", "/World/Crate/Bottom", "/World/Arm/Base", "/World/Arm/Post"]
        assert most_in_one_place(out, solid, frame) == 1


def most_in_one_place(snapshot: Snapshot, paths: list[str], seed: int) -> int:
    """Of many points on the table, the greatest number of boxes (in their prims' axes) that one lies in."""
    rng = np.random.Generator(np.random.PCG64(seed))
    points = rng.uniform((-0.8, -0.4, 0.755), (0.8, 0.4, 0.95), (20000, 3))
    inside = np.zeros(len(points), int)
    for path in paths:
        back = np.linalg.inv(world(snapshot, path))
        own = vertices(snapshot, path) @ back[:3, :3].T + back[:3, 3]
        local = points @ back[:3, :3].T + back[:3, 3]
        inside += np.all((local > own.min(0)) & (local < own.max(0)), axis=1)
    return int(inside.max())


def test_boxes_in_space_may_go_where_outlines_in_plan_may_not(table: Snapshot, run: Run) -> None:
    """A thing floats over another: apart in space; in plan it is so, too, as heights do not meet. Under a lean, not."""
    place = {"kind": "rectangle", "min": [0.05, -0.08], "max": [0.05, -0.08], "z": 0.95}
    out, _ = run(
        table, kind="scatter", prims=["/World/Things/Tin_A"], over=place, avoid=["/World/Things/Box_A"]
    )
    assert world(out, "/World/Things/Tin_A")[2, 3] == pytest.approx(0.95, abs=1e-4)
    low = {**place, "z": 0.8}
    with pytest.raises(
        Rejected, match="found no place for /World/Things/Tin_A in 3 tries: 3 x hits something"
    ):
        run(
            table,
            kind="scatter",
            prims=["/World/Things/Tin_A"],
            over=low,
            avoid=["/World/Things/Box_A"],
            tries=3,
        )


def test_points_of_an_instancer_are_in_the_way_one_by_one(table: Snapshot, run: Run) -> None:
    marbles = [[-0.45 + 0.13 * k, 0.95 + 0.04 * (-1) ** k] for k in range(8)]
    between = {"kind": "rectangle", "min": [-0.385, 0.97], "max": [-0.385, 0.97], "z": 1.33}
    fields = {
        "kind": "scatter",
        "prims": ["/World/Things/Tin_A"],
        "over": between,
        "avoid": ["/World/Marbles"],
    }
    out, _ = run(table, **fields, scale=0.5)
    x, y = world(out, "/World/Things/Tin_A")[:2, 3]
    assert min(np.hypot(x - mx, y - my) for mx, my in marbles) > 0.03
    with pytest.raises(Rejected):
        run(
            table, **{**fields, "over": {**between, "min": marbles[2], "max": marbles[2]}}, scale=0.5, tries=2
        )


def test_keep_out_and_within_bound_the_whole_box(table: Snapshot, run: Run) -> None:
    within = {"min": [-0.7, -0.35, 0.7], "max": [0.2, 0.35, 1.2]}
    keep_out = [{"min": [-0.3, -0.5, 0], "max": [-0.1, 0.5, 3]}]
    for frame in range(4):
        out, _ = run(
            table,
            frame,
            kind="scatter",
            prims=["/World/Things/Box_[AC]"],
            over=TABLE,
            within=within,
            keep_out=keep_out,
        )
        for name in ("Box_A", "Box_C"):
            cloud = vertices(out, f"/World/Things/{name}")
            assert np.all(cloud >= np.array(within["min"]) - 1e-6) and np.all(
                cloud <= np.array(within["max"]) + 1e-6
            )
            assert cloud[:, 0].max() <= -0.3 + 1e-6 or cloud[:, 0].min() >= -0.1 - 1e-6


def test_clearance_keeps_a_gap(table: Snapshot, run: Run) -> None:
    for frame in range(3):
        out, _ = run(
            table,
            frame,
            kind="scatter",
            prims=["/World/Things/Tin_*", "/World/Things/Ball_A"],
            over=TABLE,
            clearance=0.1,
        )
        tins = [world(out, f"/World/Things/{n}")[:2, 3] for n in ("Tin_A", "Tin_B", "Ball_A")]
        radii = [0.037, 0.05, 0.06]
        for i in range(3):
            for k in range(i):
                # Boxes of round things reach out by the root of two at most.
                assert np.linalg.norm(tins[i] - tins[k]) > radii[i] + radii[k] + 0.1 - 1e-9


def test_spacing_keeps_places_apart(table: Snapshot, run: Run) -> None:
    for frame in range(3):
        out, _ = run(
            table, frame, kind="scatter", prims=["/World/Things/*"], over=TABLE, spacing=0.3, apart="no"
        )
        places = np.array([world(out, path)[:2, 3] for path in THINGS])
        distances = np.linalg.norm(places[:, None] - places[None], axis=-1)[np.triu_indices(8, 1)]
        assert distances.min() >= 0.3


def test_a_grid_gives_each_place_once_and_runs_out(table: Snapshot, run: Run) -> None:
    grid = {"kind": "grid", "min": [-0.6, -0.2], "max": [0.6, 0.2], "count": [4, 2], "z": 0.75}
    fields = {"kind": "scatter", "prims": ["/World/Things/*"], "apart": "no"}
    orders = set()
    for frame in range(3):
        out, _ = run(table, frame, **fields, over=grid)
        places = [tuple(np.round(world(out, path)[:2, 3], 9)) for path in THINGS]
        assert set(places) == {(x, y) for x in (-0.6, -0.2, 0.2, 0.6) for y in (-0.2, 0.2)}
        orders.add(tuple(places))
    assert len(orders) == 3
    with pytest.raises(Rejected, match="no place is left"):
        run(table, **fields, over={**grid, "count": [3, 2]})
    out, draws = run(table, **fields, over={**grid, "count": [3, 2]}, crowded="hide", tries=5)
    assert sorted(n for n in draws.log if n.startswith("hidden")) == [
        f"hidden {THINGS[6]}",
        f"hidden {THINGS[7]}",
    ]
    shown = {out.objects[int(o)].prim_path for o in out.instances.object[out.instances.visible]}
    assert THINGS[6] not in shown and THINGS[7] not in shown and THINGS[5] in shown
    jitter, _ = run(table, **fields, over={**grid, "jitter": [0.01, 0.02]})
    off = (np.array([world(jitter, p)[0, 3] for p in THINGS]) + 0.6) % 0.4
    assert np.all((off >= 0.01 - 1e-9) & (off <= 0.02 + 1e-9))


def test_circles_and_curves(table: Snapshot, run: Run) -> None:
    circle = {"kind": "circle", "center": [0.1, 0, 0.9], "radius": [0.2, 0.3], "arc": [0, 90]}
    fields = {"kind": "scatter", "prims": ["/World/Things/*"], "apart": "no", "turn": "follow", "rest": False}
    for frame in range(3):
        out, _ = run(table, frame, **fields, over=circle)
        for path in THINGS:
            matrix = world(out, path)
            away = matrix[:3, 3] - [0.1, 0, 0.9]
            assert 0.2 <= np.linalg.norm(away) <= 0.3 and away.min() >= -1e-9 and away[2] == pytest.approx(0)
            start = world(table, path)[:3, 0]
            turned = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]) - np.arctan2(start[1], start[0]))
            heading = np.degrees(np.arctan2(away[1], away[0])) + 90
            assert (turned - heading + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    on_first = []
    for frame in range(60):
        out, _ = run(
            table, frame, **fields, over={"kind": "curve", "points": [[0, 0, 1], [3, 0, 1], [3, 0, 2]]}
        )
        for path in THINGS:
            x, y, z = world(out, path)[:3, 3]
            assert y == pytest.approx(0) and (z == pytest.approx(1) or x == pytest.approx(3))
            on_first.append(x < 3 - 1e-9)
    assert np.mean(on_first) == pytest.approx(0.75, abs=0.06)


def test_scale_and_stretch_multiply_the_size_in_the_prims_own_axes(table: Snapshot, run: Run) -> None:
    out, draws = run(
        table,
        kind="scatter",
        prims=["/World/Things/Box_A"],
        over=TABLE,
        scale=[0.5, 0.9],
        stretch={"z": [2, 3]},
        turn="any",
    )
    factor, tall = draws.log["scale /World/Things/Box_A"], draws.log["stretch /World/Things/Box_A.z"]
    lengths = np.linalg.norm(world(out, "/World/Things/Box_A")[:3, :3], axis=0)
    np.testing.assert_allclose(lengths, [factor, factor, factor * tall], rtol=1e-9)
    assert 0.5 <= factor <= 0.9 and 2 <= tall <= 3


def test_align_leans_things_to_the_slope(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ramp.usda").write_text(
        """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Mesh "Ramp"
{
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(-2, -2, 0), (2, -2, 0), (2, 2, 4), (-2, 2, 4)]
}
def Xform "Cup"
{
    def Cube "Body"
    {
        double size = 0.2
    }
}
"""
    )
    snapshot = read_snapshot(open_stage(tmp_path / "ramp.usda", probe=False))
    over = {"kind": "surface", "prims": ["/Ramp"]}
    normal = np.array([0, -1, 1]) / np.sqrt(2)
    for frame in range(4):
        out, _ = run(
            snapshot, frame, kind="scatter", prims=["/Cup"], over=over, align=True, support=1, lift=0.05
        )
        np.testing.assert_allclose(world(out, "/Cup")[:3, 2], normal, atol=1e-9)
        heights = vertices(out, "/Cup/Body") @ normal - np.array([0, -2, 0]) @ normal
        assert heights.min() == pytest.approx(0.05, abs=1e-6)
        upright, _ = run(snapshot, frame, kind="scatter", prims=["/Cup"], over=over)
        np.testing.assert_allclose(world(upright, "/Cup")[:3, 2], [0, 0, 1], atol=1e-9)


def test_units_and_axes_of_the_stage_change_nothing_by_pxr(
    yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    places = []
    for up, mpu in (("Z", 1.0), ("Y", 0.01)):
        (tmp_path / up).mkdir()
        places.append(_scattered_yard(yard_recipe, yard_writer(tmp_path / up, up=up, mpu=mpu), up, mpu))
    np.testing.assert_allclose(places[0], places[1], atol=1e-6)


def _scattered_yard(yard_recipe: Callable[..., Any], stage_path: Path, up: str, mpu: float) -> np.ndarray:
    """Places f8[3, 3] of the boxes, whose lowest points pxr finds on the floor."""
    from pxr import Usd, UsdGeom

    scatter = {
        "kind": "scatter", "name": "s", "prims": ["/Yard/Box_*"], "clearance": 0.1,
        "over": {"kind": "surface", "prims": ["/Yard/Floor"]}, "avoid": ["/Yard/Parcels", "/Yard/Pallet_*"],
    }  # fmt: skip
    maker = FrameMaker(yard_recipe(randomize=[scatter]), stage_path.parent)
    made = maker.randomized(0)
    stage = Usd.Stage.Open(str(stage_path))
    stage.GetSessionLayer().ImportFromString(maker.layer(made))
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    for name in "ABC":
        box = cache.ComputeWorldBound(stage.GetPrimAtPath(f"/Yard/Box_{name}")).ComputeAlignedRange()
        low = np.array([*box.GetMin()])[1 if up == "Y" else 2] * mpu
        assert low == pytest.approx(0, abs=1e-6)  # it stands on the floor
    return np.array([world(made.snapshot, f"/Yard/Box_{name}")[:3, 3] for name in "ABC"])


def test_things_inside_a_native_instance_are_refused(snapshot: Snapshot, run: Run) -> None:
    with pytest.raises(
        UserError, match="lies inside the native instance /Yard/Pallet_1 and cannot be changed alone"
    ):
        run(
            snapshot,
            kind="scatter",
            prims=["/Yard/Pallet_1/Deck"],
            over={"kind": "box", "min": [0, 0, 0], "max": [1, 1, 1]},
        )
    with pytest.raises(UserError, match="no prim matches '/Yard/Flor'; did you mean"):
        run(
            snapshot, kind="scatter", prims=["/Yard/Box_A"], over={"kind": "surface", "prims": ["/Yard/Flor"]}
        )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"over": {"kind": "box", "min": [0, 0, 1], "max": [1, 1, 0]}}, "lies below min"),
        ({"over": {"kind": "circl"}}, "no region of kind 'circl'; did you mean 'circle'"),
        ({"over": {"prims": ["/A"]}}, "a region needs a kind: rectangle, box, surface"),
        (
            {"over": {"kind": "box", "min": [0, 0, 0], "max": [1, 1, 1]}, "align": True},
            "need a region of kind surface",
        ),
        ({"over": TABLE, "turn": "follow"}, "needs a region of kind circle or curve"),
        ({"over": {"kind": "curve", "points": [[0, 0, 0], [0, 0, 0]]}}, "are the same"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RANDOMIZERS.get("scatter").model_validate({"kind": "scatter", "name": "r", "prims": ["/A"], **fields})


def test_a_thing_more_leaves_the_places_of_the_others(table: Snapshot, run: Run) -> None:
    fields = {"kind": "scatter", "over": TABLE, "turn": "any", "scale": [0.8, 1.2], "apart": "no"}
    few, _ = run(table, **fields, prims=["/World/Things/Tin_*"])
    all_, _ = run(table, **fields, prims=["/World/Things/*"])
    for name in ("Tin_A", "Tin_B"):
        assert np.array_equal(world(few, f"/World/Things/{name}"), world(all_, f"/World/Things/{name}"))


def test_a_part_placed_with_its_whole_is_where_it_was_put(table: Snapshot, run: Run) -> None:
    places = {"kind": "grid", "min": [0, 0], "max": [1, 0], "count": [2, 1], "z": 3.0}
    prims = ["/World/Things/Tin_A", "/World/Things/Tin_A/Body"]
    out, draws = run(table, kind="scatter", prims=prims, over=places, apart="no", rest=False)
    for path in prims:
        np.testing.assert_allclose(world(out, path)[:3, 3], draws.log[f"at {path}"], atol=1e-9)
    assert {round(draws.log[f"at {path}"][0]) for path in prims} == {0, 1}
