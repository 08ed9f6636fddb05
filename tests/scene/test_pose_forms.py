"""Poses told in other conventions: north-east-down, latitude and longitude, turns in other orders. scipy-free oracles."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.scene.axes import ORDERS, ned_position, ned_rotation, turns
from twinstage.scene.bindings import parse_bindings
from twinstage.scene.geodesy import earth_centred, east_north_up
from twinstage.scene.movers import euler_to_quat
from twinstage.scene.transforms import quat_to_matrix

BOX = """def Xform "Yard" (kind = "assembly") {
    custom double3 twin:origin = (50.8, 12.9, 300)
    def Xform "Drone" {
        double3 xformOp:translate = (1, 2, 3)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""
LENGTHS = {"n": "m", "e": "m", "d": "m", "r": "rad", "p": "rad", "y": "rad"}


def matrix(axis: int, angle: float) -> np.ndarray:
    """A turn about a fixed axis."""
    c, s = math.cos(angle), math.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = c
    out[i, j], out[j, i] = -s, s
    return out


angles = st.tuples(*[st.floats(-3.1, 3.1)] * 3)


@settings(max_examples=60)
@given(angles, st.sampled_from(ORDERS))
def test_turns_are_applied_in_their_order_about_fixed_axes(
    by: tuple[float, float, float], order: str
) -> None:
    expected = np.eye(3)
    for letter in order:
        axis = "xyz".index(letter)
        expected = matrix(axis, by[axis]) @ expected
    found = quat_to_matrix(turns(np.array([by]), order))[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    if order == "xyz":
        np.testing.assert_allclose(quat_to_matrix(euler_to_quat(np.array([by])))[0], expected, atol=1e-12)


@settings(max_examples=60)
@given(angles)
def test_ned_and_enu_are_the_same_body(by: tuple[float, float, float]) -> None:
    """The body's nose, right side and belly point the same way in both."""
    told = quat_to_matrix(euler_to_quat(np.array([by])))[0]  # ned_from_frd
    ours = quat_to_matrix(ned_rotation(euler_to_quat(np.array([by]))))[0]  # enu_from_flu
    for body_frd in np.eye(3):
        north, east, down = told @ body_frd
        x, y, z = body_frd
        np.testing.assert_allclose(ours @ [x, -y, -z], [east, north, -down], atol=1e-12)
    again = ned_rotation(ned_rotation(euler_to_quat(np.array([by]))))
    np.testing.assert_allclose(quat_to_matrix(again)[0], told, atol=1e-12)
    np.testing.assert_array_equal(ned_position(ned_position(np.array([by])))[0], np.array(by))


def test_a_drone_that_flies_north_and_climbs(make_twin: Any) -> None:
    twin = make_twin(
        BOX,
        "{kind: pose, prim: /Yard/Drone, frame: world, axes: ned, position: {x: n, y: e, z: d}, "
        "rotation: {roll: r, pitch: p, yaw: y}}",
        LENGTHS,
    )
    twin.tick(n=10.0, e=4.0, d=-30.0, r=0.0, p=0.2, y=0.0)
    local = twin.local("/Yard/Drone")
    np.testing.assert_allclose(local[:3, 3], [4, 10, 30], atol=1e-4)
    nose = local[:3, 0]  # to the north, raised by 0.2 rad
    np.testing.assert_allclose(nose, [0, math.cos(0.2), math.sin(0.2)], atol=1e-4)
    twin.tick(p=0.0, y=math.pi / 2)
    np.testing.assert_allclose(twin.local("/Yard/Drone")[:3, 0], [1, 0, 0], atol=1e-4)


def test_what_is_not_named_keeps_its_place_in_either_convention(make_twin: Any) -> None:
    twin = make_twin(BOX, "{kind: pose, prim: /Yard/Drone, axes: ned, position: {z: d}}", {"d": "m"})
    twin.tick(d=-7.0)
    local = twin.local("/Yard/Drone")
    np.testing.assert_allclose(local[:3, 3], [1, 2, 7], atol=1e-4)
    np.testing.assert_allclose(local[:3, :3], np.eye(3), atol=1e-4)


# Chemnitz and a place 0.01 degrees to its north and east; metres per degree of the ellipsoid at 50.8 degrees, by hand.
def test_latitude_and_longitude_are_metres_from_the_origin(make_twin: Any) -> None:
    where = "{latitude: lat, longitude: lon, height: h}"
    twin = make_twin(
        BOX,
        f"{{kind: pose, prim: /Yard/Drone, frame: world, position: {where}}}",
        {"lat": "rad", "lon": "rad", "h": "m"},
    )
    twin.tick(lat=math.radians(50.8))
    np.testing.assert_allclose(
        twin.local("/Yard/Drone")[:3, 3], [1, 2, 3], atol=1e-6
    )  # two of three are not known yet
    twin.tick(lat=math.radians(50.81), lon=math.radians(12.91), h=310.0)
    a, e2, phi = 6378137.0, 0.00669437999014, math.radians(50.805)
    w = math.sqrt(1 - e2 * math.sin(phi) ** 2)
    north = math.radians(0.01) * (a * (1 - e2) / w**3 + 305)
    east = math.radians(0.01) * (a / w + 305) * math.cos(math.radians(50.81))
    found = twin.local("/Yard/Drone")[:3, 3]
    np.testing.assert_allclose(found[:2], [east, north], atol=0.3)
    assert found[2] == pytest.approx(10.0 - (east**2 + north**2) / (2 * a), abs=0.02)  # the Earth is round


geodetic = st.tuples(st.floats(-1.5, 1.5), st.floats(-3.1, 3.1), st.floats(-100, 9000))


@settings(max_examples=60)
@given(geodetic, geodetic)
def test_distances_are_those_of_earth_centred_coordinates(
    place: tuple[float, ...], origin: tuple[float, ...]
) -> None:
    found = east_north_up(np.array([place]), np.array([origin]))
    apart = np.linalg.norm(earth_centred(np.array([place])) - earth_centred(np.array([origin])))
    assert np.linalg.norm(found) == pytest.approx(apart, rel=1e-9, abs=1e-6)
    above = np.array([[origin[0], origin[1], origin[2] + 25.0]])
    np.testing.assert_allclose(east_north_up(above, np.array([origin])), [[0, 0, 25]], atol=1e-6)


def test_the_equator_and_the_pole() -> None:
    found = earth_centred(np.array([[0, 0, 0], [math.pi / 2, 0, 0]]))
    np.testing.assert_allclose(found, [[6378137.0, 0, 0], [0, 0, 6356752.314245]], atol=1e-6)


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("position: {latitude: lat, longitude: lon}", "frame: world"),
        ("frame: world, rotation: {yaw: lat, order: zyx}", "all of roll, pitch and yaw"),
        ("frame: world, position: {latitude: lat, longitude: lon, origin: [95, 0, 0]}", "no latitude"),
        ("frame: world, axes: nwu, position: {x: lat}", "enu"),
    ],
)
def test_mistakes_are_told_with_their_line(binding: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        parse_bindings(f"bindings: 1\nbindings:\n  - {{kind: pose, prim: /A, {binding}}}\n", where="b.yaml")
    assert "b.yaml:3" in str(error.value)


def test_an_origin_that_nobody_gave_is_told(make_twin: Any) -> None:
    plain = BOX.replace("    custom double3 twin:origin = (50.8, 12.9, 300)\n", "")
    where = "{latitude: lat, longitude: lon}"
    with pytest.raises(UserError, match="twin:origin"):
        make_twin(
            plain,
            f"{{kind: pose, prim: /Yard/Drone, frame: world, position: {where}}}",
            {"lat": "rad", "lon": "rad"},
        )
    own = "{latitude: lat, longitude: lon, origin: [50.8, 12.9, 300]}"
    make_twin(
        plain,
        f"{{kind: pose, prim: /Yard/Drone, frame: world, position: {own}}}",
        {"lat": "rad", "lon": "rad"},
    )
    with pytest.raises(UserError, match="angle"):
        make_twin(
            plain,
            f"{{kind: pose, prim: /Yard/Drone, frame: world, position: {own}}}",
            {"lat": "m", "lon": "rad"},
        )
