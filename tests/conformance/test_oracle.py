"""The judge can judge: each kind of error in a snapshot is seen, and named with its file, prim, expected and got."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from pxr import Usd

from conformance import compare, looks
from conformance.oracle import Oracle, moments
from conformance.reading import Library
from twinstage.scene.columns import PoseColumns
from twinstage.scene.snapshot import Snapshot

Spoil = Callable[[Snapshot], Snapshot]


def _frozen(values: np.ndarray, row: tuple[int, ...], value: object) -> np.ndarray:
    out = np.array(values)
    out[row] = value
    return out


def _tuple(values: Sequence[object], row: int, value: object) -> tuple[object, ...]:
    out = list(values)
    out[row] = value
    return tuple(out)


def _moved(s: Snapshot, node: int) -> Snapshot:
    """With that node elsewhere."""
    columns = PoseColumns(
        0,
        0,
        np.array([node], np.uint32),
        np.array([[0.5, 7.0, 1.0]]),
        np.array([[1, 0, 0, 0]], np.float32),
        None,
    )
    return s.moved(columns)


def _move_prim(s: Snapshot) -> Snapshot:
    return _moved(s, s.prims.index_of["/World/Nested"])


def _hide_prim(s: Snapshot) -> Snapshot:
    row = s.prims.index_of["/World/Nested"]
    return replace(s, prims=replace(s.prims, visible=_frozen(s.prims.visible, (row,), False)))


def _other_purpose(s: Snapshot) -> Snapshot:
    row = s.prims.index_of["/World/Nested"]
    return replace(s, prims=replace(s.prims, purpose=_tuple(s.prims.purpose, row, "guide")))


def _lose_label(s: Snapshot) -> Snapshot:
    row = s.prims.index_of["/World/Nested"]
    return replace(s, prims=replace(s.prims, labels=_tuple(s.prims.labels, row, ())))


def _move_point(s: Snapshot) -> Snapshot:
    return _moved(s, len(s.prims))


def _swap_ids(s: Snapshot) -> Snapshot:
    return replace(s, points=replace(s.points, point_id=_frozen(s.points.point_id, (0,), 4)))


def _mask_point(s: Snapshot) -> Snapshot:
    return replace(s, points=replace(s.points, visible=~s.points.visible))


def _show_drawing(s: Snapshot) -> Snapshot:
    return replace(s, instances=replace(s.instances, visible=~s.instances.visible))


def _wrong_shape(s: Snapshot) -> Snapshot:
    first = s.prototypes[0]
    return replace(s, prototypes=(replace(first, points=first.points * 1.5), *s.prototypes[1:]))


SPOILED: dict[str, tuple[Spoil, str]] = {
    "prim": (_move_prim, "/World/Nested | world transform"),
    "visibility": (_hide_prim, "/World/Nested | visibility"),
    "purpose": (_other_purpose, "/World/Nested | purpose"),
    "label": (_lose_label, "/World/Nested | labels"),
    "point": (_move_point, "point transforms"),
    "id": (_swap_ids, "point ids"),
    "mask": (_mask_point, "mask of points"),
    "drawing": (_show_drawing, "visibility of the drawing"),
    "shape": (_wrong_shape, "| bounds |"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_an_error_is_seen(kind: str, own: Library) -> None:
    reading = own.read("points.usda")
    assert reading.opened is not None
    spoil, words = SPOILED[kind]
    snapshot, oracle = reading.snapshot(), Oracle(reading.opened.stage)
    assert compare.differences(snapshot, oracle, reading.name) == []
    found = compare.differences(spoil(snapshot), oracle, reading.name)
    assert any(words in text for text in found), found
    assert all(text.startswith("points.usda | ") and "expected" in text and "got" in text for text in found)


def test_a_drawing_too_many_and_one_too_few_are_seen(own: Library) -> None:
    plain = own.read("gprims.usda")
    assert plain.opened is not None
    snapshot = plain.snapshot()
    copy = Usd.Stage.Open(plain.opened.stage.Flatten())
    oracle = Oracle(copy)
    copy.GetPrimAtPath("/Shapes/Cube").SetTypeName("Xform")
    assert any("('/Shapes/Cube', -1) | drawings" in t for t in compare.differences(snapshot, oracle, "f"))
    copy.GetPrimAtPath("/Shapes/Cube").SetTypeName("Cube")
    more = copy.DefinePrim("/Shapes/Another", "Cube")
    assert more
    found = compare.differences(snapshot, Oracle(copy), "f")
    assert any("/Shapes/Another | Cube drawn at" in t for t in found)


def test_errors_of_looks_are_seen(own: Library) -> None:
    lens, look = own.read("lens.usda"), own.read("looks.usda")
    assert lens.opened is not None and look.opened is not None
    snapshot, oracle = lens.snapshot(), Oracle(lens.opened.stage)
    camera = replace(
        snapshot, cameras=(replace(snapshot.cameras[0], focal_length=1.0), *snapshot.cameras[1:])
    )
    assert any("camera numbers" in t for t in looks.differences(camera, oracle, "f"))
    light = replace(
        snapshot, lights=(replace(snapshot.lights[0], radiance=(9.0, 9.0, 9.0)), *snapshot.lights[1:])
    )
    assert any("radiance" in t for t in looks.differences(light, oracle, "f"))
    bound = look.snapshot()
    other = replace(bound, materials=tuple(replace(m, path="/Looks/Other") for m in bound.materials))
    assert any("bound material" in t for t in looks.differences(other, Oracle(look.opened.stage), "f"))


def test_an_animated_stage_is_looked_at_twice(own: Library) -> None:
    animated, still = own.read("xform_ops.usda").opened, own.read("labels.usda").opened
    assert animated is not None and still is not None
    assert moments(animated.stage)[0] is None
    assert 1 < (moments(animated.stage)[1] or 0) < 11
    assert moments(own.read("instancing.usda").opened.stage) == [None]  # type: ignore[union-attr]
