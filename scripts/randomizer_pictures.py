"""Writes the small pictures of examples/randomizers: textures, skies (Radiance HDR) and backgrounds. All are computed.

python scripts/randomizer_pictures.py
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent.parent / "examples" / "randomizers"
SKY = (96, 48)


def smooth(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Soft noise f8[height, width] from 0 to 1 that wraps around."""
    grid = rng.random((cells, cells))
    y, x = np.linspace(0, cells, height, endpoint=False), np.linspace(0, cells, width, endpoint=False)
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (3 - 2 * (y - y0)) * (y - y0) ** 2, (3 - 2 * (x - x0)) * (x - x0) ** 2
    rows = [grid[(y0 + k) % cells] for k in (0, 1)]
    top, bottom = (r[:, x0 % cells] * (1 - fx) + r[:, (x0 + 1) % cells] * fx for r in rows)
    return np.asarray(top * (1 - fy)[:, None] + bottom * fy[:, None])


def carton(rng: np.random.Generator) -> np.ndarray:
    """Cardboard with tape and a printed label, u1[64, 64, 3]."""
    out = np.array([188, 146, 98.0]) + 10 * (smooth(rng, 64, 64, 8)[..., None] - 0.5)
    out[:, 27:37] = [205, 172, 120]
    out[8:24, 40:60] = [238, 236, 230]
    out[11:13, 42:58] = out[15:16, 42:54] = [60, 60, 64]
    for x in (42, 44, 47, 48, 51, 53, 56):
        out[18:23, x] = [30, 30, 32]
    out[46:56, 6:16] = [150, 60, 40]
    return out


def wood(rng: np.random.Generator) -> np.ndarray:
    """Planks, u1[96, 96, 3]."""
    grain = smooth(rng, 96, 96, 24)
    grain = np.repeat(grain[:, ::8], 8, axis=1) * 0.6 + smooth(rng, 96, 96, 4) * 0.4
    plank = np.repeat(rng.random(6), 16)[:, None]
    out = np.array([150, 102, 62.0]) * (0.82 + 0.22 * plank + 0.12 * (grain - 0.5))[..., None]
    out[::16] *= 0.6
    return out


def studio(turn: np.ndarray, height: np.ndarray) -> np.ndarray:
    """A dark room with two soft boxes and a strip above."""
    light = np.full((*turn.shape, 3), 0.05)
    for at, wide, low, high, color in (
        (60, 28, 15, 60, (9, 8.6, 8)), (215, 35, 5, 50, (4, 4.3, 5)), (330, 10, 30, 85, (6, 6, 6)),
    ):  # fmt: skip
        away = np.abs((np.degrees(turn) - at + 180) % 360 - 180)
        light[(away < wide) & (height > np.radians(low)) & (height < np.radians(high))] = color
    return light


def sunset(turn: np.ndarray, height: np.ndarray) -> np.ndarray:
    """A low sun in an orange to blue sky over dark ground."""
    up = np.clip(np.sin(height), 0, 1)[..., None]
    sky = np.array([1.3, 0.55, 0.22]) * np.exp(-5 * up) + np.array([0.16, 0.25, 0.5]) * (1 - np.exp(-3 * up))
    toward = np.cos(height) * np.cos(turn - 1.0) * np.cos(0.15) + np.sin(height) * np.sin(0.15)
    sky = (
        sky
        + np.array([90, 45, 16]) * (toward[..., None] > 0.99)
        + np.array([2.5, 1.0, 0.3]) * np.exp(18 * (toward[..., None] - 1))
    )
    return np.where(height[..., None] > 0, sky, np.array([0.06, 0.05, 0.05]))


