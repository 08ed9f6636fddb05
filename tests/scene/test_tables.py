"""The snapshot's tables read like tuples of plain values, whatever they are made of."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene import tables
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import Frames, ObjectTable, PointTable, SceneObject
from twinstage.scene.tables import Interned, PathTable

NAMES = st.sampled_from(["a", "b", "A", "a_1", "a1", "ä", "Z9"])
PATHS = st.lists(
    st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)), max_size=30
)


def closed(paths: list[str]) -> list[str]:
    """All paths and their ancestors, sorted."""
    found = {path.rsplit("/", k)[0] for path in paths for k in range(path.count("/"))}
    return sorted(found - {""})


def path_table(paths: list[str]) -> PathTable:
    index = {path: i for i, path in enumerate(paths)}
    parent = [index.get(path.rpartition("/")[0], -1) for path in paths]
    return PathTable(
        Interned.of([path.rpartition("/")[2] for path in paths]), frozen(np.array(parent), np.int32)
    )


@settings(deadline=None, max_examples=60)
@given(PATHS, st.sampled_from([0, 1_000]))
def test_paths_are_the_strings_they_stand_for(found: list[str], kept: int) -> None:
    paths = closed(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "KEPT_PATHS", kept)
        table = path_table(paths)
        assert list(table) == paths and [table[i] for i in range(len(paths))] == paths
        assert table == tuple(paths) and tuple(paths) == tuple(table)
        assert [table[i - len(paths)] for i in range(len(paths))] == paths
        index = tables.PathIndex(table)
        assert dict(index) == {path: i for i, path in enumerate(paths)}
        assert "/nowhere" not in index and index.get("/a/zz") is None and "" not in index
        with pytest.raises(IndexError):
            table[len(paths)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["", "Xform", "Mesh"]), max_size=20))
def test_interned_columns(values: list[str]) -> None:
    column = Interned.of(values)
    assert list(column) == values and column == tuple(values) and len(column) == len(values)
    assert column[1:3] == tuple(values[1:3])
    assert column.isin(["Mesh"]).tolist() == [v == "Mesh" for v in values]
    assert Interned.of(column) is column
    assert (column == [*values, "Mesh"]) is False and column != "Mesh"
    assert all(v in column for v in values) and "Cube" not in column


def test_frames_share_and_replace() -> None:
    rng = np.random.default_rng(1)
    full = rng.normal(size=(6, 4, 4))
    full[:, 3] = (0, 0, 0, 1)
    plain = Frames.of(full)
    shared = Frames(plain.matrices[:2], frozen(np.array([1, 0, 1]), np.int32))
    assert np.array_equal(plain.full, full) and np.array_equal(shared.full, full[[1, 0, 1]])
    assert np.array_equal(shared.take(np.array([2, 1])), full[[1, 0]])
    for frames, before in ((plain, full), (shared, full[[1, 0, 1]])):
        expected = before.copy()
        expected[[0, 2]] = full[[4, 5]]
        assert np.array_equal(frames.replaced(np.array([0, 2]), full[[4, 5]]).full, expected)
        assert np.array_equal(frames.full, before)
    assert Frames.identity(3).is_identity and not shared.is_identity
    assert Frames.identity(3).full.strides[0] == 0 and len(Frames.identity(0).full) == 0
    with pytest.raises(ValueError, match="read-only"):
        plain.full[0] = 0


LEVELS = ((("class", ("box",)),), (("class", ("thing",)), ("color", ("red",))))


def test_objects_come_back_as_they_went_in() -> None:
    rows = [
        SceneObject(0, "/A", -1, "box", ("box", "thing"), 1, LEVELS),
        SceneObject(1, "/B", 7, "", (), 0),
        SceneObject(1, "/B", 9, "thing", ("box", "thing"), 2),
    ]
    table = ObjectTable.of(rows, ("/A", "/B"))
    assert list(table) == rows and table[-1] == rows[2] and table == tuple(rows)
    assert table.label_set.values == (
        ("box", ("box", "thing"), 1, LEVELS),
        ("", (), 0, ()),
        ("thing", ("box", "thing"), 2, ()),
    )
    assert table.point_id.tolist() == [-1, 7, 9]


def test_points_are_found_by_their_id() -> None:
    instancer = [1, 1, 1, 5, 5]
    ids = [-4, 2, 30, 2, 3]
    points = PointTable(
        frozen(np.array(instancer), np.int32),
        frozen(np.array(ids), np.int64),
        Frames.identity(5),
        frozen(np.ones(5), np.bool_),
    )
    for row, key in enumerate(zip(instancer, ids, strict=True)):
        assert points.row(*key) == row
    for key in ((1, 3), (5, -4), (2, 2), (5, 30)):
        with pytest.raises(KeyError):
            points.row(*key)


def test_a_long_table_reads_like_a_short_one(open_text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from twinstage.scene.read import read_snapshot

    body = "".join(f'def Xform "P{k}" {{ def Cube "Box" {{}}\n}}\n' for k in range(20))
    short = read_snapshot(open_text(body))
    monkeypatch.setattr(tables, "KEPT_PATHS", 3)
    long = read_snapshot(open_text(body, name="again.usda"))
    assert list(long.prims.path) == list(short.prims.path)
    assert long.objects == short.objects
    assert long.prims.index_of["/P7/Box"] == short.prims.index_of["/P7/Box"]
    assert "/P7/Nothing" not in long.prims.index_of
