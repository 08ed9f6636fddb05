"""The catalogue over HTTP: pages, facets, one asset, its picture; files that change; a slow library holds up nobody."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_api import body, get, read_whole

from twinstage.base.clock import NS, ManualClock
from twinstage.live.api import catalogue as module
from twinstage.live.api.catalogue import CatalogueDesk
from twinstage.live.library import open_library
from twinstage.live.server import make_app
from twinstage.live.twin import TwinFiles, open_twin
from twinstage.sync.api.catalogue import CatalogueAsk, CatalogueAssetAsk
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.table import BY_ID

HEAD = '#usda 1.0\n(\n    defaultPrim = "A"\n    metersPerUnit = {unit}\n    upAxis = "Y"\n)\n'
CUBE = 'def Xform "A" (kind = "component")\n{{\n    def Cube "Body" {{\n        double size = {size}\n    }}\n}}\n'
STAGE = (
    HEAD.format(unit=1) + 'def Xform "A"\n{\n    def "One" ( prepend references = @./shop/big.usda@ ) {}\n}\n'
)
URL = "/api/v1/catalogue"


def cube(size: float) -> str:
    return HEAD.format(unit=0.01) + CUBE.format(size=size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three cubes, one broken file, and a picture that an asset names; a stage that uses the big one."""
    top = tmp_path_factory.mktemp("twin")
    shop = top / "shop"
    shop.mkdir()
    for name, size in (("big", 300), ("mid", 200), ("small", 100)):
        (shop / f"{name}.usda").write_text(cube(size))
    (shop / "broken.usda").write_text("#usda 1.0\ndef Xform {")
    (top / "stage.usda").write_text(STAGE)
    return top


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Any]:
    twin = open_twin(
        TwinFiles(folder / "stage.usda", libraries=(folder / "shop",)), clock=ManualClock(1000 * NS)
    )
    made = make_app(twin, camera_engine=None)
    read_whole(made)
    yield made


def names(answer: dict[str, Any]) -> list[str]:
    return [row["asset"] for row in answer["assets"]]


def test_pages_and_facets(app: Any, folder: Path) -> None:
    whole = body(app, f"{URL}?query=library:shop&facets=true")
    assert names(whole) == ["shop/big.usda", "shop/broken.usda", "shop/mid.usda", "shop/small.usda"]
    assert whole["reading"] is None and whole["libraries"] == ["starter", "shop"] and whole["next"] is None
    first = body(app, f"{URL}?query=library:shop&limit=3")
    rest = body(app, f"{URL}?query=library:shop&limit=3&after={first['next']}")
    assert names(first) + names(rest) == names(whole) and rest["next"] is None and first["facets"] == []
    words = {f["id"]: {w["word"]: (w["all"], w["found"]) for w in f["words"]} for f in whole["facets"]}
    assert words["library"] == {"starter": (11, 0), "shop": (4, 4)} and words["is"]["broken"] == (1, 1)
    big = whole["assets"][0]
    assert big["size"] == [3, 3, 3] and big["low"] == [-1.5, -1.5, -1.5] and big["upAxis"] == "Y"
    problem = whole["assets"][1]["problem"]
    assert problem and str(folder) not in problem


def test_one_asset_and_where_it_is_used(app: Any) -> None:
    big = body(app, f"{URL}/asset?asset=shop/big.usda")
    assert big["usedHere"] == {"stage": "stage.usda", "prims": ["/A/One"], "total": 1, "problem": ""}
    assert big["files"] == ["big.usda"] and big["metersPerUnit"] == 0.01 and len(big["version"]) == 64
    assert body(app, f"{URL}/asset?asset=shop/mid.usda")["usedHere"]["total"] == 0


def test_what_people_place_counts(folder: Path, tmp_path: Path) -> None:
    placed = [("/A/Two", "shop/big.usda"), ("/A/Three", "shop/mid.usda")]
    desk = CatalogueDesk(
        open_library([folder / "shop"]), folder / "stage.usda", [folder], lambda: placed, tmp_path
    )
    desk._entries.ask(30), desk._uses.ask(30)
    used = asyncio.run(desk.describe(CatalogueAssetAsk(asset="shop/big.usda"))).used_here
    assert used is not None and used.prims == ("/A/Two", "/A/One") and used.total == 2


def test_a_picture_is_told_by_its_content(app: Any) -> None:
    version = body(app, f"{URL}/asset?asset=shop/small.usda")["version"]
    drawn = get(app, f"{URL}/thumbnail?asset=shop/small.usda&v={version}")
    assert drawn.status_code == 200 and drawn.content.startswith(b"\x89PNG") and len(drawn.content) < 40_000
    assert drawn.headers["content-type"] == "image/png" and "immutable" in drawn.headers["cache-control"]
    tag = drawn.headers["etag"]
    again = get(app, f"{URL}/thumbnail?asset=shop/small.usda&v=other", headers={"if-none-match": tag})
    assert again.status_code == 304 and again.headers["cache-control"] == "no-cache"
    broken = get(app, f"{URL}/thumbnail?asset=shop/broken.usda")
    assert broken.status_code == 404 and "cannot be read" in broken.json()["error"]


def test_a_file_that_changes_is_read_again(app: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.live.api.background.AGAIN_S", 0.0)
    before = body(app, f"{URL}/asset?asset=shop/mid.usda")
    (folder / "shop" / "mid.usda").write_text(cube(250))
    (folder / "shop" / "new.usda").write_text(cube(50))
    deadline = time.monotonic() + 60
    while "shop/new.usda" not in names(body(app, f"{URL}?query=library:shop")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    after = body(app, f"{URL}/asset?asset=shop/mid.usda")
    assert after["size"] == [2.5] * 3 and after["version"] != before["version"]


def test_slow_libraries_hold_up_nobody(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    go = threading.Event()
    desk = CatalogueDesk(open_library([folder / "shop"]), folder / "stage.usda", cache=tmp_path)
    read = desk._entries._make  # a library that takes long
    desk._entries._make = lambda: (go.wait(20), read())[1]
    begun = time.monotonic()
    first = desk.search(CatalogueAsk())
    assert time.monotonic() - begun < 15 and first.total == 0 and first.reading is not None
    with pytest.raises(Refused, match="still being read"):
        asyncio.run(desk.describe(CatalogueAssetAsk(asset="shop/big.usda")))
    go.set()
    desk._entries.ask(20)
    assert desk.search(CatalogueAsk()).reading is None and [*(tmp_path / "catalogue").iterdir()]


def test_who_may_look_may_ask() -> None:
    assert {BY_ID[name].role for name in ("listCatalogue", "getCatalogueAsset", "getCatalogueThumbnail")} == {
        "viewer"
    }


def test_answers_say_what_was_cut(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    long = "x" * 50_000
    head = HEAD.format(unit=1) + f'def Xform "A" (kind = "{long}"\ndoc = "{long}")\n'
    (shop / "wordy.usda").write_text(head + '{\n    def Cube "Body" {}\n}\n')
    (tmp_path / "stage.usda").write_text(cube(1))
    twin = open_twin(TwinFiles(tmp_path / "stage.usda", libraries=(shop,)), clock=ManualClock(1000 * NS))
    app = make_app(twin, camera_engine=None)
    read_whole(app)
    (row,) = body(app, f"{URL}?query=library:shop")["assets"]
    assert len(row["kind"]) == 100 and row["cut"]["kind"] == 49_900
    whole = get(app, f"{URL}/asset?asset=shop/wordy.usda")
    assert len(whole.content) < 10_000 and whole.json()["cut"] == {"kind": 49_900, "doc": 48_000}
