"""What a client makes of ticks: against the chains of the conformance vectors, whose states were kept row by row."""

import json
from pathlib import Path

import numpy as np
import pytest

from twinstage.sync import codec
from twinstage.sync.model import SceneModel

IDENTITY = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def document(nodes: int, signals: int, epoch: str = "e1") -> dict:
    """A scene of prims without parents."""
    return {
        "epoch": epoch,
        "revision": 0,
        "nodes": {
            "count": nodes,
            "path": [f"/n{i}" for i in range(nodes)],
            "parent": [-1] * nodes,
            "resets": [False] * nodes,
            "local": IDENTITY * nodes,
        },
        "points": {"count": 0, "instancer": [], "id": [], "local": []},
        "signals": [{"id": f"s{i}", "unit": "1", "type": "f64"} for i in range(signals)],
    }


def chains() -> list[Path]:
    return sorted(Path(__file__).with_name("vectors").glob("chain_*.json"))


@pytest.mark.parametrize("file", chains(), ids=lambda file: file.stem)
def test_a_chain_of_ticks_ends_in_the_state_of_the_vectors(file: Path) -> None:
    vector = json.loads(file.read_text())
    model = SceneModel(document(vector["nodes"], vector["signals"], vector["epoch"]))
    for step in vector["chain"]:
        frames = codec.decode(bytes.fromhex(step["hex"]))
        if step.get("error"):
            with pytest.raises(codec.FrameError):
                model.apply(frames)
            continue
        tick = model.apply(frames)
        assert tick is not None and tick.seq == step["seq"]
        assert model.digest() == step["digest"]
        state = step["state"]
        for node, translation, words, scale in state["poses"]:
            local = model.local(node)
            assert local[:3, 3].tolist() == translation
            matrix = local[:3, :3] / np.array(scale)
            assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
            w, x, y, z = codec.unpack_quaternions(np.array([words], np.uint16))[0]
            assert np.isclose(matrix[1, 0], 2 * (x * y + w * z))
        assert {row[0] for row in state["poses"]} == set(np.flatnonzero(model._live).tolist())
        for signal, value, event, quality in state["signals"]:
            held = model.value(f"s{signal}")
            assert (held.event_ns, held.quality) == (int(event), quality)
            assert np.isnan(held.value) if value is None else held.value == value
        for signal, text, quality in state["texts"]:
            assert (model.value(f"s{signal}").text, model.value(f"s{signal}").quality) == (text, quality)
        for node, entity in state["entities"]:
            assert model.entity(node) == int(entity)
        for node, rgba in state["styles"]:
            assert model.style(node) == tuple(rgba)
        for node, shown in state["visibility"]:
            assert model.visible(node) is shown


def test_frames_of_two_ticks_are_never_applied_as_one() -> None:
    model = SceneModel(document(2, 0))
    stamps = [codec.Stamp(seq, 0, 0, 0, codec.epoch_crc("e1"), keyframe=True) for seq in (1, 2)]
    message = b"".join(codec.encode_tick_end(stamp) for stamp in stamps)
    with pytest.raises(codec.FrameError, match="frames of other ticks"):
        model.apply(codec.decode(message))


def test_a_tick_of_the_past_is_refused() -> None:
    model = SceneModel(document(2, 0))
    for seq, base, keyframe in ((5, 0, True), (7, 5, False)):
        stamp = codec.Stamp(seq, 0, 0, base, codec.epoch_crc("e1"), keyframe=keyframe)
        model.apply(codec.decode(codec.encode_tick_end(stamp)))
    late = codec.Stamp(6, 0, 0, 5, codec.epoch_crc("e1"))
    with pytest.raises(codec.FrameError, match="comes after"):
        model.apply(codec.decode(codec.encode_tick_end(late)))
