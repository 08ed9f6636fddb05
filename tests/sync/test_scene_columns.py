"""The scene's columns as bytes say the same as its JSON; a decoder written from docs/protocol.md alone is the judge."""

import asyncio
import gzip
import json
import struct
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.sync.assets import AssetStore
from twinstage.sync.hub import Hub
from twinstage.sync.scene_columns import scene_columns
from twinstage.sync.scene_json import scene_bytes, scene_document
from twinstage.sync.server import create_app

TYPE = "application/vnd.twinstage.scene-columns"


def decoded(data: bytes) -> dict[str, Any]:
    """The document with every column as a list, as docs/protocol.md describes it."""
    magic, size = struct.unpack_from("<8sQ", data)
    assert magic == b"twincol1" and size % 8 == 0
    body = data[16 + size :]

    def whole(value: Any) -> Any:
        if isinstance(value, list):
            return [whole(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind, n = value.get("column"), value.get("n")
        if kind is None:
            return {name: whole(item) for name, item in value.items()}
        if kind == "constant":
            return [value["value"]] * n
        if kind == "range":
            return list(range(value["from"], value["from"] + n))
        if kind == "affine":
            return [number for row in zip(*map(whole, value["parts"]), strict=True) for number in row]
        assert value["at"] % 8 == 0
        return np.frombuffer(body, f"<{kind}", n, value["at"]).tolist()

    document: dict[str, Any] = whole(json.loads(data[16 : 16 + size]))
    table = document["objects"]
    path, sets = document["nodes"]["path"], table["sets"]
    document["objects"] = [
        {"id": i + 1, "prim": prim, "path": path[prim], "point": point, **sets[code]}
        for i, (prim, point, code) in enumerate(zip(table["prim"], table["point"], table["set"], strict=True))
    ]
    assert table["count"] == len(document["objects"])
    return document


def parts(folder: Path, n: int) -> Path:
    """A stage with one PointInstancer of `n` points of two prototypes, on a square grid."""
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(folder / f"parts{n}.usdc"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, "Z")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Site").GetPrim())
    instancer = UsdGeom.PointInstancer.Define(stage, "/Site/Parts")
    UsdGeom.Cube.Define(stage, "/Site/Parts/Protos/Box").CreateSizeAttr(0.5)
    UsdGeom.Cylinder.Define(stage, "/Site/Parts/Protos/Can").CreateRadiusAttr(0.2)
    instancer.CreatePrototypesRel().SetTargets(["/Site/Parts/Protos/Box", "/Site/Parts/Protos/Can"])
    k, side = np.arange(n), int(np.ceil(np.sqrt(n)))
    places = np.stack([k % side, k // side, 0 * k], 1).astype(np.float32)
    instancer.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(places))
    instancer.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy((k % 2).astype(np.int32)))
    stage.Save()
    return folder / f"parts{n}.usdc"


def test_columns_say_what_the_json_says(root: Path, tmp_path: Path) -> None:
    workcell = next((root / "assets/library/workcell").glob("workcell.usd*"))
    for path in (workcell, parts(tmp_path, 500)):
        hub = Hub(read_snapshot(open_stage(path)), epoch="e")
        data = scene_columns(hub.scene)
        assert data == scene_columns(hub.scene)
        document = json.loads(scene_bytes(hub.scene))
        assert (
            decoded(data) == document == msgspec.json.decode(msgspec.json.encode(scene_document(hub.scene)))
        )


def test_a_document_says_the_same_with_what_an_earlier_one_knew(root: Path) -> None:
    workcell = next((root / "assets/library/workcell").glob("workcell.usd*"))
    scene = Hub(read_snapshot(open_stage(workcell)), epoch="e").scene
    known: dict[str, dict[str, object]] = {}
    assert scene_bytes(scene, known) == scene_bytes(scene) == scene_bytes(scene, known)
    assert scene_columns(scene, known) == scene_columns(scene)
    assert set(known) == {one.hash for one in scene.snapshot.prototypes}
    next(iter(known.values()))["triangles"] = -1
    assert scene_bytes(scene, known) != scene_bytes(scene), "what is known is used"


def test_a_store_knows_shapes_of_its_present_scene_alone(root: Path, tmp_path: Path) -> None:
    workcell = next((root / "assets/library/workcell").glob("workcell.usd*"))
    hub = Hub(read_snapshot(open_stage(workcell)), epoch="e")
    store = AssetStore(hub)
    store.columns()
    first = dict(store._rows)
    assert len(first) > 2
    hub.replace_scene(hub.scene.snapshot)
    store.scene()
    assert all(store._rows[digest] is row for digest, row in first.items())
    hub.replace_scene(read_snapshot(open_stage(parts(tmp_path, 10))))
    assert decoded(store.columns().data) == json.loads(scene_bytes(hub.scene))
    assert len(store._rows) == 2


def test_they_are_given_to_those_who_accept_them(tmp_path: Path) -> None:
    hub = Hub(read_snapshot(open_stage(parts(tmp_path, 10))), epoch="e")

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(create_app(hub))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            packed = {"Accept": f"{TYPE}, application/json"}
            return await http.get("/api/scene"), await http.get("/api/scene", headers=packed)

    plain, packed = asyncio.run(ask())
    assert plain.headers["content-type"] == "application/json" and packed.headers["content-type"] == TYPE
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept, Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    assert decoded(packed.content) == plain.json()


@pytest.mark.slow
def test_a_million_points_are_a_small_answer(tmp_path: Path) -> None:
    hub = Hub(read_snapshot(open_stage(parts(tmp_path, 1_000_000))), epoch="e")
    data = scene_columns(hub.scene)
    assert len(data) < 32 << 20  # 180 MB as JSON
    assert len(gzip.compress(data, 1)) < 12 << 20
