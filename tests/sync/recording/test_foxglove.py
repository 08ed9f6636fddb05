"""The MCAP file for others: read by `mcap` and by protobuf with the schemas in it; poses against the composed matrices."""

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader
from tapes import NS, T0, Viewer, opened, record

from twinstage.scene.transforms import compose_trs
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.foxglove import write_mcap
from twinstage.sync.recording.playback import Playback, hub_of

pb = pytest.importorskip("google.protobuf.descriptor_pb2")


def converted(archive: Archive, **options: float) -> bytes:
    out = io.BytesIO()
    write_mcap(archive, out, **options)
    return out.getvalue()


def messages(data: bytes) -> dict[str, list[tuple[int, Any]]]:
    """Protobuf messages by topic, decoded with the descriptors in the file."""
    from google.protobuf import descriptor_pool, message_factory

    out: dict[str, list[tuple[int, Any]]] = {}
    kinds: dict[int, Any] = {}
    for schema, channel, message in make_reader(io.BytesIO(data), validate_crcs=True).iter_messages():
        if schema is None or schema.encoding != "protobuf":
            continue
        if schema.id not in kinds:
            pool = descriptor_pool.DescriptorPool()
            for file in pb.FileDescriptorSet.FromString(schema.data).file:
                pool.Add(file)
            kinds[schema.id] = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))
        out.setdefault(channel.topic, []).append(
            (message.log_time, kinds[schema.id].FromString(message.data))
        )
    return out


def matrix(frame: Any) -> np.ndarray:
    """world_from_frame of a FrameTransform."""
    t, q = frame.translation, frame.rotation
    return compose_trs(np.array([[t.x, t.y, t.z]]), np.array([[q.w, q.x, q.y, q.z]]), None)[0]


def test_frames_are_where_a_client_has_them(make: ModuleType, tmp_path: Path) -> None:
    worlds: dict[int, list[np.ndarray]] = {}

    def look(i: int, hub: object, keeper: Viewer) -> None:
        assert keeper.model is not None
        worlds[T0 + i * NS // 10] = [keeper.model.world(node) for node in range(4)]

    data, _ = record(make, on_tick=look)  # type: ignore[arg-type]
    with opened(tmp_path / "a.twinrec", data) as archive:
        told = messages(converted(archive, rate=10.0))
    assert len(told["/tf"]) == 60 and len(told["/tf_static"]) == 1 and len(told["/scene"]) == 1
    paths = ["/World", "/World/A", "/World/A/B", "/World/C"]
    assert [f.child_frame_id for f in told["/tf_static"][0][1].transforms] == ["/World"]
    for at, message in told["/tf"]:
        assert [f.child_frame_id for f in message.transforms] == paths[
            1:
        ]  # B hangs below A, so it moves, too
        for frame in message.transforms:
            assert frame.parent_frame_id == "world"
            assert frame.timestamp.seconds * NS + frame.timestamp.nanos == at
            world = worlds[at][paths.index(frame.child_frame_id)]
            scale = np.linalg.norm(world[:3, :3], axis=0)
            np.testing.assert_allclose(matrix(frame)[:3, 3], world[:3, 3], atol=1e-9)
            np.testing.assert_allclose(matrix(frame)[:3, :3] * scale, world[:3, :3], atol=1e-6)


def test_each_drawing_prim_is_an_entity_with_its_model(make: ModuleType, tmp_path: Path) -> None:
    data, _ = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        update = messages(converted(archive))["/scene"][0][1]
        glb = archive.file(archive.names("glb/")[0])
    assert [entity.id for entity in update.entities] == ["/World", "/World/A", "/World/A/B", "/World/C"]
    for entity in update.entities:
        assert entity.frame_id == entity.id and entity.frame_locked and len(entity.models) == 1
        model = entity.models[0]
        assert model.data == glb and model.media_type == "model/gltf-binary" and model.override_color
        assert (model.scale.x, model.scale.y, model.scale.z) == pytest.approx((1.0, 1.0, 1.0), abs=1e-6)
    assert [deletion.type for deletion in update.deletions] == [1]  # all that was there before


def test_without_its_geometry_an_object_is_a_box(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinstage.sync.recording import foxglove

    data, _ = record(make)
    monkeypatch.setattr(foxglove, "MOST_MODEL_BYTES", 10)
    with opened(tmp_path / "a.twinrec", data) as archive:
        out = io.BytesIO()
        notes = write_mcap(archive, out)
        update = messages(out.getvalue())["/scene"][0][1]
    assert "4 objects are shown as boxes" in notes[0]
    size = update.entities[0].cubes[0].size
    assert (size.x, size.y, size.z) == pytest.approx((1.0, 1.0, 1.0), abs=1e-6)


def test_the_rate_is_a_bound_and_the_bytes_are_the_same(make: ModuleType, tmp_path: Path) -> None:
    data, _ = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        once, again = converted(archive, rate=2.0), converted(archive, rate=2.0)
        assert once == again
        times = [at for at, _ in messages(once)["/tf"]]
        assert len(times) == 12 and min(np.diff(times)) >= NS // 2


def test_it_is_a_recording_still(make: ModuleType, tmp_path: Path) -> None:
    data, held = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        other = converted(archive)
        steps = [(s.at_ns, s.messages, s.mark) for s in archive.steps()]
    with opened(tmp_path / "a.mcap", other) as archive:
        assert [(s.at_ns, s.messages, s.mark) for s in archive.steps()] == steps
        playback = Playback(archive, hub_of(archive, "played"))
        viewer = Viewer(playback.hub)
        for at in (T0 + 3 * NS, T0 + NS):
            playback.seek(at, 0)
            viewer.drain()
            assert viewer.model is not None and viewer.model.digest() == held[at]
