"""Sizes and shaping by the formulas in the text of UsdLux, with numbers worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from twinstage.render.lighting import distant_size, shaping_factor, size_factor
from twinstage.scene.snapshot import Light, Shaping


def _size(kind: str, scale: tuple[float, float, float], unit: float = 1.0, **fields: float) -> float:
    snapshot = SimpleNamespace(stage=SimpleNamespace(meters_per_unit=unit))
    light = Light(prim=0, kind=kind, radiance=(1, 1, 1), normalize=True, **fields)  # type: ignore[arg-type]
    return size_factor(snapshot, light, np.diag([*scale, 1.0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "fields", "scale", "area"),
    [
        ("rect", {"width": 2.0, "height": 0.5}, (1, 1, 1), 1.0),
        ("rect", {"width": 2.0, "height": 0.5}, (3, 2, 9), 6.0),
        ("disk", {"radius": 0.5}, (2, 2, 1), np.pi),
        ("sphere", {"radius": 0.5}, (1, 1, 1), np.pi),
        ("sphere", {"radius": 0.5}, (2, 2, 2), 4 * np.pi),
        ("cylinder", {"radius": 0.5, "length": 3.0}, (1, 1, 1), 3 * np.pi),
        ("cylinder", {"radius": 0.5, "length": 3.0}, (2, 1, 1), 6 * np.pi),
        ("dome", {}, (5, 5, 5), 1.0),
    ],
)
def test_normalize_divides_by_the_world_space_area(kind, fields, scale, area):
    assert _size(kind, scale, **fields) == pytest.approx(area)
    if kind != "dome":  # in the stage's units: the same light authored in centimetres
        assert _size(kind, scale, unit=0.01, **fields) == pytest.approx(area * 1e4)


def test_a_sheared_rectangle_has_the_area_of_its_parallelogram():
    world = np.eye(4)
    world[:3, 1] = [1, 1, 0]
    snapshot = SimpleNamespace(stage=SimpleNamespace(meters_per_unit=1.0))
    light = Light(prim=0, kind="rect", radiance=(1, 1, 1), width=2.0, height=3.0)
    assert size_factor(snapshot, light, world) == pytest.approx(6.0)  # type: ignore[arg-type]


def test_size_of_a_distant_light():
    """pi sin^2(angle / 2); a hemisphere gives pi, the whole sphere 2 pi; 0 counts as 1."""
    degrees = [0.0, 0.53, 90.0, 180.0, 270.0, 360.0]
    expected = [1.0, np.pi * np.sin(np.radians(0.265)) ** 2, np.pi / 2, np.pi, 1.5 * np.pi, 2 * np.pi]
    assert [distant_size(a) for a in np.radians(degrees)] == pytest.approx(expected)


def test_shaping_factors():
    cosine = np.cos(np.radians([0, 20, 30, 41, 60, 120]))
    hard = shaping_factor(Shaping(cone_angle=np.radians(40)), cosine)
    assert hard[:, 0].round(6).tolist() == [1, 1, 1, 0, 0, 0]
    soft = shaping_factor(Shaping(cone_angle=np.radians(40), cone_softness=0.5), cosine)
    assert soft[:, 1].round(6).tolist() == [1, 1, 0.5, 0, 0, 0]  # fades from 20 to 40 degrees
    focus = shaping_factor(Shaping(cone_angle=np.pi, focus=2.0, focus_tint=(1, 0, 0.5)), cosine)
    assert focus[4] == pytest.approx([1, 0.25, 0.625])
    assert focus[5] == pytest.approx([1, 0, 0.5])
    assert np.array_equal(shaping_factor(Shaping(cone_angle=np.pi), cosine), np.ones((6, 3)))
