"""What glass does to a picture: fall-off of light, colours of different size, softness. Pure, on f4[h, w, channels]."""

import numpy as np

from twinstage.render.capture import Camera
from twinstage.scene.columns import F4, F8


def cos4(camera: Camera) -> F8:
    """Natural vignetting f8[h, w]: the fourth power of the cosine between each pixel's ray and the optical axis.

    0 where the lens sees nothing and behind the camera.
    """
    _, rays = camera.local_rays(pixel_centres(camera))
    cosine = rays[..., 2] / np.linalg.norm(rays, axis=-1)
    out: F8 = np.nan_to_num(np.maximum(cosine, 0.0)) ** 4
    return out


def radial(camera: Camera, coefficients: tuple[float, ...]) -> F8:
    """1 + a r^2 + b r^4 + ... as f8[h, w], not below 0; r is 1 at half the image's diagonal from the principal point."""
    offset = pixel_centres(camera) - camera.K[:2, 2]
    square = (offset**2).sum(-1) / ((camera.width**2 + camera.height**2) / 4)
    out = np.ones_like(square)
    for k, coefficient in enumerate(coefficients):
        out += coefficient * square ** (k + 1)
    floor: F8 = np.maximum(out, 0.0)
    return floor


def pixel_centres(camera: Camera) -> F8:
    """f8[h, w, 2] [px]."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    return np.stack([x, y], -1)


def scaled_about(image: np.ndarray, centre: np.ndarray, scale: float) -> np.ndarray:
    """One channel [h, w] enlarged by `scale` about `centre` (x, y) [px], bilinear; the border's pixels go on outside."""
    height, width = image.shape
    x = centre[0] + (np.arange(width) + 0.5 - centre[0]) / scale - 0.5
    y = centre[1] + (np.arange(height) + 0.5 - centre[1]) / scale - 0.5
    rows, row_share = _split(y, height)
    columns, column_share = _split(x, width)
    down = image[rows] * (1 - row_share)[:, None] + image[rows + 1] * row_share[:, None]
    out: np.ndarray = down[:, columns] * (1 - column_share) + down[:, columns + 1] * column_share
    return out


def _split(at: F8, size: int) -> tuple[np.ndarray, F8]:
    """The pixel before each place, and the share of the next."""
    if size == 1:
        raise ValueError("an image of one row or column cannot be resampled")
    before = np.clip(np.floor(at).astype(np.int64), 0, size - 2)
    return before, np.clip(at - before, 0.0, 1.0)


def blurred(image: F4, sigma: float) -> F4:
    """An image [h, w, ...] under a Gaussian of that sigma [px], cut at 4 sigma; the border's pixels go on outside."""
    radius = max(int(np.ceil(4 * sigma)), 1)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    out = np.asarray(image, np.float32)
    for axis in (0, 1):
        padding = [(0, 0)] * out.ndim
        padding[axis] = (radius, radius)
        padded = np.pad(out, padding, mode="edge")
        total = np.zeros_like(out)
        for k, tap in enumerate(taps.tolist()):
            total += np.float32(tap) * np.take(padded, range(k, k + out.shape[axis]), axis)
        out = total
    return out
