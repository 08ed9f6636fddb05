"""Pictures are decoded by Pillow's own decoders alone: its EPS reader would start Ghostscript on a foreign program."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.render.images import decode
from twinstage.scene.glb_images import decode_with_pillow, header
from twinstage.scene.read import read_snapshot
from twinstage.scene.read.image_facts import Header, mean_color, read_header
from twinstage.scene.read.udim import bake_atlas
from twinstage.scene.safe.images import open_picture
from twinstage.scene.snapshot import Texture
from twinstage.scene.stage import open_stage

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) print\nshowpage\n%%EOF\n"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What would have been given to Ghostscript."""
    from PIL import EpsImagePlugin

    calls: list[object] = []

    def ghostscript(*arguments: object, **more: object) -> Any:
        calls.append(arguments)
        raise OSError("started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ghostscript)
    return calls


def test_the_oracle_would_see_it(started: list[object]) -> None:
    import io

    from PIL import Image

    with pytest.raises(OSError, match="started"):
        Image.open(io.BytesIO(EPS)).load()
    assert len(started) == 1


def test_no_reader_starts_ghostscript(started: list[object]) -> None:
    texture = Texture("x.png", "00", EPS)
    assert read_header(EPS) == Header(0, 0)
    assert mean_color(EPS, srgb=True) == (0.5, 0.5, 0.5, 1.0)
    assert bake_atlas({1001: EPS}, (0, 0, 0, 1), square=False) is None
    for call in (
        lambda: header(texture),
        lambda: decode_with_pillow(texture, 64),
        lambda: decode(texture, 64),
    ):
        with pytest.raises(UserError, match=r"x\.png cannot be read"):
            call()
    with pytest.raises(OSError, match="cannot identify"):
        open_picture(EPS)
    assert started == []


@pytest.mark.parametrize("data", [b"\x76\x2f\x31\x01\x02\0\0\0" + b"x" * 50, b"#?RADIANCE\n\njunk"])
def test_headers_from_which_a_decoder_never_returns_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "sky.exr").write_bytes(data)
    stage = tmp_path / "s.usda"
    stage.write_text(
        '#usda 1.0\n(\n metersPerUnit = 1\n upAxis = "Z"\n)\n'
        'def DomeLight "D" {\n asset inputs:texture:file = @sky.exr@\n}\n'
    )
    snapshot = read_snapshot(open_stage(stage, probe=False))
    assert snapshot.textures == ()
    assert [(f.code, f.path) for f in snapshot.findings] == [("texture.unreadable", "/D.inputs:texture:file")]


def test_an_error_of_a_decoder_is_one_sentence_without_addresses() -> None:
    with pytest.raises(UserError) as told:
        decode(Texture("x.png", "00", b"hello"), 64)
    assert str(told.value) == "texture x.png cannot be read: cannot identify the image"


def test_a_light_without_a_readable_image_shines_without_one(tmp_path: Path) -> None:
    (tmp_path / "sky.png").write_text("hello")
    stage = tmp_path / "s.usda"
    stage.write_text(
        '#usda 1.0\n(\n metersPerUnit = 1\n upAxis = "Z"\n)\n'
        'def DomeLight "D" {\n asset inputs:texture:file = @sky.png@\n}\n'
    )
    snapshot = read_snapshot(open_stage(stage, probe=False))
    assert [light.texture for light in snapshot.lights] == [-1]
    assert [(f.code, f.path) for f in snapshot.findings] == [("texture.unreadable", "/D.inputs:texture:file")]
