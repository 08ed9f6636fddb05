"""Relations between things, measured on vertices and on numbers that the scene's script gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.randomizers import RANDOMIZERS, Rejected

Run = Callable[..., Any]
CRATE = np.array([[-0.48 - 0.21, 0.1 - 0.15], [-0.48 + 0.21, 0.1 + 0.15]])
"""Its outline [m]; its walls are 12 mm thick, its floor lies at 0.762, its rim at 0.89 m."""


def world(snapshot: Snapshot, name: str) -> np.ndarray:
    return np.array(snapshot.node_world[snapshot.prims.index_of[f"/World/Things/{name}"]])


def vertices(snapshot: Snapshot, name: str) -> np.ndarray:
    out = []
    for row, prim in enumerate(snapshot.instances.prim):
        if snapshot.prims.path[prim].startswith(f"/World/Things/{name}/"):
            points = snapshot.prototypes[snapshot.instances.prototype[row]].points
            matrix = snapshot.instance_world[row]
            out.append(points @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(out)


def corners(snapshot: Snapshot, name: str) -> np.ndarray:
    """Outline of a thing's box in its own axes, seen from above, f8[4, 2], in order."""
    matrix = world(snapshot, name)
    own = (vertices(snapshot, name) - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    (x0, y0, _), (x1, y1, _) = own.min(0), own.max(0)
    flat = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]])
    return np.asarray((flat @ matrix[:3, :3].T + matrix[:3, 3])[:, :2])


def gap(a: np.ndarray, b: np.ndarray) -> float:
    """Least distance between the rims of two outlines, by many points on each."""
    share = np.linspace(0, 1, 400, endpoint=False)[:, None]
    rims = [
        np.concatenate([p + share * (q - p) for p, q in zip(s, np.roll(s, -1, 0), strict=True)])
        for s in (a, b)
    ]
    return float(np.sqrt(((rims[0][:, None] - rims[1][None]) ** 2).sum(-1)).min())


@pytest.mark.parametrize("top", ["surface", "box"])
def test_on_stands_on_top_with_the_whole_outline(table: Snapshot, run: Run, top: str) -> None:
    for frame in range(6):
        out, draws = run(
            table, frame, kind="context", prims="/World/Things/Tin_A", relation="on",
            to=["/World/Things/Box_[AB]"], top=top, yaw=[0, 360],
        )  # fmt: skip
        name = draws.log["anchor /World/Things/Tin_A"].rsplit("/", 1)[1]
        height = {"Box_A": 0.75 + 0.11, "Box_B": 0.97 + 0.13}[name]
        assert vertices(out, "Tin_A")[:, 2].min() == pytest.approx(height, abs=1e-4)
        back = np.linalg.inv(world(out, name))
        local = corners(out, "Tin_A") @ back[:2, :2].T + back[:2, 3]
        half = {"Box_A": (0.09, 0.065), "Box_B": (0.1, 0.075)}[name]
        assert np.all(np.abs(local) <= np.array(half) + 1e-4)


def test_what_is_too_large_to_be_borne_is_rejected_with_the_count(table: Snapshot, run: Run) -> None:
    fields = {
        "kind": "context",
        "prims": "/World/Things/Box_B",
        "relation": "on",
        "to": "/World/Things/Box_C",
        "tries": 9,
    }
    with pytest.raises(Rejected, match=r"no place for /World/Things/Box_B in 9 tries: 9 x without support"):
        run(table, **fields)
    out, _ = run(table, **fields, support=0)  # its middle alone
    assert vertices(out, "Box_B")[:, 2].min() == pytest.approx(0.85)


def test_in_lies_on_the_floor_within_the_walls(table: Snapshot, run: Run) -> None:
    for frame in range(5):
        out, _ = run(
            table, frame, kind="context", prims=["/World/Things/Box_C", "/World/Things/Tin_A", "/World/Things/Ball_A"],
            relation="in", to="/World/Crate", wall=0.015, yaw=[0, 360], below_rim=True,
        )  # fmt: skip
        for name in ("Box_C", "Tin_A", "Ball_A"):
            cloud = vertices(out, name)
            assert np.all(cloud[:, :2] >= CRATE[0] + 0.015 - 1e-6) and np.all(
                cloud[:, :2] <= CRATE[1] - 0.015 + 1e-6
            )
            assert cloud[:, 2].min() == pytest.approx(0.762, abs=2e-4) and cloud[:, 2].max() <= 0.89 + 1e-6
    with pytest.raises(Rejected, match="larger than the container"):
        run(
            table,
            kind="context",
            prims="/World/Things/Box_A",
            relation="in",
            to="/World/Things/Box_C",
            tries=4,
        )
    with pytest.raises(Rejected, match="sticks out of the container"):
        run(
            table,
            kind="context",
            prims="/World/Things/Box_B",
            relation="in",
            to="/World/Crate",
            below_rim=True,
            tries=3,
        )


