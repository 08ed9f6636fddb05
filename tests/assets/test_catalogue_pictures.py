"""Pictures of assets that name none, what a stage uses, and how entries are spread."""

import json
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from twinstage.assets.catalogue.drawing import draw_all
from twinstage.assets.catalogue.entry import Entry
from twinstage.assets.catalogue.facets import facets
from twinstage.assets.catalogue.query import find
from twinstage.assets.catalogue.scan import scan
from twinstage.assets.catalogue.text import listed, told
from twinstage.assets.catalogue.thumbnails import MOST_BYTES, Thumbnails, drawn, picture_in
from twinstage.assets.catalogue.usage import Usage
from twinstage.assets.library import bundled
from twinstage.base.errors import UserError
from twinstage.cli.app import app
from twinstage.scene.safe.examiner import Examiner

HEAD = '#usda 1.0\n(\n    defaultPrim = "A"\n    metersPerUnit = 1\n    upAxis = "{up}"\n)\n'
CUBE = 'def Xform "A" {{\n    def Cube "Body" {{\n        color3f[] primvars:displayColor = [({color})]\n    }}\n{more}}}\n'
LAMP = '    def RectLight "Lamp" {\n        float inputs:intensity = 1\n    }\n'


def cube(color: str = "0.9, 0.1, 0.1", up: str = "Z", more: str = "") -> str:
    return HEAD.format(up=up) + CUBE.format(color=color, more=more)


@pytest.fixture(scope="module")
def child() -> "object":
    with Examiner() as made:
        yield made


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two cubes, one of them with a lamp, a stage of both, and one that is broken."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "red.usda").write_text(cube())
    (root / "lamp.usda").write_text(cube("0.1, 0.1, 0.9", "Y", LAMP))
    (root / "broken.usda").write_text("#usda 1.0\ndef Xform {")
    rows = [f'    def "R{k}" ( prepend references = @./red.usda@ ) {{}}\n' for k in range(3)]
    rows.append('    def "L" ( prepend payload = @./lamp.usda@ ) {}\n')
    (root / "plant.usda").write_text(HEAD.format(up="Z") + 'def Xform "A" {\n' + "".join(rows) + "}\n")
    return root


def image(kind: str, width: int, height: int, **more: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "red").save(out, kind, **more)
    return out.getvalue()


def middle(data: bytes) -> np.ndarray:
    """Mean colour of the picture's middle."""
    picture = np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.float64)
    assert picture.shape == (256, 256, 3)
    return picture[118:138, 118:138].mean((0, 1))


def test_a_drawn_picture_shows_the_asset_and_is_the_same_again(library: Path, child: Examiner) -> None:
    red, lamp = (drawn(library / name, [library], child) for name in ("red.usda", "lamp.usda"))
    assert red is not None and lamp is not None and red.kind == "image/png" and len(red.data) < 40_000
    r, g, b = middle(red.data)
    assert r > 2 * g and r > 2 * b
    r, g, b = middle(lamp.data)
    assert b > 2 * r and b > 60  # its own lamp alone would leave it in the dark
    again = drawn(library / "red.usda", [library], child)
    assert again is not None and again.data == red.data


def test_bundled_pictures_are_what_is_drawn(child: Examiner) -> None:
    made = drawn(bundled("starter") / "box.usda", [], child)
    assert made is not None and made.data == (bundled("starter") / "thumbnails" / "box.png").read_bytes()


def test_pictures_are_kept_by_content(library: Path, tmp_path: Path, child: Examiner) -> None:
    entry = next(entry for entry in scan([library]) if entry.id == "red.usda")
    small = Thumbnails(tmp_path / "cache")
    made = small.picture(entry, library, [library], child)
    assert made is not None and small.place(entry).read_bytes() == made.data
    (library / "red.usda").rename(library / "red2.usda")  # another name, the same content
    assert small.picture(replace(entry, id="red2.usda"), library, [library], child) == made
    assert small.kept(replace(entry, digest="0" * 64)) is None


