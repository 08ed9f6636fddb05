"""Columns to bytes and back: against the conformance vectors, rotation matrices and random columns."""

import json
import runpy
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.columns import (
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.scene.transforms import quat_to_matrix
from twinstage.sync import codec

STAMP = codec.Stamp(
    7,
    1_700_000_000_000_000_000,
    1_699_999_999_800_000_000,
    6,
    codec.epoch_crc("e1"),
    tick_ns=1_700_000_000_050_000_000,
)
PLAIN = settings(deadline=None, max_examples=50)


def columns_of(frame: codec.Frame) -> dict:
    """A decoded frame in the form of the vectors."""
    header, body = frame.header, frame.body
    row = {
        "op": header.op,
        "flags": header.flags,
        "n": header.n,
        "seq": header.seq,
        "eventNs": str(header.event_ns),
        "watermarkNs": str(header.watermark_ns),
        "tickNs": str(header.tick_ns),
        "baseSeq": header.base_seq,
        "epochCrc": header.epoch_crc,
        "size": header.size,
        "crc": header.crc,
    }
    if isinstance(body, codec.PoseBody):
        row |= {"ids": body.index.tolist(), "translation": body.translation.tolist()}
        row |= {"words": body.words.tolist(), "rotation": body.rotation.tolist()}
        row["scale"] = None if body.scale is None else body.scale.tolist()
    elif isinstance(body, codec.DeltaBody):
        row |= {"ids": body.index.tolist(), "quantum": body.quantum, "move": body.move.tolist()}
        row["turn"] = body.turn.astype(np.int16).tolist()
    elif isinstance(body, TextColumns):
        row |= {"ids": body.signal.tolist(), "text": list(body.text), "quality": body.quality.tolist()}
        row["eventNsColumn"] = [str(t) for t in body.event_ns.tolist()]
    elif isinstance(body, EntityColumns):
        row |= {"ids": body.index.tolist(), "entity": [str(e) for e in body.entity.tolist()]}
    elif isinstance(body, SignalColumns):
        values = [None if np.isnan(v) else v for v in body.value.tolist()]
        row |= {"ids": body.signal.tolist(), "value": values, "quality": body.quality.tolist()}
        row["eventNsColumn"] = [str(t) for t in body.event_ns.tolist()]
    elif isinstance(body, StyleColumns):
        row |= {"ids": body.index.tolist(), "rgba": body.rgba.tolist()}
    elif isinstance(body, VisibilityColumns):
        row |= {"ids": body.index.tolist(), "visible": body.visible.tolist()}
    return row


def test_every_conformance_vector_decodes_or_is_refused(vectors: Path) -> None:
    files = sorted(vectors.glob("*.json"))
    assert len(files) >= 40
    for file in files:
        vector = json.loads(file.read_text())
        if "chain" in vector:
            continue
        data = bytes.fromhex(vector["hex"])
        if vector.get("error"):
            with pytest.raises(codec.FrameError):
                codec.decode(data)
            continue
        frames, skipped = codec.decode_counting(data)
        assert skipped == vector["skipped"], file.name
        rows = [columns_of(frame) for frame in frames]
        expected = vector["frames"]
        for row, wanted in zip(rows, expected, strict=True):
            assert np.allclose(row.pop("rotation", 0), wanted.pop("rotation", 0), atol=1e-6)
            assert row == wanted, file.name


def test_the_encoder_gives_the_bytes_of_the_worked_example(vectors: Path, root: Path) -> None:
    vector = json.loads((vectors / "worked_example.json").read_text())
    translation = np.array([[1, -2.5, 0.25], [10000.0001, 0, -1 / 3]])
    rotation = np.array([[1, 0, 0, 0], [0.5, 0.5, -0.5, 0.5]])
    frames = codec.encode_pose(STAMP, np.array([3, 10], np.uint32), translation, rotation, None)
    data = b"".join(frames) + codec.encode_tick_end(STAMP)
    assert data.hex() == vector["hex"]
    assert hex_of_the_text((root / "docs" / "protocol.md").read_text()) == vector["hex"]


def hex_of_the_text(text: str) -> str:
    """The bytes printed in the worked example of the protocol's text."""
    example = text.split("## 7. A worked example")[1].split("```")[1]
    out = ""
    for line in example.strip().splitlines():
        assert int(line[:4], 16) == len(out) // 2, line
        out += "".join(line[6:54].split())
    return out


def test_the_vectors_on_disk_are_those_of_their_script(vectors: Path) -> None:
    documents = runpy.run_path(str(vectors.parent / "write_vectors.py"))["documents"]()
    assert documents == {file.stem: json.loads(file.read_text()) for file in vectors.glob("*.json")}


finite = st.floats(-20_000, 20_000)
quats = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-3)
rows = st.lists(st.tuples(finite, finite, finite, quats), max_size=30)


