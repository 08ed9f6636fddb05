"""Overlap of convex outlines, against a dense sample of points."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.synth.footprints import convex_hull, footprint, overlap

boxes = st.tuples(
    st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 3.14), st.floats(0.3, 2), st.floats(0.3, 2)
)


def _corners(box: tuple[float, ...], low: float = 0.0, high: float = 1.0) -> np.ndarray:
    x, y, angle, width, depth = box
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plan = np.array([[-width, -depth], [width, -depth], [width, depth], [-width, depth]]) / 2 @ turn.T + [
        x,
        y,
    ]
    return np.array([[*p, z] for p in plan for z in (low, high)])


def _inside(points: np.ndarray, box: tuple[float, ...], margin: float) -> np.ndarray:
    x, y, angle, width, depth = box
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    local = np.abs((points - [x, y]) @ turn)
    return np.all(local <= np.array([width, depth]) / 2 + margin, axis=1)


@given(boxes, boxes)
@settings(deadline=None, max_examples=100)
def test_overlap_agrees_with_sampled_points(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    grid = np.stack(np.meshgrid(np.arange(-4, 4, 0.05), np.arange(-4, 4, 0.05)), -1).reshape(-1, 2)
    found = overlap(footprint(_corners(a)), footprint(_corners(b)))
    if np.any(_inside(grid, a, -0.01) & _inside(grid, b, -0.01)):
        assert found
    if not np.any(_inside(grid, a, 0.08) & _inside(grid, b, 0.08)):
        assert not found


def test_things_above_one_another_do_not_overlap() -> None:
    box = (0.0, 0.0, 0.0, 1.0, 1.0)
    assert not overlap(footprint(_corners(box, 0, 1)), footprint(_corners(box, 1, 2)))
    assert overlap(footprint(_corners(box, 0, 1)), footprint(_corners(box, 0.9, 2)))


def test_clearance_keeps_a_gap() -> None:
    a, b = footprint(_corners((0, 0, 0, 1, 1))), footprint(_corners((1.2, 0, 0, 1, 1)))
    assert not overlap(a, b, 0.19)
    assert overlap(a, b, 0.21)


def test_hull_is_counter_clockwise_without_inner_points() -> None:
    hull = convex_hull(np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5], [0.5, 0]]))
    assert hull.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
