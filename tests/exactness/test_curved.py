"""Spheres, cylinders, cones and capsules: within the declared chord error of the true surface, wrong pixels on edges only."""

from dataclasses import replace

import pytest

from exactness import ours
from exactness.analytic import Scene, Truth, judge
from exactness.eyes import facing, pinhole
from exactness.stages import curved

SETTINGS = {
    "metres, Z-up": (1.0, "Z", (0, 0, 0)),
    "centimetres, Y-up, 10 km away": (0.01, "Y", (10_000, 10, 10_000)),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_curved_shapes(setting: str, tmp_path) -> None:
    stage = curved(tmp_path / "curved.usda", *SETTINGS[setting])
    scene, middle = Scene.of(stage), stage.places["/World"][:3, 3]
    assert (scene.chord > 0).all()
    eye = pinhole(200, 150, 1.0, facing((0.4, -3.4, 2.0), (0, 0.2, 0.6), -0.1, middle))
    for at in (eye, replace(eye, pose=facing((-2.6, 2.4, 0.3), (0, 0.2, 0.6), 0.0, middle))):
        report = judge(scene, Truth.of(scene.things, at), ours.labels(scene.snapshot, at))
        print(report.figures)
        assert report.problems == []
        assert report.figures["wrong pixels on edges"] < 0.002 * at.width * at.height
