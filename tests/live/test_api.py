"""The HTTP API of a live twin: every operation answers what the document says, and the numbers are the twin's."""

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from api_twin import START, make_twin, say, write_datasets
from fastapi.routing import APIRoute
from pxr import Usd, UsdGeom

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.live.api.package import Packager
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.api.openapi import document, plain_path
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.table import BY_ID, OPERATIONS

Get = Callable[[str], Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("twin")


@pytest.fixture(scope="module")
def twin(folder: Path) -> Iterator[LiveTwin]:
    made = make_twin(folder)
    yield made
    assert made.recorder is not None
    made.recorder.close()


@pytest.fixture(scope="module")
def app(twin: LiveTwin, folder: Path) -> Any:
    made = make_app(twin, camera_engine="raycast", datasets=write_datasets(folder))
    read_whole(made)
    return made


def read_whole(app: Any) -> None:
    """Until the catalogue has read its libraries."""
    while body(app, "/api/v1/catalogue")["reading"]:
        time.sleep(0.2)


def asking(app: Any, work: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await work(client)

    return asyncio.run(main())


def get(app: Any, path: str, **more: Any) -> httpx.Response:
    return asking(app, lambda client: client.get(path, **more))


def body(app: Any, path: str) -> Any:
    answer = get(app, path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_route_is_in_the_document_and_the_other_way_round(app: Any) -> None:
    doc = document()["paths"]
    routes = {
        (plain_path(route.path), method.lower())
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods - {"HEAD"}
    }
    told = {(path, method) for path, methods in doc.items() for method in methods} - {("/", "get")}
    told |= {("/embed", "get"), ("/embed/twin-view.js", "get")}  # pages of the viewer, as "/" is
    assert routes == told


ASKED = {
    "listPrims": "/api/v1/prims?limit=2",
    "getPrim": "/api/v1/prims/Cell/Agv1",
    "listValues": "/api/v1/values",
    "getValue": "/api/v1/values/agv1.x",
    "getHistory": "/api/v1/history",
    "getReadings": "/api/v1/history/range?signal=agv1.x&signal=agv1.name&limit=5",
    "getReadingsAsOf": "/api/v1/history/as-of?at=0.45",
    "getChart": "/api/v1/history/chart?signal=agv1.x&buckets=7&from=0&to=2",
    "listPastAlarms": "/api/v1/past/alarms?at=1&all=true",
    "listAlarms": "/api/v1/alarms?all=true",
    "listAlarmRecords": "/api/v1/alarms/journal",
    "listBindings": "/api/v1/bindings",
    "getBinding": "/api/v1/bindings/0",
    "listAssetRecords": "/api/v1/assets",
    "getAssetRecord": "/api/v1/assets/V-1",
    "listDatasets": "/api/v1/datasets",
    "getDataset": "/api/v1/datasets/alpha",
    "listRecords": "/api/v1/datasets/alpha/records",
    "getRecord": "/api/v1/datasets/alpha/records/000001",
    "describeDataset": "/api/v1/datasets/alpha/summary",
    "searchPictures": "/api/v1/datasets/alpha/pictures?query=frame:1..1",
    "getFacets": "/api/v1/datasets/alpha/facets",
    "listFrameNumbers": "/api/v1/datasets/alpha/numbers",
    "getFrameNotes": "/api/v1/datasets/alpha/frames/1",
    "verifyFrame": "/api/v1/datasets/alpha/frames/1/findings",
    "listCatalogue": "/api/v1/catalogue?query=tag:fluid&facets=true&limit=1",
    "getCatalogueAsset": "/api/v1/catalogue/asset?asset=starter/pump.usda",
    "listCameras": "/api/v1/cameras",
    "listEdits": "/api/v1/edits",
    "listTransactions": "/api/v1/edits/journal",
    "getStatus": "/api/v1/status",
    "getHealth": "/healthz",
    "getReadiness": "/readyz",
    "getSession": "/api/session",
}


def test_every_operation_is_asked() -> None:
    # Of recordings (tests/live/test_recording.py) and of recipes that are tried (tests/synth/test_preview.py).
    others = {"getPlayback", "getPreview", "getPreviewFrame"}
    assert set(ASKED) == {op.id for op in OPERATIONS if op.answer is not None and op.method == "GET"} - others


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_what_the_document_says(app: Any, name: str) -> None:
    doc, operation = document(), BY_ID[name]
    content = doc["paths"][plain_path(operation.path)]["get"]["responses"]["200"]["content"]
    answer = get(app, ASKED[name])
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    schema = {**content["application/json"]["schema"], "components": doc["components"]}
    jsonschema.validate(answer.json(), schema, cls=jsonschema.Draft202012Validator)
    assert operation.answer is not None
    operation.answer.model_validate_json(answer.text)  # nothing beside what it says
    for alias in operation.aliases:
        again = get(app, ASKED[name].replace(operation.path.partition("{")[0], alias.partition("{")[0]))
        assert again.json().keys() == answer.json().keys()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/v1/prims/Cell/Agv9", 404, "there is no prim '/Cell/Agv9'"),
        ("/api/v1/prims?after=/Nope", 422, "after: there is no '/Nope'"),
        ("/api/v1/prims?limit=0", 422, "limit: "),
        ("/api/v1/prims?path=Cell", 422, "does not begin with /"),
        ("/api/v1/values/nope", 404, "there is no signal 'nope'"),
        ("/api/v1/bindings/99", 404, "the file has 3"),
        ("/api/v1/bindings/x", 404, "index: "),
        ("/api/v1/bindings?after=x", 422, "after: "),
        ("/api/v1/assets/V-2", 404, "there is no asset 'V-2'"),
        ("/api/v1/history/chart?signal=nope", 404, "the history has no signal 'nope'"),
        ("/api/v1/history/chart", 422, "signal: "),
        ("/api/v1/history/chart?signal=agv1.x&from=5&to=1", 422, "downsampled"),
        ("/api/v1/history/range?from=yesterday", 422, "from 'yesterday' is no moment"),
        ("/api/v1/history/range?limit=10001", 422, "limit: "),
        ("/api/v1/datasets/gamma", 404, "no finished dataset 'gamma'"),
        ("/api/v1/datasets/outside", 404, "no finished dataset 'outside'"),
        ("/api/v1/datasets/unfinished", 404, "no finished dataset"),
        ("/api/v1/datasets/..", 404, ""),
        ("/api/v1/datasets/%2e%2e/records", 404, ""),
        ("/api/v1/datasets/alpha/images/leak.png", 404, "has no images/leak.png"),
        ("/api/v1/datasets/alpha/images/notes.txt", 404, "is no image"),
        ("/api/v1/datasets/alpha/thumbnails/leak.png", 404, "has no images/leak.png"),
        ("/api/v1/datasets/alpha/shown/notes.txt", 404, "is no image"),
        ("/api/v1/datasets/alpha/thumbnails/000000_Eye_rgb.png", 422, "is no picture that can be read"),
        ("/api/v1/datasets/alpha/thumbnails/000000_Eye_rgb.png?w=5000", 422, "w: "),
        ("/api/v1/datasets/alpha/pictures?query=colour:red", 422, "there is no field 'colour'"),
        ("/api/v1/datasets/alpha/pictures?limit=1001", 422, "limit: "),
        ("/api/v1/datasets/alpha/frames/7", 404, "has no frame 7"),
        ("/api/v1/datasets/alpha/frames/1/layer.usda", 404, "has no frames/000001.usda"),
        ("/api/v1/datasets/alpha/images/..%2f..%2fsecret%2fkey.png", 404, ""),
        ("/api/v1/datasets/alpha/records/000009", 404, "has no records/000009.json"),
        ("/api/v1/catalogue?query=triangels<5", 422, "did you mean 'triangles'"),
        ("/api/v1/catalogue?after=starter/pmp.usda", 422, "begin with the first page"),
        ("/api/v1/catalogue/asset?asset=starter/pmp.usda", 404, "did you mean 'starter/pump.usda'"),
        ("/api/v1/catalogue/asset", 422, "asset: "),
        ("/api/v1/catalogue/thumbnail?asset=starter/../secret.usda", 404, "has no asset"),
        ("/api/v1/nothing", 404, "there is no GET for '/api/v1/nothing' here"),
        ("/api/v1/alarms/journal?limit=0", 422, "limit: "),
    ],
)
def test_errors_are_one_sentence(app: Any, path: str, status: int, text: str) -> None:
    answer = get(app, path)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"] and text in answer.json()["error"]


def test_a_wrong_method_is_told(app: Any) -> None:
    answer = asking(app, lambda client: client.post("/api/v1/prims"))
    assert (answer.status_code, answer.json()["error"]) == (404, "there is no POST for '/api/v1/prims' here")


# ---------------------------------------------------------------------- what they say


def test_where_a_prim_is_now(app: Any, twin: LiveTwin) -> None:
    prim = body(app, "/api/v1/prims/Cell/Agv1")
    # /Cell stands at 1 m; the file puts the vehicle at y 0.5 m, and telemetry at x 1000 mm.
    assert prim["local"]["translation"] == pytest.approx([1.0, 0.5, 0.0], abs=1e-4)
    assert prim["world"]["translation"] == pytest.approx([2.0, 0.5, 0.0], abs=1e-4)
    assert prim["authored"]["translation"] == pytest.approx([0.0, 0.5, 0.0])
    assert [row[3] for row in prim["world"]["matrix"]] == pytest.approx([2.0, 0.5, 0.0, 1.0], abs=1e-4)
    assert (prim["moved"], prim["kind"], prim["labels"]) == (True, "component", ["vehicle"])
    assert prim["signals"] == ["agv1.x"] and prim["values"][0]["value"] == pytest.approx(1.0)
    assert prim["asset"]["fields"] == {"maker": "ACME"} and prim["asset"]["path"] == ["V", "V-1"]
    attributes = {one["name"]: one for one in prim["attributes"]}
    assert attributes["twin:x"]["live"] == pytest.approx(1000) and attributes["twin:x"]["changed"]
    assert attributes["twin:x"]["authored"] in (None, 0.0)
    assert attributes["xformOp:translate"]["authored"] == [0, 50, 0]
    cache = UsdGeom.XformCache()
    world = cache.GetLocalToWorldTransform(twin.opened.stage.GetPrimAtPath("/Cell/Agv1"))
    assert [c / 100 for c in world.ExtractTranslation()] == pytest.approx(prim["world"]["translation"])


def test_what_is_hidden_is_not_visible(app: Any) -> None:
    assert body(app, "/api/v1/prims/Cell/Agv1/Body")["visible"] is False  # its count is above 100
    assert body(app, "/api/v1/prims/Cell/Agv2")["visible"] is True


def test_prims_are_found_and_paged(app: Any) -> None:
    def paths(query: str) -> list[str]:
        return [p["path"] for p in body(app, f"/api/v1/prims?{query}")["prims"]]

    every = ["/Cell", "/Cell/Agv1", "/Cell/Agv1/Body", "/Cell/Agv2", "/Cell/Eye"]
    assert paths("") == every
    assert paths("path=/Cell/*") == ["/Cell/Agv1", "/Cell/Agv2", "/Cell/Eye"]
    assert paths("kind=component") == ["/Cell/Agv1", "/Cell/Agv2"]
    assert paths("label=vehicle") == ["/Cell/Agv1"]
    assert paths("type=Camera") == ["/Cell/Eye"]
    assert paths("bound=true") == ["/Cell/Agv1", "/Cell/Agv1/Body", "/Cell/Agv2"]
    seen, after = [], ""
    while True:
        page = body(app, "/api/v1/prims?limit=2" + (f"&after={quote(after)}" if after else ""))
        assert page["total"] == 5
        seen += [p["path"] for p in page["prims"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == every


def test_values_with_their_three_times(app: Any) -> None:
    value = body(app, "/api/v1/values/agv1.x")
    assert value["value"] == pytest.approx(1.0) and value["unit"] == "m"
    assert (value["quality"], value["level"], value["qualityName"]) == (0, "good", "Good")
    assert value["eventNs"] == str(START + NS)
    assert value["heardNs"] == value["appliedNs"] == str(START + NS + NS // 50)
    assert value["ageSeconds"] == pytest.approx(0.02)
    assert value["eventTime"] == "2023-11-14T22:13:21.000Z"
    assert (value["source"], value["description"]) == ("plc", "Where it is")
    exact = {v["id"]: v["value"] for v in body(app, "/api/v1/values")["values"]}
    assert exact["agv1.count"] == (1 << 60) + 10  # beyond what a double holds
    assert (exact["agv1.name"], exact["agv1.state"], exact["agv2.x"]) == ("run 10", "busy", None)


def test_values_by_pattern_source_and_quality(app: Any) -> None:
    def ids(query: str) -> list[str]:
        return [v["id"] for v in body(app, f"/api/v1/values?{query}")["values"]]

    assert ids("id=*.x") == ["agv1.x", "agv2.x"]
    assert ids("level=bad") == ["agv2.x"]
    assert ids("source=nobody") == []
    assert ids("limit=2&after=agv1.x") == ["agv1.name", "agv1.state"]


def test_bindings_say_what_they_move_and_whether(app: Any) -> None:
    first, second, third = body(app, "/api/v1/bindings")["bindings"]
    assert (first["prims"], first["signals"]) == (["/Cell/Agv1", "/Cell/Agv2"], ["agv1.x", "agv2.x"])
    assert (first["state"], second["state"], third["signals"]) == ("waiting", "active", ["agv1.count"])
    assert [b["index"] for b in body(app, "/api/v1/bindings?state=active")["bindings"]] == [1, 2]
    assert [b["index"] for b in body(app, "/api/v1/bindings?signal=agv2.x")["bindings"]] == [0]
    assert [b["index"] for b in body(app, "/api/v1/bindings?prim=/Cell/*/Body")["bindings"]] == [2]
    assert [b["index"] for b in body(app, "/api/v1/bindings?limit=1&after=0")["bindings"]] == [1]
    one = body(app, "/api/v1/bindings/1")
    assert one["definition"]["attribute"] == "twin:x" and one["where"].endswith("bindings.yaml:5")
    assert [v["id"] for v in one["values"]] == ["agv1.x"]


def test_asset_records(app: Any) -> None:
    page = body(app, "/api/v1/assets?id=V*")
    assert [(a["id"], a["children"], a["prim"]) for a in page["assets"]] == [
        ("V", 1, ""),
        ("V-1", 0, "/Cell/Agv1"),
    ]
    assert [a["id"] for a in body(app, "/api/v1/assets?parent=V")["assets"]] == ["V-1"]
    assert [a["id"] for a in body(app, "/api/v1/assets?prim=/Cell/Agv1")["assets"]] == ["V-1"]


def test_history_in_pages_and_as_known(app: Any) -> None:
    seen: list[tuple[str, float]] = []
    after = ""
    while True:
        page = body(app, f"/api/v1/history/range?signal=agv1.x&from=0.2&to=0.8&limit=3{after}")
        seen += [(r["eventNs"], r["value"]) for r in page["readings"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    expected = [(str(START + k * NS // 10), pytest.approx(k / 10)) for k in range(2, 9)]
    assert seen == expected
    at = body(app, "/api/v1/history/as-of?at=0.45&signal=agv1.name")["readings"]
    assert [r["value"] for r in at] == ["run 4"]
    first = body(app, "/api/v1/history/as-of?limit=2")
    rest = body(app, f"/api/v1/history/as-of?limit=2&after={first['next']}")
    names = [r["signal"] for page in (first, rest) for r in page["readings"]]
    assert names == ["agv1.count", "agv1.name", "agv1.state", "agv1.x"] and rest["next"] is None
    known = quote("2023-11-14T22:13:20.25+00:00")
    at = body(app, f"/api/v1/history/as-of?signal=agv1.name&knownAt={known}")["readings"]
    assert [r["value"] for r in at] == ["run 2"]  # 20 ms on their way
    whole = body(app, "/api/v1/history/range?signal=agv1.count&limit=1")["readings"]
    assert whole[0]["value"] == 1 << 60


def test_a_chart_keeps_its_gaps(app: Any) -> None:
    chart = body(app, "/api/v1/history/chart?signal=agv1.x&from=0&to=2&buckets=4")
    assert chart["count"] == [6, 5, 0, 0] or chart["count"] == [5, 6, 0, 0]
    assert chart["min"][0] == 0 and chart["max"][1] == pytest.approx(1.0)
    assert chart["last"][2:] == chart["min"][2:] == chart["quality"][2:] == [None, None]
    assert int(chart["stepNs"]) * 4 >= 2 * NS and chart["unit"] == "m"


def test_datasets_and_their_images(app: Any) -> None:
    page = body(app, "/api/v1/datasets")
    assert [(d["name"], d["files"], d["seed"]) for d in page["datasets"]] == [("alpha", 2, 7), ("beta", 2, 7)]
    assert "files" not in body(app, "/api/v1/datasets/alpha")["manifest"]
    assert body(app, "/api/v1/datasets/beta/records")["records"] == ["000000", "000001"]
    assert body(app, "/api/v1/datasets/beta/records/000001")["content"]["frame"] == 1
    image = get(app, "/api/v1/datasets/alpha/images/000000_Eye_rgb.png")
    assert (image.headers["content-type"], image.content[:4]) == ("image/png", b"\x89PNG")


def test_geometry_is_cached_for_ever_and_zipped(app: Any) -> None:
    scene = get(app, "/api/v1/scene", headers={"accept-encoding": "gzip"})
    assert scene.headers["content-encoding"] == "gzip" and scene.headers["cache-control"] == "no-cache"
    url = scene.json()["prototypes"][0]["url"]
    first = get(app, url)
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert first.headers["vary"] == "Accept-Encoding" and first.content[:4] == b"glTF"
    again = get(app, url, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_and_its_page(app: Any) -> None:
    answer = get(app, "/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert get(app, "/openapi.json", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    page = get(app, "/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe" not in page.headers["content-security-policy"]


# ---------------------------------------------------------------------- readiness, package


def test_a_source_that_fails_is_not_ready(app: Any, twin: LiveTwin) -> None:
    from twinstage.telemetry.pump import SourceStatus

    checks = {check["name"]: check for check in body(app, "/readyz")["checks"]}
    assert set(checks) == {"stage", "source plc", "history"} and all(c["ok"] for c in checks.values())
    twin.sources["plc"] = SourceStatus("waiting", 1, "ConnectionRefusedError: no")
    try:
        answer = get(app, "/readyz")
        assert answer.status_code == 503 and answer.json()["ready"] is False
        assert "opened again: ConnectionRefusedError" in answer.json()["checks"][1]["text"]
        assert get(app, "/healthz").status_code == 200
    finally:
        twin.sources.clear()
    assert twin.recorder is not None
    twin.recorder.failure = "No space left on device"
    try:
        assert get(app, "/readyz").status_code == 503
    finally:
        twin.recorder.failure = ""


def test_the_package_is_the_stage_as_it_is_now(app: Any, tmp_path: Path) -> None:
    first = get(app, "/api/v1/stage.usdz")
    assert first.status_code == 200 and first.headers["content-type"] == "model/vnd.usdz+zip"
    assert zipfile.ZipFile(io.BytesIO(first.content)).testzip() is None
    (tmp_path / "now.usdz").write_bytes(first.content)
    stage = Usd.Stage.Open(str(tmp_path / "now.usdz"))
    world = UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath("/Cell/Agv1"))
    assert world.ExtractTranslation()[0] == pytest.approx(200, abs=0.01)  # cm
    tag = first.headers["etag"]
    assert get(app, "/stage.usdz", headers={"if-none-match": tag}).status_code == 304
    assert get(app, "/api/v1/stage.usdz").content == first.content


def test_a_new_tick_makes_a_new_package_and_the_old_file_goes(folder: Path, tmp_path: Path) -> None:
    twin = make_twin(tmp_path, history=False)

    async def work() -> None:
        packager = Packager(twin)
        one = await packager.package()
        assert await packager.package() is one
        old = one.path
        say(twin, 2, x=500)
        two, three = await asyncio.gather(packager.package(), packager.package())
        assert two is three and two.tag != one.tag
        assert old.is_file()  # someone still sends it
        del one
        assert not old.exists() and two.path.is_file()
        with pytest.raises(Refused, match="more than 0 MiB") as caught:
            await Packager(twin, most_bytes=100).package()
        assert caught.value.status == 413

    asyncio.run(work())


def test_a_package_has_the_variants_that_were_chosen_and_tells_why_it_failed(tmp_path: Path) -> None:
    from twinstage.base.clock import ManualClock
    from twinstage.live.twin import TwinFiles, open_twin

    path = tmp_path / "s.usda"
    path.write_text(
        '#usda 1.0\n(defaultPrim = "A")\n'
        'def Xform "A" (\n    variants = { string size = "low" }\n    prepend variantSets = "size"\n)\n{\n'
        '    variantSet "size" = {\n'
        '        "low" { def Cube "Low"\n{\n}\n }\n        "tall" { def Cube "Tall"\n{\n}\n }\n    }\n}\n'
    )
    files = TwinFiles(path, variants=(("/A{size}", "tall"),))
    twin = open_twin(files, clock=ManualClock(START))

    async def work() -> None:
        made = await Packager(twin).package()
        stage = Usd.Stage.Open(str(made.path))
        assert [str(prim.GetPath()) for prim in stage.Traverse()] == ["/A", "/A/Tall"]
        path.write_text("this is no stage any more")
        with pytest.raises(Refused, match=r"could not be made: stage s\.usda ") as caught:
            await Packager(twin).package()
        assert caught.value.status == 503

    asyncio.run(work())


def test_ticks_go_on_while_the_layer_is_copied(tmp_path: Path) -> None:
    twin = make_twin(tmp_path, history=False)
    prim = twin.opened.stage.GetPrimAtPath("/Cell/Agv1")
    twin.flush()
    before = prim.GetAttribute("twin:x").Get()
    with twin.writing:
        say(twin, 2, x=500)
        twin._flush_safely()  # as at every twelfth tick: it must not wait here
        assert prim.GetAttribute("twin:x").Get() == before
    twin._flush_safely()
    assert prim.GetAttribute("twin:x").Get() == pytest.approx(500)


def test_a_twin_without_telemetry_says_so(tmp_path: Path) -> None:
    from twinstage.base.clock import ManualClock
    from twinstage.live.twin import TwinFiles, open_twin

    (tmp_path / "s.usda").write_text('#usda 1.0\ndef Xform "A" {}\n')
    twin = open_twin(TwinFiles(tmp_path / "s.usda"), clock=ManualClock(START))
    bare = make_app(twin, camera_engine=None)
    assert body(bare, "/api/v1/prims/A")["values"] == []
    for path, text in {
        "/api/v1/values": "--bindings",
        "/api/v1/history": "--history",
        "/api/v1/datasets": "--datasets",
        "/api/v1/assets": "asset records",
        "/api/v1/alarms": "no alarms",
    }.items():
        answer = get(bare, path)
        assert answer.status_code == 404 and text in answer.json()["error"]


def test_a_folder_of_datasets_that_is_not_there(twin: LiveTwin, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        make_app(twin, camera_engine=None, datasets=tmp_path / "no")


def test_few_at_a_time_and_few_wait() -> None:
    import threading

    from twinstage.sync.api.calls import Gate
    from twinstage.sync.api.health import Health

    async def work() -> None:
        gate, go = Gate(at_once=1, most_waiting=1), threading.Event()

        def slow() -> Health:
            go.wait(10)
            return Health()

        running = [asyncio.create_task(gate.run(slow)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="too many ask") as caught:
            await gate.run(slow)
        assert caught.value.status == 503
        go.set()
        assert [await one for one in running] == [Health(), Health()]
        assert await gate.run(slow) == Health()

    asyncio.run(work())


def test_answers_hold_no_nan(twin: LiveTwin, app: Any) -> None:
    text = get(app, "/api/v1/values").text
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
