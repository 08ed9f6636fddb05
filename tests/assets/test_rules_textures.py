"""Image files that were damaged in known ways."""

import io
import struct
import zlib

import pytest
from PIL import Image

from twinstage.assets.rules import about
from twinstage.assets.rules.textures import read_texture
from twinstage.base.finding import Finding


def encoded(kind: str, mode: str = "RGB", side: int = 64) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 60).convert(mode).save(out, kind)
    return out.getvalue()


def told(data: bytes, name: str = "./a.png") -> list[Finding]:
    return list(about("texture", read_texture(name, data), "/M/T.inputs:file"))


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif"), ("BMP", "a.bmp")]
)
def test_whole_pictures_are_no_findings(kind: str, name: str) -> None:
    assert told(encoded(kind), name) == []


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif")])
def test_pictures_that_end_early(kind: str, name: str) -> None:
    data = encoded(kind)
    for share in (0.4, 0.7, 0.95):
        found = told(data[: int(share * len(data))], name)
        assert [(f.code, f.severity) for f in found] in (
            [("texture.damaged", "error")],
            [("texture.unreadable", "error")],
        )


def test_a_byte_among_the_pixels_is_changed() -> None:
    data = bytearray(encoded("PNG"))
    data[len(data) // 2] ^= 0xFF
    (found,) = told(bytes(data))
    assert (found.code, found.severity) == ("texture.damaged", "error")


def test_a_wrong_checksum_over_good_pixels_is_a_warning() -> None:
    data = bytearray(encoded("PNG", side=8))
    at = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, at - 4)
    check = zlib.crc32(data[at : at + 4 + length])
    struct.pack_into(">I", data, at + 4 + length, check ^ 1)
    (found,) = told(bytes(data))
    assert (found.code, found.severity) == ("texture.damaged", "warning")


def test_colours_of_printers_names_and_sizes() -> None:
    assert [f.code for f in told(encoded("JPEG", "CMYK"), "a.jpg")] == ["texture.cmyk"]
    assert [f.code for f in told(encoded("JPEG"), "a.png")] == ["texture.extension"]
    assert [f.code for f in told(b"", "a.png")] == ["texture.empty"]
    assert [f.code for f in told(b"<html>", "a.png")] == ["texture.unreadable"]
    wide = bytearray(encoded("PNG"))
    struct.pack_into(">II", wide, 16, 20_000, 20_000)
    assert "texture.pixels" in [f.code for f in told(bytes(wide))]
    assert read_texture("a.png", encoded("PNG", side=64)).decoded == 64 * 64 * 4 * 4 // 3
