"""Planes and boxes: no wrong pixel away from edges, depth within 1e-6, against closed forms in float64."""

from dataclasses import replace

import numpy as np
import pytest

from exactness import ours
from exactness.analytic import Scene, Truth, judge
from exactness.eyes import Eye, facing, pinhole
from exactness.stages import flat

SETTINGS = {
    "metres, Z-up": (1.0, "Z", (0, 0, 0)),
    "centimetres, Y-up": (0.01, "Y", (0, 0, 0)),
    "inches, Z-up": (0.0254, "Z", (0, 0, 0)),
    "10 km away": (1.0, "Z", (10_000, -10_000, 10)),
    "10 km away, centimetres, Y-up": (0.01, "Y", (10_000, 10, 10_000)),
}


@pytest.fixture(scope="module", params=SETTINGS)
def placed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scene, np.ndarray]:
    unit, up, away = SETTINGS[request.param]
    stage = flat(tmp_path_factory.mktemp("flat") / "flat.usda", unit, up, away)
    return Scene.of(stage), stage.places["/World"][:3, 3]


def eyes(middle: np.ndarray) -> dict[str, Eye]:
    """Cameras about the place where a scene stands."""
    front = pinhole(160, 120, 1.1, facing((0.3, -3.2, 1.9), (0, 0.1, 0.4), 0.1, middle))
    K = np.array([[150.0, 0, 93.3], [0, 110.0, 41.7], [0, 0, 1]])
    parallel = np.array([[40.0, 0, 80.0], [0, 40.0, 60.0], [0, 0, 1]])
    return {
        "front": front,
        "offset": replace(front, K=K),
        "cut": replace(front, near=3.0, far=4.2),
        "inside": replace(front, pose=facing((-1.45, 1.62, 0.52), (1, -1, 0.3), 0.0, middle)),
        "orthographic": replace(front, K=parallel, kind="orthographic"),
    }


@pytest.mark.parametrize("name", ["front", "offset", "cut", "inside"])
def test_planes_and_boxes(placed: tuple[Scene, np.ndarray], name: str) -> None:
    scene, middle = placed
    eye = eyes(middle)[name]
    report = judge(scene, Truth.of(scene.things, eye), ours.labels(scene.snapshot, eye))
    print(name, report.figures)
    assert report.problems == []