def overcast(turn: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The CIE overcast sky, three times as bright overhead as at the horizon, over grey ground."""
    sky = (1 + 2 * np.clip(np.sin(height), 0, 1)) / 3 * 1.4
    return np.where(height > 0, sky, 0.25)[..., None] * np.array([0.93, 0.97, 1.0])


def hdr_bytes(light: np.ndarray) -> bytes:
    """A Radiance picture (32-bit_rle_rgbe, flat scan lines; G. Ward, "Real Pixels") of f8[h, w, 3]."""
    peak = light.max(-1)
    mantissa, exponent = np.frexp(peak)
    scale = np.where(peak > 1e-32, mantissa * 256 / np.maximum(peak, 1e-32), 0)
    pixels = np.zeros((*light.shape[:2], 4), np.uint8)
    pixels[..., :3] = light * scale[..., None]
    pixels[..., 3] = np.where(peak > 1e-32, exponent + 128, 0)
    head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {light.shape[0]} +X {light.shape[1]}\n"
    return head.encode() + pixels.tobytes()


def workshop(rng: np.random.Generator) -> np.ndarray:
    """Blurred uprights in grey and blue, u1[192, 256, 3]."""
    out = np.tile(np.linspace(120, 60, 192)[:, None, None], (1, 256, 3)) * [0.9, 1.0, 1.1]
    for _ in range(14):
        x, w, tone = int(rng.integers(0, 240)), int(rng.integers(4, 26)), rng.uniform(0.5, 1.4)
        out[int(rng.integers(20, 120)) :, x : x + w] *= tone * rng.uniform(0.9, 1.1, 3)
    return blurred(out, 5)


def meadow(rng: np.random.Generator) -> np.ndarray:
    """Green below a pale sky, u1[192, 256, 3]."""
    line = 95 + 14 * smooth(rng, 1, 256, 5)[0]
    ground = np.arange(192)[:, None] > line
    sky = np.array([150, 185, 225.0]) + 50 * smooth(rng, 192, 256, 6)[..., None]
    grass = np.array([70, 105, 45.0]) * (0.6 + 0.8 * smooth(rng, 192, 256, 40)[..., None])
    return blurred(np.where(ground[..., None], grass, sky), 2)


def patches(rng: np.random.Generator) -> np.ndarray:
    """Coloured shapes, the usual synthetic clutter, u1[192, 256, 3]."""
    out = np.full((192, 256, 3), 110.0)
    y, x = np.mgrid[:192, :256]
    for _ in range(40):
        cy, cx, r = rng.uniform(0, 192), rng.uniform(0, 256), rng.uniform(10, 45)
        inside = (
            (np.hypot(y - cy, x - cx) < r)
            if rng.random() < 0.5
            else (np.abs(y - cy) < r / 2) & (np.abs(x - cx) < r)
        )
        out[inside] = rng.uniform(20, 240, 3)
    return out


def blurred(picture: np.ndarray, steps: int) -> np.ndarray:
    """A box blur, several times."""
    for _ in range(steps):
        for axis in (0, 1):
            picture = (np.roll(picture, 1, axis) + picture + np.roll(picture, -1, axis)) / 3
    return picture


def main() -> None:
    """All pictures."""
    from PIL import Image

    for folder in ("textures", "hdri", "backgrounds"):
        (OUT / folder).mkdir(parents=True, exist_ok=True)
    for texture in (carton, wood):
        pixels = np.clip(texture(np.random.Generator(np.random.PCG64(5))), 0, 255).astype(np.uint8)
        picture = Image.fromarray(pixels).quantize(32, dither=Image.Dither.NONE)
        picture.convert("RGB").save(OUT / "textures" / f"{texture.__name__}.png", optimize=True)
    width, height = SKY
    turn, up = np.meshgrid(
        (np.arange(width) + 0.5) / width * 2 * np.pi, np.pi / 2 - (np.arange(height) + 0.5) / height * np.pi
    )
    skies: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (studio, sunset, overcast)
    for sky in skies:
        (OUT / "hdri" / f"{sky.__name__}.hdr").write_bytes(hdr_bytes(sky(turn, up)))
    for background in (workshop, meadow, patches):
        pixels = np.clip(background(np.random.Generator(np.random.PCG64(7))), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(OUT / "backgrounds" / f"{background.__name__}.jpg", quality=80)


if __name__ == "__main__":
    main()
