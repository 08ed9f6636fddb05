"""The soak's short form: varied stages against Mitsuba, in two processes; it goes on where it ended; its faults are caught."""

import json
import os
import subprocess
import sys
from pathlib import Path

from exactness import holes, ours, survey
from exactness.casting import pieces_of
from exactness.spoil import moved, with_aov, with_mask

STAGES = (
    "industrial/aws_small_warehouse/small_warehouse.usda",
    "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda",
    "industrial/usd_optimize/pointInstancer.usda",
    "industrial/newton_cell/crazyflie.usd",
    "features/ovrtx/cube_stacks_scene.usda",
    "features/pixar/previewsurface/testPreviewSurfaceOpacityThreshold.usda",
    "features/pixar/pointinstancer/pi_root_prototype.usda",
    "features/usdz/CesiumMan/CesiumMan.usdz",
    "features/usd_optimize/editStageMetrics_pointInstancer.usda",
    "full/Vehicles/assets/vehicles/van/asset/vanFullAsset.usda",
    "full/Teapot/Teapot.usd",
    "features/pixar/mtlx/mxGlass.usda",
)
"""Native instances, point instancers, CAD, cut-outs, coincident surfaces, skinning, subdivision, variants, glass."""


def _soak(root: Path, log: Path, only: str) -> tuple[int, str]:
    command = [sys.executable, str(root / "scripts" / "soak_render.py"), "--no-blender", "--no-analytic"]
    command += ["--log", str(log), "--size", "160x120", "--only", only]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=os.environ)
    return done.returncode, done.stdout + done.stderr


def test_the_soak_judges_stages_and_goes_on(root: Path, shared: Path, tmp_path: Path) -> None:
    log = tmp_path / "render.jsonl"
    code, said = _soak(root, log, ",".join(STAGES))
    assert code == 0, said
    kept = log.read_text()
    assert _soak(root, log, ",".join(STAGES)) == (0, said)
    assert log.read_text() == kept
    rows = [json.loads(line) for line in kept.splitlines()]
    assert sorted(row["file"] for row in rows) == sorted(STAGES)
    for row in rows:
        assert row["state"] == "equal" and len(row["views"]) >= 4, row["file"]
        assert sum(view["covered"] for view in row["views"]) > 500, row["file"]
    found = {row["file"]: row["views"] for row in rows}
    assert sum(view["cut_out"] for view in found[STAGES[5]]) > 100
    assert sum(view["ties"] for view in found[STAGES[6]]) + sum(v["tied"] for v in found[STAGES[6]]) > 100


def test_spoilt_labels_of_a_real_stage_are_caught(shared: Path) -> None:
    assets = shared / "assets"
    snapshot = ours.read(assets / STAGES[1], assets)
    pieces = pieces_of(snapshot)
    eye = survey.eyes(pieces, 160, 120)["front"]
    good = ours.labels(snapshot, eye)

    def found(capture) -> list[str]:
        return survey.judge(snapshot, pieces, "front", eye, capture).problems

    assert found(good) == []
    spoilt = {
        "shifted": with_aov(good, "instance", lambda a: a[:, [*range(1, a.shape[1]), 0]]),
        "swapped": with_aov(good, "instance", lambda a: (a > 0) * (a % len(pieces) + 1)),
        "deep": with_aov(good, "depth", lambda a: a * 1.0001),
        "points": with_aov(good, "position", lambda a: a + 1e-3),
        "normals": with_aov(good, "normal", lambda a: a * 2),
        "parts": with_aov(good, "part", lambda a: a + 1),
        "materials": with_aov(good, "material", lambda a: a + 1),
        "overlap": with_mask(good, 0, visible=lambda m: ~m),
        "moved": ours.labels(moved(snapshot, snapshot.instances.node[2], (0.01, 0, 0)), eye),
    }
    for name, capture in spoilt.items():
        assert found(capture), name


def test_holes_that_are_ignored_are_caught(shared: Path, monkeypatch) -> None:
    """Labels of the stage with holes filled are not within the limits: leaks do not excuse them."""
    assets = shared / "assets"
    snapshot = ours.read(assets / STAGES[5], assets)
    pieces = pieces_of(snapshot)
    eye = survey.eyes(pieces, 160, 120)["front"]
    monkeypatch.setattr(holes, "pierced", lambda material: False)
    assert survey.judge(snapshot, pieces, "front", eye, ours.labels(snapshot, eye)).problems
