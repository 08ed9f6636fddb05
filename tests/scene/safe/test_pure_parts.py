"""Paths, expressions, headers and numbers, against independent judgements."""

import io
import math
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.scene.asset_paths import AllowedFolders, outer_file, uri_or_anonymous
from twinstage.scene.safe.archive import check_package, leads_out
from twinstage.scene.safe.expressions import Variables, possible_paths
from twinstage.scene.safe.finite import usable
from twinstage.scene.safe.images import image_size
from twinstage.scene.safe.limits import MAX_COORDINATE_M

PARTS = st.lists(st.sampled_from(["..", ".", "a", "b", "in", "", "a b"]), max_size=8)


@given(PARTS)
def test_allowed_is_what_normalises_below(parts: list[str]) -> None:
    """The oracle: a walk over the names, as a shell would do it."""
    home = "/nowhere/home/in"
    walked = home.strip("/").split("/")
    for part in parts:
        if part == "..":
            walked = walked[:-1]
        elif part not in (".", ""):
            walked.append(part)
    path = os.path.join(home, *[p for p in parts if p], "x.usda")
    inside = walked[:3] == ["nowhere", "home", "in"]
    assert AllowedFolders(Path(home, "s.usda"), []).allows(path) == inside


def test_a_folder_whose_name_begins_alike_is_another() -> None:
    allowed = AllowedFolders(Path("/nowhere/home/s.usda"), [Path("/nowhere/lib")])
    assert not allowed.allows("/nowhere/home2/x.usda")
    assert allowed.allows("/nowhere/lib/x.usdz[../../../etc/passwd]")
    assert not allowed.allows("/nowhere/lib.usdz[x.usda]")


@pytest.mark.parametrize(
    ("path", "file"),
    [("a.usdz[b.usda]", "a.usdz"), ("a[b].usda", "a[b].usda"), ("a.usdz[b.usdz[c]]", "a.usdz")],
)
def test_outer_file(path: str, file: str) -> None:
    assert outer_file(path) == file


@pytest.mark.parametrize("path", ["C:\\a.usda", "a:b.usda", "./http.usda", "a/b:/c.usda"])
def test_no_address(path: str) -> None:
    assert uri_or_anonymous(path, "layer x") is None


@given(
    st.dictionaries(
        st.sampled_from("XYZ"), st.lists(st.sampled_from(["a", "..", "b/c"]), min_size=1, max_size=3)
    )
)
def test_every_evaluation_is_among_the_possible_paths(authored: dict[str, list[str]]) -> None:
    from pxr import Sdf

    expression = '`"${X}/${Y}/k.usda"`'
    variables = Variables()
    for name, values in authored.items():
        for value in values:
            variables.add({name: value})
    found = possible_paths(expression, variables)
    assert found is not None
    for x in authored.get("X", [None]):
        for y in authored.get("Y", [None]):
            given_values = {k: v for k, v in (("X", x), ("Y", y)) if v is not None}
            assert Sdf.VariableExpression(expression).Evaluate(given_values).value in found


def test_variables_behind_values_count() -> None:
    variables = Variables()
    variables.add({"X": '`"${Y}"`'})
    variables.add({"Y": "deep"})
    assert "deep/k.usda" in (possible_paths('`"${X}/k.usda"`', variables) or ())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "TGA"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_image_headers_say_what_pillow_says(kind: str, mode: str) -> None:
    from PIL import Image

    out = io.BytesIO()
    Image.new(mode, (37, 11)).save(out, kind)
    size = image_size(out.getvalue())
    assert size is not None
    assert (size.kind, size.width, size.height) == (kind.lower(), 37, 11)
    if kind in ("PNG", "JPEG"):
        assert size.channels == len(mode)


def test_exr_and_hdr_headers() -> None:
    text = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 12 +X 34\n"
    size = image_size(text)
    assert size is not None
    assert (size.kind, size.width, size.height) == ("hdr", 34, 12)
    channels = b"".join(n + b"\0" + struct.pack("<iIii", 1, 0, 1, 1) for n in (b"B", b"G", b"R")) + b"\0"
    exr = b"\x76\x2f\x31\x01\x02\0\0\0" + b"channels\0chlist\0" + struct.pack("<i", len(channels)) + channels
    exr += b"dataWindow\0box2i\0" + struct.pack("<iiiii", 16, -1, 0, 8, 4) + b"\0"
    size = image_size(exr)
    assert size is not None
    assert (size.kind, size.width, size.height, size.channels) == ("exr", 10, 5, 3)


def test_real_images(shared: Path) -> None:
    from PIL import Image

    checked = 0
    for path in (
        sorted((shared / "assets").rglob("*.png"))[:40] + sorted((shared / "assets").rglob("*.jpg"))[:40]
    ):
        with Image.open(path) as image:
            size = image_size(path.read_bytes())
            assert size is not None
            assert (size.width, size.height) == image.size
        checked += 1
    assert checked > 20
    exrs = sorted((shared / "assets").rglob("*.exr"))
    assert exrs
    assert all(image_size(path.read_bytes()) is not None for path in exrs)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x76\x2f\x31\x01", b"#?RGBE\n\n", b""]),
)
def test_no_header_raises(data: bytes, magic: bytes) -> None:
    image_size(magic + data)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/abs", "\\abs", "C:\\x", "C:/x", "a/..", "..\\x"])
def test_entry_names_that_lead_out(name: str) -> None:
    assert leads_out(name)


@pytest.mark.parametrize("name", ["a/b.usda", "a..b/c", "0/x.png", "..."])
def test_entry_names_that_do_not(name: str) -> None:
    assert not leads_out(name)


def test_packages(tmp_path: Path) -> None:
    path = tmp_path / "a.usdz"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("root.usda", "#usda 1.0\n")
        package.writestr("../slip.txt", "x")
    found, opens = check_package(path)
    assert ([f.code for f in found], opens) == (["archive.entry-name"], True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("root.usda", "#usda 1.0\n" * 100)
    found, opens = check_package(path)
    assert ([f.code for f in found], opens) == (["archive.compressed"], False)
    path.write_bytes(b"PK\3\4 no package")
    found, opens = check_package(path)
    assert ([f.code for f in found], opens) == (["archive.unreadable"], False)


def test_a_package_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.usdz"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("root.usda", "#usda 1.0\n" * 100)
    monkeypatch.setattr("twinstage.scene.safe.archive.MAX_PACKAGE_BYTES", 999)
    found, opens = check_package(path)
    assert ([f.code for f in found], opens) == (["archive.size"], False)


@given(st.lists(st.floats(width=64), min_size=16, max_size=16))
def test_usable_matrices(numbers: list[float]) -> None:
    matrix = np.array(numbers).reshape(1, 4, 4)
    expected = all(math.isfinite(x) and abs(x) <= MAX_COORDINATE_M for x in numbers)
    assert bool(usable(matrix)[0]) == expected


def test_the_page_shows_the_limits_that_hold(root: Path) -> None:
    from twinstage.scene.probe import ProbeLimits
    from twinstage.scene.safe import limits

    lines = (root / "docs" / "safety.md").read_text().splitlines()
    shown = {
        cells[0].strip("` "): float(cells[1].replace(",", ""))
        for cells in (line.strip("|").split("|") for line in lines if line.startswith(("| `M", "| `Probe")))
    }
    names = [name for name in vars(limits) if name.startswith(("MAX_", "MIN_"))]
    expected = {name: float(getattr(limits, name)) for name in names}
    expected |= {f"ProbeLimits.{name}": float(getattr(ProbeLimits(), name)) for name in ("time_s", "memory")}
    assert shown == expected
