"""Boxes of many objects at once are, to the bit, those of each from all of its vertices."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.render import full_boxes as module
from twinstage.render.boxes import full_box_of
from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.full_boxes import cells_of, full_boxes
from twinstage.render.lens import ORTHOGRAPHIC, OpenCV


def crowd(hand, seed, n=40):
    """Boxes, balls and loose triangles, scaled, turned and mirrored, around a camera that some of them touch."""
    random = np.random.default_rng(seed)
    soup = hand.prototype(random.normal(size=(300, 3)), random.integers(0, 300, (200, 3)))
    shapes = [hand.box(), hand.sphere(0.4, 12), hand.sphere(0.5, 40), soup]
    items = []
    for k in range(n):
        turn = np.linalg.qr(random.normal(size=(3, 3)))[0]  # mirrored every other time
        pose = hand.pose(random.normal(scale=4, size=3), rotation=turn, scale=random.uniform(0.2, 2, 3))
        items.append((shapes[k % 4], pose, k // 3))
    return hand.snapshot(items)


def parts_of(snapshot):
    return [np.flatnonzero(snapshot.instances.object == k) for k in range(len(snapshot.objects))]


def plain(snapshot, camera, parts):
    return [full_box_of(snapshot, camera, rows) for rows in parts]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lens", ["pinhole", "orthographic", "distorted"])
def test_boxes_are_those_of_all_vertices(hand, monkeypatch, seed, lens):
    monkeypatch.setattr(module, "_MOST_CELLS", (50, 1 << 16)[seed % 2])
    snapshot = crowd(hand, seed)
    camera = look_at([5, -6, 4], [0, 0, 0], width=200, height=150)
    if lens == "orthographic":
        camera = replace(camera, lens=ORTHOGRAPHIC, K=pinhole(40, 42, 100, 75))
    if lens == "distorted":
        camera = replace(camera, lens=OpenCV((-0.2, 0.05)))
    parts = [*parts_of(snapshot), np.empty(0, np.int64)]
    found = full_boxes(snapshot, camera, parts)
    assert found == plain(snapshot, camera, parts)
    assert found[-1] is None and sum(box is not None for box in found) > 5


def test_what_reaches_to_the_camera_or_is_behind_it_is_looked_at_closely(hand):
    camera = Camera("eye", 100, 100, pinhole(50, 50, 50, 50), np.eye(4), near=0.5)
    poses = [
        hand.pose([2, 0, 0]),
        hand.pose([0, 0, -8]),
        hand.pose([0, 0, 5.0 + 0.5]),
        hand.pose([0.3, 0, 9]),
    ]
    snapshot = hand.snapshot([(hand.box((1, 1, 10)), pose, k) for k, pose in enumerate(poses)])
    parts = parts_of(snapshot)
    assert full_boxes(snapshot, camera, parts) == plain(snapshot, camera, parts)
    together = [np.arange(4)]
    assert full_boxes(snapshot, camera, together) == plain(snapshot, camera, together)


def test_a_ball_of_many_triangles_is_judged_by_few_vertices(hand, monkeypatch):
    ball = hand.sphere(1.0, 150)
    snapshot = hand.snapshot([(ball, hand.pose([0, 0, 7]), 0)])
    camera = Camera("eye", 640, 480, pinhole(500, 500, 320, 240), np.eye(4))
    projected = []
    original = Camera.project
    monkeypatch.setattr(Camera, "project", lambda self, p: projected.append(len(p)) or original(self, p))
    found = full_boxes(snapshot, camera, [np.array([0])])
    assert sum(projected) < len(ball.points) / 10
    assert found == plain(snapshot, camera, [np.array([0])])


def test_cells_hold_all_places_that_triangles_use_and_no_others(hand):
    random = np.random.default_rng(3)
    points = random.normal(size=(500, 3)).astype(np.float32)
    points[100:200] = points[:100]  # split vertices
    prototype = hand.prototype(points, random.integers(0, 400, (300, 3)))
    cells = cells_of(prototype)
    used = {tuple(p) for p in prototype.points[prototype.triangles.ravel()].tolist()}
    assert {tuple(p) for p in prototype.points[cells.rows.ravel()].tolist()} == used
    inside = (
        np.abs(prototype.points[cells.rows].astype(float) - cells.middle[:, None])
        <= cells.half[:, None] + 1e-12
    )
    assert inside.all()
