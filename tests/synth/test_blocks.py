"""Overlap of boxes in space, against the distance of their hulls by an optimizer that knows no axes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.synth.blocks import Crowd, PlanCrowd, blocks_meet
from twinstage.synth.footprints import footprint, plan_distance

UNIT = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) - 0.5

numbers = st.floats(-1, 1).map(lambda v: round(v, 3))
blocks = st.lists(numbers, min_size=12, max_size=12).map(
    lambda v: UNIT @ (np.eye(3) + 0.7 * np.array(v[:9]).reshape(3, 3)).T + 1.5 * np.array(v[9:])
)
"""Slanted blocks of about unit size."""


def hull_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Least distance of two hulls: Gilbert's iteration with the exact nearest point of the last simplex, from all corners.

    The nearest point to the origin of the Minkowski difference, by projected descent (Wolfe's condition tells the error).
    """
    points = (a[:, None] - b[None]).reshape(-1, 3)
    weights = np.full(len(points), 1 / len(points))
    at = weights @ points
    for _ in range(3000):
        k = int(np.argmin(points @ at))
        step = at - points[k]
        gap = float(at @ step)
        if gap < 1e-9:
            break
        away = int(np.argmax(np.where(weights > 0, points @ at, -np.inf)))
        back = points[away] - at
        if at @ back > gap:  # a step away from the worst corner
            most = weights[away] / (1 - weights[away]) if weights[away] < 1 else np.inf
            share = min(float(at @ back) / float(back @ back), most)
            weights = weights * (1 + share)
            weights[away] -= share
        else:
            share = min(gap / float(step @ step), 1.0)
            weights = weights * (1 - share)
            weights[k] += share
        weights = np.maximum(weights, 0)
        at = weights @ points
    return float(np.linalg.norm(at))


@given(blocks, blocks)
@settings(deadline=None, max_examples=150)
def test_blocks_meet_exactly_where_their_hulls_do(a: np.ndarray, b: np.ndarray) -> None:
    distance = hull_distance(a, b)
    if distance > 1e-2:
        assert not blocks_meet(a, b)
        assert blocks_meet(a, b, distance * 1.01 + 1e-2)  # the clearance is never too small
    elif distance < 1e-4:
        assert blocks_meet(a, (b - b.mean(0)) * 1.1 + b.mean(0))


def test_touching_is_not_meeting() -> None:
    assert not blocks_meet(UNIT, UNIT + np.array([1, 0, 0]))
    assert not blocks_meet(UNIT, UNIT + np.array([0.3, 0.2, 1]))
    assert blocks_meet(UNIT, UNIT + np.array([0.999, 0, 0]))
    assert blocks_meet(UNIT, UNIT + np.array([1, 0, 0]), 0.001)


def test_edges_that_cross_are_apart_though_no_face_tells() -> None:
    """Two bars, turned so that only the product of their edges separates them."""
    turn = np.array([[np.cos(0.785), -np.sin(0.785), 0], [np.sin(0.785), np.cos(0.785), 0], [0, 0, 1]])
    roll = np.array([[1, 0, 0], [0, np.cos(0.785), -np.sin(0.785)], [0, np.sin(0.785), np.cos(0.785)]])
    bar = UNIT * [4, 1, 1] @ roll.T
    other = (UNIT * [4, 1, 1] @ roll.T) @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]).T @ turn.T
    height = np.sqrt(2)
    assert blocks_meet(bar, other + np.array([0, 0, height - 0.01]))
    assert not blocks_meet(bar, other + np.array([0, 0, height + 0.01]))


def test_flat_blocks_have_sides() -> None:
    sheet = UNIT * [1, 1, 0]
    assert blocks_meet(sheet, sheet + np.array([0.5, 0.5, 0]), 0.001)
    assert not blocks_meet(sheet, sheet + np.array([1.1, 0, 0]))
    assert not blocks_meet(sheet, sheet + np.array([0, 0, 0.01]))
    assert not blocks_meet(UNIT * 0, UNIT * 0 + np.array([1, 0, 0]), 0.5)


def test_a_crowd_in_space_lets_things_stack_and_one_in_plan_lets_heights_decide() -> None:
    lean = UNIT @ np.array([[np.cos(0.6), 0, np.sin(0.6)], [0, 1, 0], [-np.sin(0.6), 0, np.cos(0.6)]]).T
    for crowd, above in ((Crowd(), False), (PlanCrowd(), True)):
        crowd.add([lean])
        # Beside the leaning box, below its overhang: apart in space, but not seen from above.
        assert crowd.meets(UNIT * [0.2, 0.2, 0.2] + [-0.6, 0, 0.55]) is above
        assert not crowd.meets(UNIT + np.array([0, 0, 2]))
        assert crowd.meets(UNIT)


@given(st.lists(st.tuples(numbers, numbers), min_size=6, max_size=6), st.tuples(numbers, numbers))
@settings(deadline=None, max_examples=80)
def test_distance_in_plan_is_that_of_the_hulls(
    points: list[tuple[float, float]], away: tuple[float, float]
) -> None:
    corners = np.array([[x, y, 0] for x, y in points])
    if np.linalg.matrix_rank(corners[1:] - corners[0], tol=1e-2) < 2:
        return
    a, b = footprint(corners).outline, footprint(UNIT * 0.6 + [2 * away[0], 2 * away[1], 0]).outline
    flat = [np.column_stack([shape, np.zeros(len(shape))]) for shape in (a, b)]
    assert abs(plan_distance(a, b) - hull_distance(*flat)) < 2e-3