def test_pictures_of_a_cache_that_cannot_be_written_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a read-only file system, or of another user: only the time of the last use is lost."""
    small, entry, data = Thumbnails(tmp_path), Entry("a.usda", "shop", digest="a"), image("PNG", 30, 20)
    small.keep(entry, data)

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:  # whoever runs as root may write anywhere
        patch.setattr(os, "utime", read_only)
        found = small.kept(entry)
    assert found is not None and found.data == data


def test_making_room_in_a_folder_that_is_gone_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program may clear the cache just after the picture was kept there."""
    small = Thumbnails(tmp_path, most=1)
    monkeypatch.setattr(small, "folder", tmp_path / "gone")
    small._make_room()
    assert small.evicted == 0


def test_pictures_that_nobody_asks_for_make_room(tmp_path: Path) -> None:
    size = len(image("PNG", 30, 20))
    small = Thumbnails(tmp_path, most=10 * size)
    entries = [Entry(f"{k}.usda", "shop", digest=f"{k:064}") for k in range(30)]
    for at, entry in enumerate(entries):
        small.keep(entry, image("PNG", 30, 20))
        os.utime(small.place(entry), (at, at))
        if at >= 1:
            assert small.kept(entries[0]) is not None, "it is asked for all the time"
    there = {path.name for path in small.folder.iterdir()}
    assert sum(path.stat().st_size for path in small.folder.iterdir()) <= 10 * size
    assert small.evicted == 30 - len(there) and len(there) >= 9
    assert {small.place(entry).name for entry in (entries[0], *entries[-8:])} <= there
    again = Thumbnails(tmp_path, most=4 * size)  # another program, which is told of less room
    again.keep(Entry("new.usda", "shop", digest="n"), image("PNG", 30, 20))
    assert len(list(small.folder.iterdir())) <= 4
    assert again.kept(Entry("new.usda", "shop", digest="n")) is not None


def test_drawing_many_says_how_many_older_ones_went(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thumbnails.__init__, "__defaults__", (1,))
    done = draw_all(scan([library]), [library], cache=tmp_path / "cache")
    assert done.evicted == len(done.made) > 1 and done.as_dict()["evicted"] == done.evicted
    assert f"{done.evicted} that nobody asked for longest were deleted" in done.text()


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (image("PNG", 300, 200), True),
        (image("JPEG", 300, 200), True),
        (image("JPEG", 300, 200, progressive=True, comment=b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"), True),
        (image("PNG", 4097, 1), False),
        (image("JPEG", 1, 4097), False),
        (image("PNG", 10, 10).replace(b"IHDR" + bytes([0, 0, 0, 10]), b"IHDR" + b"\0\0\xff\xff"), False),
        (b"\x89PNG\r\n\x1a\n rest", False),
        (b"\xff\xd8\xff rest", False),
        (b"\xff\xd8" + b"\xff\xe0\0\0" * 100, False),
        (b"<svg onload='alert(1)'/>", False),
        (b"GIF89a", False),
        (b"\x89PNG\r\n\x1a\n" + bytes(MOST_BYTES), False),
    ],
)
def test_a_named_picture_is_taken_only_as_png_or_jpeg_of_bounded_size(
    library: Path, tmp_path: Path, data: bytes, taken: bool
) -> None:
    (library / "p.png").write_bytes(data)
    entry = Entry("red.usda", "shop", thumbnail="p.png", digest="d")
    assert (Thumbnails(tmp_path).named(entry, library) is not None) is taken
    assert (picture_in(data) is not None) is taken
    (tmp_path / "outside.png").write_bytes(image("PNG", 30, 20))
    assert Thumbnails(tmp_path).named(replace(entry, thumbnail="../outside.png"), library) is None


