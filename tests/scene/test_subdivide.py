"""Subdivision against Blender's OpenSubdiv (golden/make_subdivide.py), closed formulas and invariants."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.subdivide.cage import Cage
from twinstage.scene.subdivide.refine import refine

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "subdivide.json").read_text())


def cage_of(case: dict[str, Any]) -> Cage:
    faces = case["faces"]
    creases = np.array(case["creases"], float).reshape(-1, 3)
    corners = np.array(case["corners"], float).reshape(-1, 2)
    return Cage(
        counts=np.array([len(f) for f in faces]),
        indices=np.concatenate([np.array(f) for f in faces]),
        size=len(case["points"]),
        boundary=case["boundary"],
        crease_edges=creases[:, :2].astype(np.int64),
        crease_sharpness=creases[:, 2],
        corners=corners[:, 0].astype(np.int64),
        corner_sharpness=corners[:, 1],
        face_varying=case["face_varying"],
    )


@pytest.mark.parametrize("name", CASES)
def test_equals_blenders_opensubdiv(name: str) -> None:
    case = CASES[name]
    made = refine(cage_of(case), case["level"])
    rows = made.points(np.array(case["points"], float), limit=case["limit"])[made.finest.indices]
    if case["uv"]:
        flat = np.array([v for face in case["uv"] for v in face])
        values, index = np.unique(flat, axis=0, return_inverse=True)
        uv, at = made.face_varying(values, index.reshape(-1), limit=case["limit"])
        rows = np.concatenate([rows, uv[at]], 1)
    expected = np.array(case["rows"])
    there = np.abs(rows[:, None] - expected[None]).max(2)
    assert there.min(1).max() < 3e-4, "a row of ours that Blender does not have"
    assert there.min(0).max() < 3e-4, "a row of Blender's that we do not have"
