"""The page of a recording: what is in it, taken apart again; the same bytes each time; nothing may be fetched from it."""

import gzip
import re
from base64 import b64decode
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from tapes import NS, T0, Keeper, opened, record

from twinstage.base.errors import UserError
from twinstage.sync.codec import decode
from twinstage.sync.hub import Hub
from twinstage.sync.model import SceneModel
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.page import page_of


@pytest.fixture
def viewer(tmp_path: Path) -> Path:
    """As much of the built viewer as the page is made of."""
    folder = tmp_path / "viewer"
    folder.mkdir()
    (folder / "index.html").write_text(
        '<!doctype html><html><head><link rel="stylesheet" href="style.css">\n'
        '<script type="module" src="app.js"></script></head><body></body></html>'
    )
    (folder / "style.css").write_text("body { color: red }")
    (folder / "app.js").write_text(r'console.log("\1 $& <b>")')
    return folder


def unpacked(page: bytes) -> tuple[dict[str, Any], bytes]:
    found = re.search(rb'<script id="recording" type="application/octet-stream">([^<]*)</script>', page)
    assert found
    data = gzip.decompress(b64decode(found[1]))
    assert data[:8] == b"TWINREC1"
    size = int.from_bytes(data[8:12], "little")
    return msgspec.json.decode(data[12 : 12 + size]), data[12 + size :]


def played(manifest: dict[str, Any], data: bytes, ticks: list[Any]) -> str:
    """The digest of a client that got those ticks."""
    scene = next(file for file in manifest["files"] if file["path"] == "api/scene")
    at, size = scene["span"]
    model = SceneModel(msgspec.json.decode(data[at : at + size]))
    for _, _, _, spans in ticks:
        model.apply([frame for at, size in spans for frame in decode(data[at : at + size])])
    return model.digest()


def test_a_client_of_the_page_holds_what_was(make: ModuleType, viewer: Path, tmp_path: Path) -> None:
    data, held = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        page, notes = page_of(archive, viewer)
        assert page_of(archive, viewer)[0] == page and notes == []
    manifest, parts = unpacked(page)
    rows = manifest["ticks"]
    assert manifest["seconds"] == 6.0 and rows[0][:2] == [0.0, 2]
    run = [row for row in rows if row[1] != 1]
    assert len(run) == 60
    for i, row in enumerate(rows):
        at = T0 + round(row[0] * 1e6)
        if row[1]:  # from any keyframe on
            assert played(manifest, parts, [row]) == held[at], i
    assert played(manifest, parts, run) == held[max(held)]
    assert sum(row[1] > 0 for row in rows) >= 5
    assert {file["path"] for file in manifest["files"]} > {"api/scene"}


def test_a_span_of_it(make: ModuleType, viewer: Path, tmp_path: Path) -> None:
    data, held = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        manifest, parts = unpacked(page_of(archive, viewer, window=(2.05, 3.0))[0])
        assert manifest["seconds"] == pytest.approx(0.95)
        run = [row for row in manifest["ticks"] if row[1] != 1]
        assert played(manifest, parts, run) == held[T0 + 3 * NS]
        assert run[0][0] >= 0 and run[0][1] == 2
        for window in ((5.0, 1.0), (-1.0, 2.0), (60.0, 70.0)):
            with pytest.raises(UserError, match="no span"):
                page_of(archive, viewer, window=window)


def test_it_may_fetch_nothing_and_text_stays_text(make: ModuleType, viewer: Path, tmp_path: Path) -> None:
    data, _ = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        page = page_of(archive, viewer)[0].decode()
        assert "default-src 'none'" in page and "src=" not in page and "href=" not in page
        assert r'console.log("\1 $& <b>")' in page
        (viewer / "app.js").write_text("'</script>'")
        with pytest.raises(UserError, match="cannot be laid into a page"):
            page_of(archive, viewer)


def test_too_much_is_said_before_it_is_written(make: ModuleType, viewer: Path, tmp_path: Path) -> None:
    data, _ = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive, pytest.raises(UserError, match="--window"):
        page_of(archive, viewer, most_bytes=5_000)


def test_it_ends_where_the_scene_is_replaced(make: ModuleType, viewer: Path, tmp_path: Path) -> None:
    def replace(i: int, hub: Hub, keeper: Keeper) -> None:
        if i == 20:
            hub.replace_scene(make.snapshot(("/World", "/World/A", "/World/B", "/World/C")))

    data, held = record(make, on_tick=replace)
    with opened(tmp_path / "a.twinrec", data) as archive:
        assert isinstance(archive, Archive)
        page, notes = page_of(archive, viewer)
        manifest, parts = unpacked(page)
    assert "the scene was replaced" in notes[0] and manifest["seconds"] == pytest.approx(2.1, abs=0.11)
    run = [row for row in manifest["ticks"] if row[1] != 1]
    assert played(manifest, parts, run) == held[T0 + round(run[-1][0] * 1e6)]