def test_a_stage_tells_which_prims_use_what(library: Path, child: Examiner) -> None:
    usage = Usage(library / "plant.usda", [library])
    assert not usage.is_fresh
    uses = {file.name: use for file, use in usage.read(child).items()}
    assert uses["red.usda"].prims == ("/A/R0", "/A/R1", "/A/R2") and uses["red.usda"].total == 3
    assert uses["lamp.usda"].prims == ("/A/L",)
    assert usage.is_fresh
    text = (library / "plant.usda").read_text().replace('"R2"', '"Other"')
    (library / "plant.usda").write_text(text + "\n")
    assert not usage.is_fresh and "/A/Other" in next(
        use.prims for file, use in usage.read(child).items() if file.name == "red.usda"
    )
    with pytest.raises(UserError, match="no such file"):
        Usage(library / "none.usda", []).read(child)


def test_search_tells_what_a_stage_uses(library: Path) -> None:
    stage = str(library / "plant.usda")
    words = ["assets", "search", "--library", str(library), "--used-in", stage, "--json"]
    found = {row["asset"]: row for row in json.loads(CliRunner().invoke(app, words).stdout)["assets"]}
    assert [*found] == ["shop/lamp.usda", "shop/red.usda"]
    assert found["shop/red.usda"]["used_in"][stage] == ["/A/R0", "/A/R1", "/A/R2"]
    lamp = Entry("lamp.usda", "shop", "Lamp")
    assert "used 1 x in plant.usda" in listed([lamp, lamp], 2, {"shop/lamp.usda": {stage: ["/A/L"]}})
    assert "in plant.usda  /A/L" in told(lamp, {stage: ["/A/L"]})


def test_pictures_of_a_library_in_the_cache_or_beside_it(library: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    words = ["assets", "thumbnails", str(library), "--cache", str(cache), "--workers", "1", "--json"]
    (library / "plant.usda").unlink()
    done = CliRunner().invoke(app, words)
    said = json.loads(done.stdout)
    assert done.exit_code == 1 and sorted(said["made"]) == ["shop/lamp.usda", "shop/red.usda"]
    assert [*said["problems"]] == ["shop/broken.usda"] and len([*(cache / "thumbnails").iterdir()]) == 2
    entries = [entry for entry in scan([library]) if not entry.problem]
    again = draw_all(entries, [library], cache=cache)
    assert again.made == () and "0 pictures drawn" in again.text() and "2 have one" in again.text()
    draw_all(entries[-1:], [library], cache=tmp_path / "none", beside=True)
    assert not (tmp_path / "none").exists()
    by_id = {entry.id: entry.thumbnail for entry in scan([library])}
    assert by_id["red.usda"] == ".thumbs/256x256/red.usda.png" and by_id["lamp.usda"] == ""


def test_what_is_no_number_is_in_no_bin() -> None:
    """As it may stand in what was remembered, or come from elsewhere."""
    inf, nan = float("inf"), float("nan")
    sizes = [(inf, inf, nan), (1.0, 2.0, 3.0), (1.0, 2.0, 5.0)]
    entries = [Entry(str(k), "shop", size=size) for k, size in enumerate(sizes)]
    size = next(one for one in facets(entries, entries) if one.id == "size")
    assert (size.low, size.high, sum(size.all)) == (3.0, 5.0, 2)


def test_facets_count_what_a_query_leaves() -> None:
    entries = [
        Entry(
            f"a{k}.usda",
            "shop",
            labels=("pump",) if k % 2 else ("tank", "pump"),
            triangles=k * 100,
            license="MIT" if k else "",
        )
        for k in range(6)
    ]
    found = find(entries, "triangles>=200")
    by_id = {facet.id: facet for facet in facets(entries, found)}
    assert by_id["label"].words == (("pump", 6, 4), ("tank", 3, 2))
    assert dict((word, (a, b)) for word, a, b in by_id["is"].words) == {"unlicensed": (1, 0)}
    triangles = by_id["triangles"]
    assert (triangles.low, triangles.high, triangles.whole) == (0, 500, True)
    assert sum(triangles.all) == 6 and sum(triangles.found) == 4
    assert "library" in by_id and "joints" not in by_id  # all have none: it tells nothing apart
