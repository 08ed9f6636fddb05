"""Smoothed poses: on the way between readings, late by what was declared, never beyond what was told."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.scene.bindings import parse_bindings
from twinstage.scene.smoothing import Smoother, Smoothing, slerp
from twinstage.scene.transforms import quat_to_matrix

MS = 1_000_000
ARM = """def Xform "World" {
    def Xform "Base" {
        double3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Xform "Link" {}
    }
    def Xform "Follower" {}
}
"""
SIGNALS = {"x": "m", "q": "rad"}


def tick(twin: Any, at_ms: float, **values: float) -> np.ndarray:
    """Tell values and evaluate at a time; the base's translation and the angle of the link."""
    twin.ordinal += 1
    for name, value in values.items():
        twin.state.set(name, value, twin.ordinal)
    columns = twin.plan.evaluate(twin.state, twin.ordinal, now_ns=round(at_ms * MS))
    twin.now = twin.now.moved(columns.pose, columns.visibility)
    return np.array(twin.local("/World/Base")[:3, 3])


def test_linear_is_late_by_its_delay_and_on_the_straight_way(make_twin: Any) -> None:
    twin = make_twin(
        ARM,
        "{kind: pose, prim: /World/Base, position: {x: x}, rotation: {yaw: q}, smooth: {kind: linear, delay: 0.1}}",
        SIGNALS,
    )
    assert tick(twin, 0, x=2.0, q=0.0)[0] == pytest.approx(
        2.0
    )  # the first reading holds for all time before it
    assert tick(twin, 100, x=4.0, q=1.0)[0] == pytest.approx(2.0)
    for at in (120, 150, 199):
        share = (at - 100) / 100
        assert tick(twin, at)[0] == pytest.approx(2 + 2 * share, abs=1e-3)
        link = twin.local("/World/Base")
        assert math.atan2(link[1, 0], link[0, 0]) == pytest.approx(share, abs=1e-3)
    assert tick(twin, 200)[0] == pytest.approx(4.0)
    assert tick(twin, 900)[0] == pytest.approx(4.0)  # nothing beyond what was told
    moved = twin.plan.evaluate(twin.state, 99, now_ns=1000 * MS)
    assert len(moved.pose) == 0


def test_filter_comes_two_thirds_of_the_way_in_its_time(make_twin: Any) -> None:
    twin = make_twin(
        ARM, "{kind: pose, prim: /World/Base, position: {x: x}, smooth: {kind: filter, time: 0.2}}", SIGNALS
    )
    tick(twin, 0, x=0.0)
    tick(twin, 10, x=1.0)
    for at in range(20, 211, 10):
        found = tick(twin, at)[0]
    assert found == pytest.approx(1 - math.exp(-1), abs=0.02)
    for at in range(220, 6000, 20):
        found = tick(twin, at)[0]
    assert found == pytest.approx(1.0, abs=1e-5)


def test_joints_are_smoothed_and_followers_follow_what_is_shown(make_twin: Any) -> None:
    twin = make_twin(
        ARM,
        "{kind: joint, prim: /World/Base, axis: Z, motion: rotate, signal: q, smooth: {kind: linear, delay: 0.1}}\n"
        "{kind: pose, prim: /World/Follower, frame: /World/Base/Link, position: {x: x}}",
        SIGNALS,
    )
    tick(twin, 0, q=0.0, x=1.0)
    tick(twin, 100, q=1.0)
    tick(twin, 150)
    base = twin.local("/World/Base")
    assert math.atan2(base[1, 0], base[0, 0]) == pytest.approx(0.5, abs=1e-3)
    expected = twin.world("/World/Base/Link") @ np.array([1.0, 0, 0, 1])
    np.testing.assert_allclose(twin.world("/World/Follower")[:3, 3], expected[:3], atol=1e-3)


def test_without_a_clock_and_after_a_reset_nothing_is_smoothed(make_twin: Any) -> None:
    twin = make_twin(
        ARM, "{kind: pose, prim: /World/Base, position: {x: x}, smooth: {kind: linear, delay: 0.1}}", SIGNALS
    )
    twin.tick(x=3.0)
    assert twin.local("/World/Base")[0, 3] == pytest.approx(3.0)
    tick(twin, 100, x=9.0)
    twin.plan.reset()
    assert tick(twin, 101, x=5.0)[0] == pytest.approx(5.0)


quaternion = (
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda q: sum(v * v for v in q) > 0.1)
    .map(lambda q: np.array(q) / np.linalg.norm(q))
)


@settings(max_examples=100)
@given(quaternion, quaternion, st.floats(0, 1))
def test_slerp_turns_evenly_along_the_shorter_arc(a: np.ndarray, b: np.ndarray, share: float) -> None:
    found = slerp(a[None], b[None], np.array([share]))[0]

    def angle(p: np.ndarray, q: np.ndarray) -> float:
        turn = quat_to_matrix(p[None])[0].T @ quat_to_matrix(q[None])[0]
        return float(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))

    whole = angle(a, b)
    if whole < 3.1:  # half a turn has two shortest arcs
        assert angle(a, found) == pytest.approx(share * whole, abs=2e-5)
        assert angle(found, b) == pytest.approx((1 - share) * whole, abs=2e-5)


READINGS = st.lists(st.tuples(st.integers(1, 60), st.floats(-5, 5)), min_size=1, max_size=60)


@settings(max_examples=100)
@given(READINGS, st.sampled_from(["linear", "filter"]), st.floats(0.01, 0.5))
def test_what_is_shown_lies_between_what_was_told(
    readings: list[tuple[int, float]], kind: str, seconds: float
) -> None:
    smoother, now = Smoother([None, Smoothing(kind, seconds)]), 0
    told = []
    for wait, value in readings:
        now += wait * MS
        told.append(value)
        trs = np.array([[7.0, 0, 0], [value, 0, 0]]), np.array([[1.0, 0, 0, 0]] * 2), np.ones((2, 3))
        smoother.apply(np.array([0, 1]), trs, np.array([True, True]), now)
        assert trs[0][0, 0] == 7.0  # not smoothed
        assert min(told) - 1e-9 <= trs[0][1, 0] <= max(told) + 1e-9
    for _ in range(200):
        now += 50 * MS
        trs = np.array([[told[-1], 0, 0]]), np.array([[1.0, 0, 0, 0]]), np.ones((1, 3))
        smoother.apply(np.array([1]), trs, np.array([False]), now)
    assert trs[0][0, 0] == pytest.approx(told[-1], abs=1e-5)
    assert not smoother.moving[1]


@pytest.mark.parametrize(
    ("smooth", "message"),
    [
        ("{kind: linear}", "has a delay"),
        ("{kind: filter, delay: 0.1}", "has a time"),
        ("{kind: linear, delay: 3}", "0.5"),
        ("{kind: spline, delay: 0.1}", "linear"),
    ],
)
def test_mistakes_are_told_with_their_line(smooth: str, message: str) -> None:
    text = f"bindings: 1\nbindings:\n  - {{kind: pose, prim: /A, position: {{x: x}}, smooth: {smooth}}}\n"
    with pytest.raises(UserError, match=message) as error:
        parse_bindings(text, where="b.yaml")
    assert "b.yaml:3" in str(error.value)
