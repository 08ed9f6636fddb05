"""The texture images, made from seeded noise: small, tileable, 8-bit PNG."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw

SEED = 20260101


def noise(name: str, size: int, cells: int, cells_y: int | None = None) -> np.ndarray:
    """Tileable value noise f8[size, size] in [0, 1]: `cells` random knots across, smoothly interpolated."""
    ny = cells if cells_y is None else cells_y
    key = SEED + sum(ord(c) * 131**i for i, c in enumerate(name)) % 2**31
    knots = np.random.Generator(np.random.Philox(key)).random((ny, cells))
    rows, fy = _knot(size, ny)
    columns, fx = _knot(size, cells)
    a = knots[rows][:, columns]
    b = knots[rows][:, (columns + 1) % cells]
    c = knots[(rows + 1) % ny][:, columns]
    d = knots[(rows + 1) % ny][:, (columns + 1) % cells]
    out: np.ndarray = (a * (1 - fx) + b * fx) * (1 - fy)[:, None] + (c * (1 - fx) + d * fx) * fy[:, None]
    return out


def _knot(size: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(size) * cells / size
    index = at.astype(np.int64)
    f = at - index
    blend: np.ndarray = f * f * (3 - 2 * f)
    return index, blend


def layers(name: str, size: int, *parts: tuple[int, float]) -> np.ndarray:
    """A weighted sum of noises, zero-mean: (cells, weight) each."""
    out: np.ndarray = np.zeros((size, size))
    for cells, weight in parts:
        out += (noise(f"{name}{cells}", size, cells) - 0.5) * weight
    return out


def quantise(values: np.ndarray, levels: int = 32) -> np.ndarray:
    """f8 in [0, 1] -> u1 on few levels, which deflate well."""
    steps: np.ndarray = np.round(np.round(np.clip(values, 0, 1), 6) * (levels - 1))
    return np.round(steps * 255 / (levels - 1)).astype(np.uint8)


def grey(values: np.ndarray, levels: int = 32) -> Image.Image:
    """A grey image, stored as rgb so that every reader takes it for a colour."""
    return Image.fromarray(np.repeat(quantise(values, levels)[..., None], 3, 2))


def tinted(
    values: np.ndarray, dark: tuple[int, int, int], light: tuple[int, int, int], levels: int = 24
) -> Image.Image:
    """A blend between two sRGB colours."""
    t = quantise(values, levels)[..., None] / 255.0
    return Image.fromarray(np.round(np.array(dark) * (1 - t) + np.array(light) * t).astype(np.uint8))


def normal_from_height(height: np.ndarray, strength: float) -> Image.Image:
    """A tangent-space normal map (OpenGL: green up) of a tileable height field."""
    dx = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * strength
    dy = (np.roll(height, 1, 0) - np.roll(height, -1, 0)) * strength
    n = np.stack([-dx, -dy, np.ones_like(height)], -1)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    return Image.fromarray(np.round(np.round((n + 1) / 2, 6) * 255).astype(np.uint8))


def concrete() -> Image.Image:
    size = 512
    v = 0.55 + layers("concrete", size, (3, 0.35), (7, 0.3), (19, 0.22), (64, 0.12), (256, 0.14))
    return tinted(v, (112, 113, 112), (164, 164, 161), 16)


def cardboard() -> Image.Image:
    size = 256
    v = 0.55 + layers("cardboard", size, (4, 0.3), (16, 0.14), (96, 0.16))
    v = (
        v
        + 0.12 * (noise("fibre", size, 6, 128) - 0.5)
        + 0.03 * np.sin(np.arange(size) * 2 * math.pi * 40 / size)
    )
    return tinted(v, (156, 115, 72), (198, 155, 108), 20)


def wood() -> Image.Image:
    size = 256
    grain = noise("grain", size, 3, 64) * 0.6 + noise("grain2", size, 2, 128) * 0.4
    v = 0.5 + 0.9 * (grain - 0.5) + layers("wood", size, (5, 0.35))
    return tinted(v, (140, 106, 66), (207, 172, 122), 20)


def speckle() -> Image.Image:
    size = 128
    return grey(0.5 + layers("speckle", size, (3, 0.7), (8, 0.4), (40, 0.25)), 16)


def brushed() -> Image.Image:
    size = 128
    v = 0.5 + 0.6 * (noise("brush", size, 2, 128) - 0.5) + layers("brushed", size, (4, 0.5))
    return grey(v, 16)


def spangle() -> Image.Image:
    size = 128
    return grey(0.5 + layers("spangle", size, (5, 0.4), (14, 0.7), (30, 0.4)), 12)


def belt() -> Image.Image:
    size = 128
    return tinted(0.5 + layers("belt", size, (4, 0.5), (32, 0.4), (64, 0.3)), (34, 36, 38), (58, 61, 63), 12)


def belt_normal() -> Image.Image:
    size = 64
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    weave = np.sin(x * 2 * math.pi * 8 / size) * np.sin(y * 2 * math.pi * 8 / size)
    return normal_from_height(weave, 0.25)


def corrugated_normal() -> Image.Image:
    """A trapezoid sheet profile: flat, slope, flat, slope."""
    size = 64
    at = np.arange(size) / size
    profile = np.clip(2.6 * np.sin(2 * math.pi * at), -1, 1)
    return normal_from_height(np.repeat(profile[None], 8, 0), 1.2)


def line() -> Image.Image:
    """Worn yellow floor paint."""
    size = 128
    wear = layers("line", size, (4, 0.5), (20, 0.5), (64, 0.5))
    return tinted(0.72 + wear, (176, 142, 62), (236, 186, 22), 12)


def hazard() -> Image.Image:
    """Black and yellow diagonals; one repeat holds one pair of stripes."""
    size = 128
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    yellow = ((x + y) % size) < size // 2
    wear = layers("hazard", size, (5, 0.25), (40, 0.3))
    base = np.where(yellow[..., None], (232, 182, 20), (34, 34, 34)) * (0.92 + 0.25 * wear[..., None])
    return Image.fromarray((np.round(np.clip(base, 0, 255) / 8) * 8).clip(0, 255).astype(np.uint8))


def label() -> Image.Image:
    """A shipping label: address lines, a bar code, a square code."""
    image = Image.new("RGB", (192, 128), (250, 250, 246))
    draw = ImageDraw.Draw(image)
    draw.rectangle((2, 2, 189, 125), outline=(60, 60, 60))
    bits = np.random.Generator(np.random.Philox(SEED)).integers(0, 2, 600)
    for i in range(56):
        if bits[i]:
            draw.rectangle((12 + 2 * i, 68, 13 + 2 * i, 112), fill=(20, 20, 20))
    for y, length in ((14, 90), (24, 70), (34, 82), (48, 50)):
        draw.rectangle((12, y, 12 + length, y + 4), fill=(70, 70, 70))
    for row in range(14):
        for column in range(14):
            if bits[60 + row * 14 + column] or row in (0, 13) or column in (0, 13):
                draw.rectangle(
                    (132 + 3 * column, 12 + 3 * row, 134 + 3 * column, 14 + 3 * row), fill=(20, 20, 20)
                )
    draw.rectangle((132, 72, 176, 110), outline=(20, 20, 20), width=3)
    draw.polygon([(154, 78), (146, 90), (162, 90)], fill=(20, 20, 20))
    draw.rectangle((151, 90, 157, 104), fill=(20, 20, 20))
    return image


def gauge() -> Image.Image:
    """A dial with a green and a red sector."""
    size = 128
    image = Image.new("RGB", (size, size), (244, 244, 240))
    draw = ImageDraw.Draw(image)
    draw.arc((10, 10, 117, 117), 135, 330, fill=(40, 140, 70), width=7)
    draw.arc((10, 10, 117, 117), 330, 405, fill=(190, 40, 30), width=7)
    for k in range(11):
        a = math.radians(135 + 27 * k)
        c, s = round(math.cos(a), 6), round(math.sin(a), 6)
        draw.line((64 + 36 * c, 64 + 36 * s, 64 + 46 * c, 64 + 46 * s), fill=(20, 20, 20), width=3)
    return image


def screen() -> Image.Image:
    """An operator panel: tiles, a trend, a bar."""
    image = Image.new("RGB", (160, 100), (12, 22, 34))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 159, 14), fill=(20, 70, 120))
    draw.rectangle((6, 4, 60, 10), fill=(200, 220, 235))
    for k, colour in enumerate(((30, 160, 90), (30, 160, 90), (210, 150, 20))):
        draw.rectangle((8 + 50 * k, 22, 50 + 50 * k, 40), fill=colour)
    points = [(8 + 4 * i, 78 - round(10 * math.sin(i * 0.42) + 5 * math.sin(i * 1.1))) for i in range(26)]
    draw.rectangle((6, 48, 110, 94), outline=(60, 90, 110))
    draw.line(points, fill=(70, 200, 230), width=2)
    for k in range(5):
        draw.rectangle((118, 50 + 9 * k, 118 + 8 * (5 - k), 55 + 9 * k), fill=(80, 140, 190))
    return image


IMAGES = {
    f.__name__: f
    for f in (
        concrete, cardboard, wood, speckle, brushed, spangle, belt, belt_normal, corrugated_normal,
        line, hazard, label, gauge, screen,
    )
}  # fmt: skip


def encode(image: Image.Image) -> bytes:
    """PNG bytes; with a palette where few colours make it smaller."""
    best = b""
    candidates = [image]
    if image.getcolors(256):
        candidates.append(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256))
    for candidate in candidates:
        out = io.BytesIO()
        candidate.save(out, "PNG", optimize=True)
        if not best or len(out.getvalue()) < len(best):
            best = out.getvalue()
    return best
