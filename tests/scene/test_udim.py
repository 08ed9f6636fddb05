"""UDIM sets become one image: every texel is where the tiles' numbers say, by PIL and by sampling."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.read.udim import ATLAS_AREA, ATLAS_EDGE, bake_atlas
from twinstage.scene.snapshot import Snapshot, TextureInput
from twinstage.scene.stage import open_stage


def tile(color: tuple[int, int, int], edge: int = 8, mode: str = "RGB") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (edge, edge), color).convert(mode).save(out, "PNG")
    return out.getvalue()


def sampled(s: Snapshot, source: TextureInput, u: float, v: float) -> tuple[int, ...]:
    """The stored texel at uv, by the definition of TextureInput; (0, 0, 0) outside."""
    from PIL import Image

    cos, sin = np.cos(source.uv_rotation), np.sin(source.uv_rotation)
    x, y = u * source.uv_scale[0], v * source.uv_scale[1]
    a, b = cos * x - sin * y + source.uv_translation[0], sin * x + cos * y + source.uv_translation[1]
    assert (source.wrap_s, source.wrap_t) == ("black", "black")
    if not (0 <= a < 1 and 0 <= b < 1):
        return (0, 0, 0)
    image = Image.open(io.BytesIO(s.textures[source.texture].data)).convert("RGB")
    return image.getpixel((int(a * image.width), int((1 - b) * image.height)))


COLORS = {1001: (250, 0, 0), 1003: (0, 250, 0), 1012: (0, 0, 250)}


def stage(usda: Any, extra: str = "", path: str = "./t.<UDIM>.png", st: str = "") -> str:
    return usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", f"asset inputs:file = @{path}@", st, extra)
        + usda.shader(
            "X", "UsdTransform2d", "float inputs:rotation = 90", "float2 inputs:translation = (2, 0)"
        ),
    )


@pytest.mark.parametrize("path", ["./t.<UDIM>.png", "t.<UDIM>.png", "sub\\t.<UDIM>.png"])
def test_each_tile_is_where_its_number_says(read_text: Any, usda: Any, tmp_path: Path, path: str) -> None:
    folder = tmp_path / ("sub" if "sub" in path else ".")
    folder.mkdir(exist_ok=True)
    for number, color in COLORS.items():
        (folder / f"t.{number}.png").write_bytes(tile(color))
    s = read_text(stage(usda, path=path))
    source = s.materials[0].textures[0][1]
    for number, color in COLORS.items():
        u, v = (number - 1001) % 10, (number - 1001) // 10
        for du, dv in [(0.1, 0.1), (0.9, 0.9), (0.5, 0.2)]:
            assert sampled(s, source, u + du, v + dv) == color
    assert sampled(s, source, 1.5, 0.5) == (0, 0, 0)  # tile 1002 is missing: the fallback, black
    told = [f.message for f in s.findings if f.code == "texture.udim"]
    assert len(told) == 1 and "has no tile 1002, 1011, 1013" in told[0]


def test_missing_tiles_show_the_fallback_after_scale_and_bias(
    read_text: Any, usda: Any, tmp_path: Path
) -> None:
    for number, color in COLORS.items():
        (tmp_path / f"t.{number}.png").write_bytes(tile(color))
    lines = "float4 inputs:fallback = (0.5, 0.25, 0.5, 1)\n float4 inputs:scale = (2, 1, 1, 1)\n"
    lines += " float4 inputs:bias = (0, 0, 0.25, 0)"
    s = read_text(stage(usda, lines + '\n token inputs:sourceColorSpace = "raw"'))
    stored = np.array(sampled(s, s.materials[0].textures[0][1], 1.5, 0.5)) / 255
    assert stored * [2, 1, 1] + [0, 0, 0.25] == pytest.approx([0.5, 0.25, 0.5], abs=0.01)


def test_turned_coordinates_still_find_their_tile(read_text: Any, usda: Any, tmp_path: Path) -> None:
    for number, color in COLORS.items():
        (tmp_path / f"t.{number}.png").write_bytes(tile(color))
    s = read_text(stage(usda, st="float2 inputs:st.connect = </M/X.outputs:result>"))
    source = s.materials[0].textures[0][1]
    # (u, v) is turned by 90 degrees and moved by (2, 0): (2 - v, u).
    for u, v, number in [
        (0.5, 1.5, 1001),
        (1.5, 0.5, 1012),
        (1.5, 1.5, 1011),
        (0.4, -0.5, 1003),
        (0.4, 1.9, 1001),
    ]:
        assert sampled(s, source, u, v) == COLORS.get(number, (0, 0, 0))


def test_the_same_set_in_a_package(shared: Path) -> None:
    folder = shared / "assets/features/pixar/udim"
    plain = read_snapshot(open_stage(folder / "usdUdims.usda", probe=False))
    packed = read_snapshot(open_stage(folder / "usdUdims.usdz", probe=False))
    assert [t.hash for t in packed.textures] == [t.hash for t in plain.textures]
    assert packed.materials[0].textures == plain.materials[0].textures


def test_real_tiles_against_pil(shared: Path) -> None:
    from PIL import Image

    folder = shared / "assets/features/pixar/udim"
    s = read_snapshot(open_stage(folder / "usdUdims.usda", probe=False))
    source = s.materials[0].textures[0][1]
    for number in (1001, 1005, 1012):
        with Image.open(folder / f"texture_{number}.jpg") as image:
            small = image.convert("RGB").resize((64, 64), Image.Resampling.BOX)
        u, v = (number - 1001) % 10, (number - 1001) // 10
        errors = []
        for a, b in [(20, 20), (33, 47), (50, 10), (12, 55)]:
            at = sampled(s, source, u + (a + 0.5) / 64, v + 1 - (b + 0.5) / 64)
            errors.append(np.abs(np.array(at) - small.getpixel((a, b))).max())
        assert np.median(errors) < 60


def test_no_tile_is_told_and_the_fallback_stays(read_text: Any, usda: Any) -> None:
    s = read_text(stage(usda, "float4 inputs:fallback = (0, 0, 1, 1)"))
    assert s.materials[0].diffuse_color == (0, 0, 1) and not s.textures
    assert [f.code for f in s.findings if f.code.startswith("texture")] == ["texture.missing"]


def test_a_tile_outside_the_roots_is_refused(read_text: Any, usda: Any, tmp_path: Path) -> None:
    from twinstage.base.errors import UserError

    outside = tmp_path.parent / "elsewhere"
    outside.mkdir(exist_ok=True)
    (outside / "t.1001.png").write_bytes(tile((1, 2, 3)))
    try:
        # Refused with an error, or left out with a finding: never read.
        try:
            s = read_text(stage(usda, path="../elsewhere/t.<UDIM>.png"))
        except UserError as error:
            assert "outside" in str(error)
        else:
            assert not s.textures and any("outside" in f.message for f in s.findings)
    finally:
        shutil.rmtree(outside)


def test_an_atlas_is_bounded_and_the_same_each_time() -> None:
    from PIL import Image

    tiles = {number: tile((number % 250, 1, 2), 1500) for number in (1001, 1002, 1011, 1012, 1100)}
    atlas = bake_atlas(tiles, (0.0, 0.0, 0.0, 1.0), square=False)
    assert atlas is not None and atlas.shrunk and (atlas.columns, atlas.rows) == (10, 10)
    image = Image.open(io.BytesIO(atlas.data))
    assert max(image.size) <= ATLAS_EDGE and image.width * image.height <= ATLAS_AREA
    assert atlas.data == bake_atlas(tiles, (0.0, 0.0, 0.0, 1.0), square=False).data  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "I;16"])
def test_tiles_of_other_kinds(mode: str) -> None:
    from PIL import Image

    out = io.BytesIO()
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 0x9980, np.uint16)).save(out, "PNG")
        other = out.getvalue()
    else:
        other = tile((153, 153, 153), mode=mode)
    atlas = bake_atlas({1001: tile((9, 9, 9)), 1002: other}, (0, 0, 0, 1), square=False)
    assert atlas is not None
    right = Image.open(io.BytesIO(atlas.data)).convert("RGB").getpixel((12, 4))
    assert np.allclose(right, 153, atol=1)


def test_a_broken_tile_is_named() -> None:
    atlas = bake_atlas({1001: tile((9, 9, 9)), 1002: b"no image"}, (1.0, 1.0, 1.0, 1.0), square=False)
    assert atlas is not None and atlas.unreadable == (1002,)
    assert bake_atlas({1001: b"no image"}, (0, 0, 0, 1), square=False) is None


def test_materialx_images_may_be_sets_too(read_text: Any, usda: Any, tmp_path: Path) -> None:
    for number, color in COLORS.items():
        (tmp_path / f"t.{number}.png").write_bytes(tile(color))
    image = usda.shader("N", "ND_image_color3", f"asset inputs:file = @{tmp_path}/t.<UDIM>.png@")
    s = read_text(usda.standard("color3f inputs:base_color.connect = </M/N.outputs:out>", rest=image))
    assert sampled(s, s.materials[0].textures[0][1], 1.5, 1.5) == COLORS[1012]
