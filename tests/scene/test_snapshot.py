"""The snapshot's own operations: worlds, moving, showing and hiding."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.columns import PoseColumns, VisibilityColumns, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot

BODY = """def Xform "A" {
    double3 xformOp:translate = (1, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "B" { token visibility = "invisible"
        def Cube "C" {}
    }
    def Xform "R" { uniform token[] xformOpOrder = ["!resetXformStack!"]
        def Cube "D" {}
    }
    def PointInstancer "P" { point3f[] positions = [(0, 5, 0), (0, 6, 0)]
        int[] protoIndices = [0, 0]
        rel prototypes = </A/P/Box>
        def Cube "Box" {}
    }
}
"""


@pytest.fixture
def snapshot(open_text: Any) -> Snapshot:
    return read_snapshot(open_text(BODY))


def pose(nodes: list[int], translation: list[list[float]]) -> PoseColumns:
    n = len(nodes)
    return PoseColumns(
        1, 0, frozen(np.array(nodes), np.uint32), frozen(np.array(translation, float), np.float64),
        frozen(np.tile([1, 0, 0, 0], (n, 1)), np.float32), frozen(np.full((n, 3), 2.0), np.float32),
    )  # fmt: skip


def visible(snapshot: Snapshot) -> dict[tuple[str, int], bool]:
    i = snapshot.instances
    return {
        (snapshot.prims.path[p], int(k)): bool(v)
        for p, k, v in zip(i.prim, i.point_id, i.visible, strict=True)
    }


def test_moving_a_parent_carries_all_below_but_what_resets(snapshot: Snapshot) -> None:
    index = snapshot.prims.index_of
    moved = snapshot.moved(pose([index["/A"]], [[0, 0, 9]]))
    assert moved.node_world[index["/A/B/C"]][:3, 3].tolist() == [0, 0, 9]
    assert moved.node_world[index["/A/R/D"]][:3, 3].tolist() == [0, 0, 0]
    assert moved.node_world[len(index)][:3, 3].tolist() == [0, 10, 9]
    assert moved.node_world[len(index)][0, 0] == 2
    assert moved.prototypes is snapshot.prototypes
    assert snapshot.node_world[index["/A"]][:3, 3].tolist() == [1, 0, 0]


def test_moving_prims_and_points_together(snapshot: Snapshot) -> None:
    index, n = snapshot.prims.index_of, len(snapshot.prims)
    moved = snapshot.moved(pose([index["/A"], n + 1], [[0, 0, 0], [7, 0, 0]]))
    assert moved.node_world[n + 1][:3, 3].tolist() == [14, 0, 0]
    assert moved.node_world[n][:3, 3].tolist() == [0, 10, 0]


def test_hiding_and_showing(snapshot: Snapshot) -> None:
    index, n = snapshot.prims.index_of, len(snapshot.prims)
    assert visible(snapshot) == {
        ("/A/B/C", -1): False,
        ("/A/R/D", -1): True,
        ("/A/P", 0): True,
        ("/A/P", 1): True,
    }

    def switch(base: Snapshot, **nodes: bool) -> Snapshot:
        ids = sorted((int(k[1:]), v) for k, v in nodes.items())
        return base.with_visibility(
            VisibilityColumns(
                frozen(np.array([i for i, _ in ids]), np.uint32),
                frozen(np.array([v for _, v in ids]), np.bool_),
            )
        )

    shown = switch(snapshot, **{f"n{index['/A/B']}": True})
    assert visible(shown)["/A/B/C", -1]
    hidden = switch(shown, **{f"n{index['/A']}": False})
    assert not any(visible(hidden).values())
    back = switch(hidden, **{f"n{index['/A']}": True, f"n{n}": False})
    assert visible(back) == {
        ("/A/B/C", -1): True,
        ("/A/R/D", -1): True,
        ("/A/P", 0): False,
        ("/A/P", 1): True,
    }


def test_arrays_are_read_only(snapshot: Snapshot) -> None:
    for array in (
        snapshot.prims.local,
        snapshot.node_world,
        snapshot.instances.prim,
        snapshot.prototypes[0].points,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
