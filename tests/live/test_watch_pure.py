"""The parts of `serve --watch` that are plain functions: when to read, and how a complaint is told."""

import pickle

import numpy as np
import pytest

from twinstage.live.watch.pack import hashes, pack, unpack
from twinstage.live.watch.sentences import plain, together
from twinstage.live.watch.settling import PATIENCE_S, SETTLE_S, Settling
from twinstage.scene.read.memo import checksum


def test_a_change_is_due_once_nothing_changed_for_a_moment() -> None:
    settling = Settling({"a": (1, 10, 0)})
    assert not settling.look({"a": (1, 10, 0)}, 0.0)
    assert not settling.look({"a": (1, 4, 1)}, 1.0)
    assert not settling.look({"a": (1, 8, 2)}, 1.03), "it is growing"
    assert not settling.look({"a": (1, 8, 2)}, 1.03 + SETTLE_S / 2)
    assert settling.look({"a": (1, 8, 2)}, 1.03 + SETTLE_S)
    assert settling.first == 1.0 and settling.pending
    assert settling.left(1.03) == pytest.approx(SETTLE_S) and settling.left(9.0) == 0
    settling.taken({"a": (1, 8, 2)})
    assert not settling.look({"a": (1, 8, 2)}, 2.0)


def test_a_change_that_is_taken_back_is_none() -> None:
    settling = Settling({"a": (1, 10, 0)})
    assert not settling.look({"a": None}, 0.0)
    assert not settling.look({"a": (1, 10, 0)}, SETTLE_S)
    assert not settling.look({"a": (1, 10, 0)}, 9.0)


def test_a_file_that_never_rests_is_tried_all_the_same() -> None:
    settling = Settling({"a": (1, 0, 0)})
    steps = np.arange(0.0, PATIENCE_S + 0.1, SETTLE_S / 2)
    due = [settling.look({"a": (1, k + 1, k)}, float(at)) for k, at in enumerate(steps)]
    assert not any(due[: len(due) // 2])
    assert due[-1]


def test_a_file_that_appears_is_a_change() -> None:
    settling = Settling({"a": None})
    settling.look({"a": (3, 1, 1)}, 0.0)
    assert settling.look({"a": (3, 1, 1)}, SETTLE_S)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stage /p/cell.usda cannot be read: /p/cell.usda:25:1: Expected } at '' in </Cell>",
            "cell.usda, line 25, column 1: Expected }",
        ),
        (
            "Could not open asset @/p/no.usda@ for reference introduced by @/p/sub/cell.usda@</Cell/Tank>.",
            "sub/cell.usda (/Cell/Tank) names no.usda as a reference, which is missing or cannot be read",
        ),
        (
            "Could not load sublayer @/p/no.usda@ of layer @/p/cell.usda@; skipping.",
            "cell.usda names no.usda as a sublayer, which is missing or cannot be read",
        ),
        (
            "Could not load sublayer @/p/a.usda@ of layer @/p/cell.usda@ -- /p/a.usda:2:17: Expected } at 'x' in </A> ; "
            "skipping.",
            "a.usda, line 2, column 17: Expected }",
        ),
        (
            "x: /p/a.usda:3:5: parse error matching pxrInternal_v0_26_11::pegtl::until<'x'>",
            "a.usda, line 3, column 5: what stands there is not complete, or no USD",
        ),
        ("stage /p/cell.usda is empty: it holds no bytes", "stage cell.usda is empty: it holds no bytes"),
    ],
)
def test_complaints_are_one_sentence_with_short_names(text: str, expected: str) -> None:
    assert plain(text, "/p") == expected


def test_several_complaints_are_counted() -> None:
    assert together(["a is missing"]) == "a is missing"
    assert together(["a is missing", "b is", "c is"]) == "a is missing (and 2 more)"


def test_checksums_tell_order_shape_and_type_apart() -> None:
    numbers = np.arange(12.0)
    swapped = numbers.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    variants = [
        numbers,
        swapped,
        numbers.reshape(3, 4),
        numbers.astype(np.float32),
        numbers[:11],
        numbers + 1e-15,
    ]
    assert len({checksum(one) for one in variants}) == len(variants)
    assert checksum(numbers) == checksum(numbers.copy())


def test_a_packed_scene_names_what_is_known(cell_snapshot: "object") -> None:
    from twinstage.scene.snapshot import Snapshot

    assert isinstance(cell_snapshot, Snapshot)
    sent = pack(cell_snapshot, hashes(cell_snapshot))
    assert sent.new_prototypes == () and sent.models == {}
    back = unpack(pickle.loads(pickle.dumps(sent, protocol=5)), cell_snapshot)
    assert all(a is b for a, b in zip(back.prototypes, cell_snapshot.prototypes, strict=True))
    some = {one.hash for one in cell_snapshot.prototypes[1:]}
    fresh = pack(cell_snapshot, some)
    assert [one.hash for one in fresh.new_prototypes] == [cell_snapshot.prototypes[0].hash]
    whole = unpack(pickle.loads(pickle.dumps(fresh, protocol=5)), cell_snapshot)
    first = whole.prototypes[0]
    np.testing.assert_array_equal(first.points, cell_snapshot.prototypes[0].points)
    assert not first.points.flags.writeable
    assert list(whole.prims.path) == list(cell_snapshot.prims.path)
    data, _ = fresh.models[first.hash]
    assert data[:4] == b"glTF"


@pytest.fixture
def cell_snapshot(tmp_path: "object") -> "object":
    from pathlib import Path

    from watched import write_cell

    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    assert isinstance(tmp_path, Path)
    return read_snapshot(open_stage(write_cell(tmp_path), probe=False))
