"""Surfaces in the same place: who is seen is a rule on the set of hits, not a matter of order, threads or luck."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.render.bounds import image_rect
from twinstage.render.bvh import BvhCache
from twinstage.render.camera import look_at
from twinstage.render.casting import parts_in_view
from twinstage.render.labels import label_pass
from twinstage.render.threads import limit_threads
from twinstage.render.ties import TIE
from twinstage.render.zbuffer import ZBuffer, cast_part

W, H = 48, 36
FACING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def plates(hand, specs):
    """Facing squares: (depth, x, size, object)."""
    return hand.snapshot(
        [(hand.quad(size), hand.pose([x, depth, 0], rotation=FACING), row) for depth, x, size, row in specs],
        names=[f"n{i}" for i in range(8)],
    )


def seen_by_rule(specs, camera):
    """Row seen by each pixel (-1 for none) and whether two or more tie, in float64 from the plates' numbers."""
    y, x = np.mgrid[:H, :W] + 0.5
    k = camera.K
    t = np.full((len(specs), H, W), np.inf)
    for i, (depth, middle, size, _) in enumerate(specs):
        across, up = (x - k[0, 2]) / k[0, 0] * depth - middle, (y - k[1, 2]) / k[1, 1] * depth
        inside = (np.abs(across) < size / 2) & (np.abs(up) < size / 2)
        t[i] = np.where(inside, np.float32(depth).astype(float), np.inf)
    near = t.min(0)
    close = (t <= near * (1 + TIE)) & np.isfinite(t)
    order = sorted(range(len(specs)), key=lambda i: (specs[i][3], i))
    seen = np.full((H, W), -1)
    for i in reversed(order):
        seen[close[i]] = i
    return seen, close.sum(0) > 1


step = st.integers(0, 5).map(lambda n: 3.0 * (1 + n * 0.45e-6))
plate = st.tuples(
    step, st.sampled_from([-0.61, 0.013, 0.57]), st.sampled_from([0.83, 1.91, 3.77]), st.integers(0, 7)
)


@settings(deadline=None, max_examples=40)
@given(specs=st.lists(plate, min_size=2, max_size=6), data=st.data())
def test_the_rule_holds_in_every_order(hand, specs, data):
    """Chains of depths, each within the tolerance of the next but not of the one after: equal is not transitive."""
    snapshot = plates(hand, specs)
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H)
    parts = parts_in_view(snapshot, camera, image_rect(camera))
    expected, tied = seen_by_rule(specs, camera)
    for _ in range(3):
        zbuffer = ZBuffer(camera)
        for part in data.draw(st.permutations(parts)):
            zbuffer.draw(part, part.rect, cast_part(camera, part, part.rect))
        assert np.array_equal(zbuffer.instance, expected)
        assert zbuffer.ties == tied.sum()


def test_the_lower_object_wins_and_ties_are_counted(hand):
    """Object 1 stands earlier in the table and nearer by half the tolerance; object 0 is seen all the same."""
    specs = [(2.0, 0.0, 0.9, 1), (2.0 * (1 + 0.5e-6), 0.0, 0.5, 0)]
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H)
    capture = label_pass(plates(hand, specs), camera)
    low, high = capture.objects
    assert low.visible_px == low.amodal_px_in_frame == capture.ties > 0
    assert high.visible_px == high.amodal_px_in_frame - low.visible_px
    apart = label_pass(plates(hand, [(2.0, 0.0, 0.9, 1), (2.0 * (1 + 3e-6), 0.0, 0.5, 0)]), camera)
    assert apart.ties == 0 and apart.objects[0].visible_px == 0


def test_what_belongs_to_no_object_loses_ties(hand):
    snapshot = plates(hand, [(2.0, 0.0, 0.9, 0), (2.0, 0.0, 0.5, 1)])
    nobody = replace(snapshot, instances=replace(snapshot.instances, object=np.array([-1, 1], np.int32)))
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H)
    (mask,) = label_pass(nobody, camera).objects
    assert mask.visible_px == mask.amodal_px_in_frame > 0


def test_a_buffer_that_was_read_can_be_drawn_on(hand):
    """Looking at a half-filled buffer settles it; what is drawn afterwards still meets the rule."""
    specs = [(2.0, 0.0, 0.9, 1), (2.0 * (1 + 0.9e-6), 0.0, 0.9, 0), (2.0 * (1 - 0.9e-6), 0.0, 0.9, 2)]
    snapshot = plates(hand, specs)
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H)
    zbuffer = ZBuffer(camera)
    by_row = {part.instance: part for part in parts_in_view(snapshot, camera, image_rect(camera))}
    for row, winner in ((0, 0), (1, 1), (2, 0)):
        zbuffer.draw(by_row[row], by_row[row].rect, cast_part(camera, by_row[row], by_row[row].rect))
        assert set(np.unique(zbuffer.instance)) == {-1, winner}


def crowd(hand, order):
    """Boxes that share faces, balls that share a place, on a floor that carries them; rows in that order."""
    ball = hand.sphere(0.5, 40)
    items = [(hand.quad(9.0), np.eye(4), 0)]
    for i in range(12):
        x, y = i % 4 - 1.5, i // 4 - 1.0
        items.append((hand.box(), hand.pose([x, y, 0.5], scale=[1, 1, 1]), i + 1))
        items.append((ball, hand.pose([x, y, 1.0]), i + 13))
        items.append((ball, hand.pose([x, y, 1.0]), i + 25))
    return hand.snapshot([items[i] for i in order], names=[f"n{i}" for i in range(37)])


def everything(snapshot, camera):
    names = ("depth", "normal", "object", "part", "uv", "position")
    capture = label_pass(snapshot, camera, aovs=names, outside_rays=None, cache=BvhCache())
    counts = [(m.object, m.visible_px, m.amodal_px_in_frame, m.amodal_px_total) for m in capture.objects]
    masks = [(m.visible.tobytes(), m.amodal.tobytes()) for m in capture.objects]
    return {name: array.tobytes() for name, array in capture.aovs.items()}, counts, masks, capture.ties


def test_shuffled_tables_give_the_same_bytes(hand):
    camera = look_at([1.0, -4, 3], [0, 0, 0.5], width=160, height=120)
    first = everything(crowd(hand, range(37)), camera)
    assert first[3] > 500
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(37)
        assert everything(crowd(hand, order), camera) == first


@pytest.fixture
def threads():
    yield limit_threads
    limit_threads(0)


def test_threads_do_not_change_a_byte(hand, threads):
    camera = look_at([1.0, -4, 3], [0, 0, 0.5], width=160, height=120)
    results = []
    for count in (1, 2, 4):
        threads(count)
        results.append(everything(crowd(hand, range(37)), camera))
    assert results[0] == results[1] == results[2]