def test_next_to_keeps_the_distance_and_the_direction(table: Snapshot, run: Run) -> None:
    turn = np.radians(25)  # how Box_A is authored
    for frame in range(8):
        out, draws = run(
            table, frame, kind="context", prims="/World/Things/Mug_A", relation="next_to", to="/World/Things/Box_A",
            distance=[0.03, 0.2], direction=[0, 360], yaw=[0, 360],
        )  # fmt: skip
        wanted = draws.log["distance /World/Things/Mug_A"]
        assert gap(corners(out, "Mug_A"), corners(out, "Box_A")) == pytest.approx(wanted, abs=2e-3)
        assert vertices(out, "Mug_A")[:, 2].min() == pytest.approx(0.75, abs=1e-6)
        cloud = corners(out, "Mug_A")
        away = (cloud.min(0) + cloud.max(0)) / 2 - corners(out, "Box_A").mean(0)
        angle = turn + np.radians(draws.log["direction /World/Things/Mug_A"])
        np.testing.assert_allclose(away / np.linalg.norm(away), [np.cos(angle), np.sin(angle)], atol=1e-6)


@pytest.mark.parametrize(("side", "axis"), [("+x", 0.0), ("-y", -90.0)])
def test_aligned_makes_a_row_along_the_others_axis(table: Snapshot, run: Run, side: str, axis: float) -> None:
    names = ["Box_C", "Mug_B", "Tin_B"]
    out, draws = run(
        table, kind="context", prims=[f"/World/Things/{n}" for n in names], relation="aligned",
        to="/World/Things/Box_A", side=side, distance=[0.02, 0.05], offset=0.01,
    )  # fmt: skip
    angle = np.radians(25 + axis)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = corners(out, "Box_A").mean(0)
    end = float(((corners(out, "Box_A") - middle) @ along).max())
    for name in names:
        reach = (corners(out, name) - middle) @ along
        assert reach.min() - end == pytest.approx(draws.log[f"distance /World/Things/{name}"], abs=2e-3)
        sideways = (corners(out, name) - middle) @ across
        assert (sideways.min() + sideways.max()) / 2 == pytest.approx(0.01, abs=1e-3)
        x = world(out, name)[:2, 0]
        np.testing.assert_allclose(
            x / np.linalg.norm(x), [np.cos(np.radians(25)), np.sin(np.radians(25))], atol=1e-6
        )
        end = float(reach.max())


def test_hidden_anchors_are_not_chosen(table: Snapshot, run: Run) -> None:
    hidden, _ = run(table, kind="visibility", prims=["/World/Things/Box_A"], probability=0)
    for frame in range(6):
        _, draws = run(
            hidden,
            frame,
            kind="context",
            prims="/World/Things/Tin_A",
            relation="on",
            to=["/World/Things/Box_[AB]"],
        )
        assert draws.log["anchor /World/Things/Tin_A"] == "/World/Things/Box_B"
    with pytest.raises(Rejected, match="nothing of /World/Things/Box_A is visible to be placed on"):
        run(hidden, kind="context", prims="/World/Things/Tin_A", relation="on", to="/World/Things/Box_A")


def test_yaml_may_say_on_without_quotes() -> None:
    import yaml

    data = yaml.safe_load("{kind: context, name: c, prims: /A, relation: on, to: /B}")
    made = RANDOMIZERS.get("context").model_validate(data)
    assert made.model_dump()["relation"] == "on"
    with pytest.raises(ValueError, match="'on', 'in', 'next_to' or 'aligned'"):
        RANDOMIZERS.get("context").model_validate({**data, "relation": "under"})


def test_what_the_stage_does_not_have_is_told(table: Snapshot, run: Run) -> None:
    with pytest.raises(UserError, match="randomizer 'r': no prim matches '/World/Crat'; did you mean"):
        run(table, kind="context", prims="/World/Things/Tin_A", relation="in", to="/World/Crat")
