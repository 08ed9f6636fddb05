"""Instance masks equal those of Blender's own import of real stages; a wrong matrix or a swapped path cannot hide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exactness import ours
from exactness.blender import IOU, SHORT, agreement, drawings, same
from exactness.casting import pieces_of
from exactness.spoil import moved, with_local
from twinstage.render.engines.bpy_link import find_python

SIZE = (160, 120)


def test_masks_equal_blenders(shared: Path) -> None:
    python = find_python()
    if python is None:
        pytest.skip(
            "no Python with bpy: set TWINSTAGE_BPY_PYTHON, or let 'make soak-usd' make .venv-bpy (Python 3.11 only)"
        )
    assets = shared / "assets"
    for name, drawn in zip(SHORT, drawings([assets / name for name in SHORT], python), strict=True):
        row = agreement(ours.read(assets / name, assets), drawn, SIZE)
        assert row["problems"] == [], name
        assert row["compared"] >= 3 and row["least"] >= IOU, name


def test_a_wrong_matrix_cannot_hide(shared: Path) -> None:
    """The drawings of a good snapshot stand for Blender's: what they hold against spoilt ones."""
    assets = shared / "assets"
    snapshot = ours.read(assets / "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda", assets)
    paths = [snapshot.prims.path[k] for k in snapshot.instances.prim.tolist()]
    drawn = [
        (piece, {"path": paths[piece.owner], "parent": "", "point": []}) for piece in pieces_of(snapshot)
    ]
    assert agreement(snapshot, drawn, SIZE)["problems"] == []
    link = snapshot.prims.index_of["/fanuc_m710ic50/Geometry/base_link/link_1/link_2"]
    turned = np.array(snapshot.node_local[link])
    turned[:3, :3] = turned[:3, :3].T @ np.diag([1.0, 1.0, 1.0])
    turned[0, 3] += 0.02
    for spoilt in (moved(snapshot, link, (0.05, 0.0, 0.0)), with_local(snapshot, link, turned)):
        assert agreement(spoilt, drawn, SIZE)["problems"]
    other = [(piece, {**name, "path": paths[piece.owner - 1]}) for piece, name in drawn]
    assert agreement(snapshot, other, SIZE)["problems"]
    fewer = replace(snapshot, instances=replace(snapshot.instances, visible=np.arange(len(paths)) > 1))
    assert agreement(fewer, drawn, SIZE)["problems"]


def test_paths_decide_which_drawing_is_meant() -> None:
    plain = {"path": "/World/A/Mesh", "parent": "", "point": []}
    assert same("/World/A/Mesh", "/World/A/Mesh", -1, plain) and not same(
        "/World/B/Mesh", "/World/A/Mesh", -1, plain
    )
    native = {"path": "/Mesh_01", "parent": "/World/Goods/Box_2", "point": [1]}
    assert same("/World/Goods/Box_2/Mesh_01", "/World/Goods/Box_1/Mesh_01", -1, native)
    assert not same("/World/Goods/Box_1/Mesh_01", "/World/Goods/Box_1/Mesh_01", -1, native)
    assert not same("/World/Goods/Box_2/Mesh_00", "/World/Goods/Box_1/Mesh_00", -1, native)
    point = {"path": "/Cluster/Mesh", "parent": "/World/Scatter", "point": [0, 0]}
    assert same("/World/Scatter", "/World/Scatter/Prototypes/Cluster/Mesh", 3, point)
    assert not same("/World/Other", "/World/Other/Prototypes/Cluster/Mesh", 3, point)
