"""Whole cells of pixels against rays one by one."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.render import casting, cells, silhouettes
from twinstage.render.bounds import PixelRect
from twinstage.render.camera import look_at
from twinstage.render.casting import BvhCache, parts_in_view
from twinstage.render.hits import cast_part
from twinstage.render.labels import label_pass

W, H = 200, 150
AOVS = ("depth", "object", "normal", "part", "instance", "uv")


@pytest.fixture
def eager(monkeypatch):
    """Cells and footprints of all parts, however small."""
    for module in (casting, silhouettes):
        monkeypatch.setattr(module, "WORTH", 1)
    monkeypatch.setattr(cells, "_WORTH", 1)
    monkeypatch.setattr(cells, "_RAYS_A_TRIANGLE", 0)
    monkeypatch.setattr(cells, "_MOST_CROSSED", 1.0)


def soup(hand, n, seed):
    """Triangles anywhere, through one another and through the camera."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-3, 3, (n, 1, 3)) + rng.normal(size=(n, 3, 3)) * rng.uniform(0.2, 3, (n, 1, 1))
    normals = np.repeat(rng.normal(size=(n, 3)), 3, 0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    slot = np.arange(n) % 3
    uv = rng.uniform(size=(3 * n, 2))
    return hand.prototype(points.reshape(-1, 3), np.arange(3 * n).reshape(-1, 3), normals, uv, slot)


def scene(hand, seed):
    rng = np.random.default_rng(seed)
    items = [(hand.quad(40.0), hand.pose([0, 0, -1.5]), 0), (hand.box([9, 8, 5]), np.eye(4), 1)]
    items += [(soup(hand, 6, seed), hand.pose(rng.uniform(-1, 1, 3)), 2)]
    items += [
        (hand.box(), hand.pose(rng.uniform(-2, 2, 3), scale=rng.uniform(0.3, 1.5, 3)), 3 + i)
        for i in range(4)
    ]
    return hand.snapshot([*items, (hand.sphere(0.7, 16), hand.pose([1, 1, 0.5]), 7)])


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_the_same_without_cells(hand, eager, monkeypatch, seed):
    """Inside of a room, whose walls reach behind the camera, among triangles that pass through one another."""
    snapshot = scene(hand, seed)
    rng = np.random.default_rng(seed)
    camera = look_at(rng.uniform(-2, 2, 3), rng.uniform(-1, 1, 3), width=W, height=H)
    camera = replace(camera, near=(0.01, 0.5)[seed % 2])
    quick = label_pass(snapshot, camera, (0, 1, 2, 3, 7), aovs=AOVS, outside_rays=None)
    monkeypatch.setattr(cells, "_WORTH", 10**9)
    slow = label_pass(snapshot, camera, (0, 1, 2, 3, 7), aovs=AOVS, outside_rays=None)
    assert quick.ties == slow.ties and len(quick.objects) == len(slow.objects) > 2
    for name in AOVS:
        assert quick.aovs[name].tobytes() == slow.aovs[name].tobytes(), name
    for a, b in zip(quick.objects, slow.objects, strict=True):
        assert (a.visible_px, a.amodal_px_in_frame, a.amodal_px_total) == (
            b.visible_px,
            b.amodal_px_in_frame,
            b.amodal_px_total,
        )
        assert np.array_equal(a.outline, b.outline)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_known_of_a_cell_is_what_its_rays_say(hand, eager, seed):
    """Triangle by triangle, and most pixels of a wall need no ray of their own."""
    snapshot = scene(hand, seed)
    rng = np.random.default_rng(100 + seed)
    camera = look_at(rng.uniform(-2, 2, 3), rng.uniform(-1, 1, 3), width=W, height=H)
    rect, spared = PixelRect(-60, -40, 250, 190), {}
    for part in parts_in_view(snapshot, camera, rect, BvhCache()):
        found = cells.cells_of(camera, part, rect, rect.area, 0)
        assert found is not None
        hits = cast_part(camera, part, rect)
        hit = np.isfinite(hits.t)
        assert (hit[found.hit]).all() and not hit[found.kind == cells.NOTHING].any()
        row, column = np.nonzero(found.kind == cells.DRAWN)
        known = found.hits(row, column)
        assert (known.triangle == hits.triangle[row, column]).all()
        assert np.allclose(known.t, hits.t[row, column], rtol=1e-4)
        spared[part.object] = (found.kind != cells.UNKNOWN).mean()
    assert spared[1] > 0.5 and max(spared.values()) > 0.7


def test_cells_know_nothing_of_what_the_far_plane_cuts(hand, eager):
    snapshot = hand.snapshot([(hand.quad(40.0), hand.pose([0, 0, -1.5]), 0)])
    camera = look_at([0, 0, 0], [1, 0, -0.3], width=W, height=H)
    (part,) = parts_in_view(snapshot, camera, PixelRect(0, 0, W, H), BvhCache())
    assert cells.cells_of(camera, part, PixelRect(0, 0, W, H), W * H, 0) is not None
    (part,) = parts_in_view(snapshot, replace(camera, far=15.0), PixelRect(0, 0, W, H), BvhCache())
    assert cells.cells_of(replace(camera, far=15.0), part, PixelRect(0, 0, W, H), W * H, 0) is None


def test_weights_of_cells_are_those_of_rays(hand, eager):
    """Of a textured wall: found from the plane where no ray was cast."""
    kept = []
    snapshot = hand.snapshot([(hand.quad(6.0), hand.pose([0, 0, -1.5]), 0)])
    camera = look_at([0.3, -0.2, 2], [0.1, 0, -1.5], width=W, height=H)
    label_pass(snapshot, camera, keep=kept.append, aovs=())
    zbuffer = kept[0].zbuffer
    pixels = np.flatnonzero(zbuffer.part >= 0)
    assert np.isnan(zbuffer._drawn.barycentric).any()
    weights = zbuffer.weights_at(pixels)
    hits = cast_part(camera, zbuffer.parts[0], PixelRect(0, 0, W, H))
    assert np.abs(weights - hits.barycentric.reshape(-1, 2)[pixels]).max() < 1e-5
    assert (hits.triangle.reshape(-1)[pixels] == zbuffer.box_triangle.reshape(-1)[pixels]).all()