@given(rows, st.sampled_from([0.0, 10_000.0, 250_000.0, -7e6]))
@PLAIN
def test_poses_survive_within_the_limits_wherever_they_are(rows: list, offset: float) -> None:
    index = np.arange(len(rows), dtype=np.uint32) * 3
    translation = np.array([r[:3] for r in rows]).reshape(-1, 3) + offset
    rotation = np.array([r[3] for r in rows]).reshape(-1, 4)
    rotation = rotation / np.linalg.norm(rotation, axis=1, keepdims=True)
    frames = [codec.decode(f)[0] for f in codec.encode_pose(STAMP, index, translation, rotation, None)]
    bodies = [frame.body for frame in frames]
    got = np.concatenate([body.index for body in bodies]) if bodies else np.empty(0)
    order = np.argsort(got)
    assert np.array_equal(got[order], index)
    if not len(rows):
        return
    assert all((np.diff(body.index.astype(int)) > 0).all() for body in bodies)
    error = np.abs(np.concatenate([body.translation for body in bodies])[order] - translation).max()
    assert error <= 0.125e-3
    assert rotation_error(np.concatenate([body.rotation for body in bodies])[order], rotation).max() < 0.01


def rotation_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between rotations, by their matrices [degrees]."""
    difference = np.swapaxes(quat_to_matrix(a), -1, -2) @ quat_to_matrix(b)
    # Of a small rotation the antisymmetric part holds the sine; acos of the trace would lose half of the digits.
    axis = np.stack(
        [
            difference[:, 2, 1] - difference[:, 1, 2],
            difference[:, 0, 2] - difference[:, 2, 0],
            difference[:, 1, 0] - difference[:, 0, 1],
        ],
        -1,
    )
    return np.degrees(np.arctan2(np.linalg.norm(axis, axis=1), np.trace(difference, axis1=1, axis2=2) - 1))


def test_rotations_err_by_less_than_a_hundredth_of_a_degree() -> None:
    random = np.random.Generator(np.random.Philox(1))
    quat = random.normal(size=(100_000, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    hard = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [2**-0.5, 2**-0.5, 0, 0], [1, 0, 0, 0]])
    quat[:4] = hard
    error = rotation_error(codec.unpack_quaternions(codec.pack_quaternions(quat)), quat)
    assert error.max() < 0.0087
    assert error[3] == 0


def test_a_translation_on_the_grid_is_exact_and_does_not_depend_on_its_neighbours() -> None:
    index = np.array([0, 1], np.uint32)
    rotation = np.tile([1.0, 0, 0, 0], (2, 1))
    near = np.array([[12345.6789, -0.1, 3.3], [1.0, 1.0, 1.0]])
    far = np.array([[12345.6789, -0.1, 3.3], [9e8, 1.0, -2e7]])
    first = codec.decode(b"".join(codec.encode_pose(STAMP, index, near, rotation, None)))
    second = codec.decode(b"".join(codec.encode_pose(STAMP, index, far, rotation, None)))
    assert len(first) == 1 and len(second) == 2
    held = {
        int(i): t for frame in second for i, t in zip(frame.body.index, frame.body.translation, strict=True)
    }
    assert np.array_equal(held[0], first[0].body.translation[0])
    assert np.abs(held[1] - far[1]).max() <= 0.5 * codec.QUANTUM


def test_large_ticks_are_cut_into_bounded_frames() -> None:
    n = 100_001
    index = np.arange(n, dtype=np.uint32)
    translation = np.stack([index * 0.5, index * 0.0, index * 0.0], -1)
    rotation = np.tile([1.0, 0, 0, 0], (n, 1))
    scale = np.ones((n, 3))
    frames = codec.encode_pose(STAMP, index, translation, rotation, scale)
    assert max(map(len, frames)) <= codec.MESSAGE_BYTES
    assert np.array_equal(np.concatenate([codec.decode(f)[0].body.index for f in frames]), index)


@given(
    st.lists(
        st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1)),
        max_size=20,
    )
)
@PLAIN
def test_signals_survive_bit_by_bit(rows: list) -> None:
    signal = np.arange(len(rows), dtype=np.uint32)
    value = np.array([r[0] for r in rows], np.float64)
    event = np.array([r[1] for r in rows], np.int64)
    quality = np.array([r[2] for r in rows], np.uint32)
    frames = codec.encode_signals(STAMP, signal, value, event, quality)
    if not rows:
        assert frames == []
        return
    body = codec.decode(frames[0])[0].body
    assert value.tobytes() == body.value.tobytes()
    assert np.array_equal(event, body.event_ns)
    assert np.array_equal(quality, body.quality)
    assert np.array_equal(signal, body.signal)


def test_columns_are_aligned_to_their_size() -> None:
    index = np.arange(3, dtype=np.uint32)
    frame = codec.encode_pose(
        STAMP, index, np.zeros((3, 3)), np.tile([1.0, 0, 0, 0], (3, 1)), np.ones((3, 3))
    )[0]
    assert len(frame) % 8 == 0
    assert struct.unpack_from("<3I", frame, 56 + 32) == (0, 1, 2)
    assert struct.unpack_from("<9f", frame, 56 + 32 + 16 * 3) == (1.0,) * 9


@given(st.binary(max_size=300))
@PLAIN
def test_garbage_is_refused_and_never_crashes(data: bytes) -> None:
    for blob in (data, b"\x01\x01" + data, codec.encode_tick_end(STAMP) + data):
        with suppress(codec.FrameError):
            codec.decode(blob)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_snapped_poses_are_what_a_client_decodes(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    pose = PoseColumns(
        1,
        0,
        frozen(np.arange(n), np.uint32),
        frozen(rng.normal(size=(n, 3)) * 10.0 ** float(rng.integers(-3, 6)), np.float64),
        frozen(rng.normal(size=(n, 4)), np.float32),
    )
    snapped = codec.snap_pose(pose)
    stamp = codec.Stamp(1, 0, 0, 0, 0)
    frames = codec.encode_pose(stamp, snapped.index, snapped.translation, snapped.rotation, None)
    held = [body for message in frames for body in (frame.body for frame in codec.decode(message))]
    by_node = {
        int(i): (t, q)
        for body in held
        for i, t, q in zip(body.index, body.translation, body.rotation, strict=True)
    }
    for i in range(n):
        translation, rotation = by_node[i]
        np.testing.assert_array_equal(translation, snapped.translation[i])
        # float32 quaternions: what is left is far below the 0.0086 degrees of the codec itself
        assert abs(abs(np.dot(rotation, snapped.rotation[i].astype(float))) - 1) < 1e-6
        np.testing.assert_allclose(np.abs(rotation), np.abs(snapped.rotation[i]), atol=1e-6)


@pytest.mark.parametrize("kind", ["random", "ties", "near ties"])
def test_snapped_poses_are_what_the_whole_numbers_say_that_they_bring(kind: str) -> None:
    rng = np.random.default_rng(5)
    n = 4000
    turn = rng.normal(size=(n, 4)) if kind == "random" else rng.choice([-0.5, 0.5, 0.0, np.sqrt(0.5)], (n, 4))
    turn[np.abs(turn).max(axis=1) == 0] = (1, 0, 0, 0)
    turn += rng.normal(size=(n, 4)) * (1e-6 if kind == "near ties" else 0)
    where = rng.normal(size=(n, 3)) * 1e4
    index, rotation = frozen(np.arange(n), np.uint32), frozen(turn, np.float32)
    snapped = codec.snap_pose(PoseColumns(1, 0, index, frozen(where, np.float64), rotation))
    assert snapped.packed is not None
    quanta, words = snapped.packed
    np.testing.assert_array_equal(quanta, codec.quanta_of(snapped.translation))
    np.testing.assert_array_equal(codec.unpack_quaternions(words).astype(np.float32), snapped.rotation)
    if kind == "random":  # where two are the largest, packing again may leave out the other one
        np.testing.assert_array_equal(words, codec.pack_quaternions(snapped.rotation))


def test_a_pose_that_is_no_number_brings_no_whole_numbers() -> None:
    index, rotation = frozen(np.arange(2), np.uint32), frozen([[1, 0, 0, 0]] * 2, np.float32)
    where = frozen([[0, 0, np.nan], [1, 2, 3]], np.float64)
    assert codec.snap_pose(PoseColumns(1, 0, index, where, rotation)).packed is None
