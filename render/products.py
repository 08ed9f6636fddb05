"""Cameras of the pictures that a stage's author asked for (UsdRenderProduct): aspect ratios, pixels and data windows.

Source: UsdRenderSettingsBase, "aspectRatioConformPolicy", "pixelAspectRatio" and "dataWindowNDC".
"""

from dataclasses import replace

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import camera_from_scene, find_camera
from twinstage.render.capture import Camera
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import RenderProduct, SceneCamera, Snapshot

POLICIES = (
    "expandAperture",
    "cropAperture",
    "adjustApertureWidth",
    "adjustApertureHeight",
    "adjustPixelAspectRatio",
)
MOST_PIXELS = 1 << 28


def find_product(snapshot: Snapshot, name: str) -> RenderProduct:
    """The stage's render product of that path, prim name or file name; raises UserError with the known ones."""
    for product in snapshot.render_products:
        if name in (product.path, product.path.rpartition("/")[2], product.name):
            return product
    known = [product.path for product in snapshot.render_products]
    raise UserError(f"no render product {name!r} in {snapshot.stage.path}{did_you_mean(name, known)}")


def camera_from_product(snapshot: Snapshot, product: RenderProduct) -> Camera:
    """The camera of a render product: the resolution's pixels, or those of its data window.

    A pixel belongs to the data window where its centre lies in it. Raises UserError for a product without a camera, with
    a policy that USD does not know, or without a pixel.
    """
    if not product.camera:
        raise UserError(f"render product {product.path} names no camera")
    width, height = product.resolution
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise UserError(f"render product {product.path} has a resolution of {width} x {height}")
    scene_camera = conformed(find_camera(snapshot, product.camera), product)
    camera = camera_from_scene(snapshot, scene_camera, width, height)
    return _windowed(camera, product)


def conformed(scene_camera: SceneCamera, product: RenderProduct) -> SceneCamera:
    """The camera with apertures of the picture's aspect ratio, by the product's policy.

    adjustPixelAspectRatio keeps both apertures, so pixels take the shape that they must. A calibrated lens (`SceneLens`
    with intrinsics) states its own pixels and stays as it is.
    """
    if product.aspect_policy not in POLICIES:
        raise UserError(
            f"render product {product.path} has the aspectRatioConformPolicy {product.aspect_policy!r}"
            f"{did_you_mean(product.aspect_policy, POLICIES)}"
        )
    if not product.pixel_aspect_ratio > 0:
        raise UserError(
            f"render product {product.path} has a pixelAspectRatio of {product.pixel_aspect_ratio:g}"
        )
    h, v = scene_camera.horizontal_aperture, scene_camera.vertical_aperture
    policy = product.aspect_policy
    if policy == "adjustPixelAspectRatio" or min(h, v) <= 0:
        return scene_camera
    aspect = product.resolution[0] * product.pixel_aspect_ratio / product.resolution[1]
    wider = aspect > h / v
    across = {"expandAperture": wider, "cropAperture": not wider}.get(policy, policy == "adjustApertureWidth")
    if across:
        return replace(scene_camera, horizontal_aperture=v * aspect)
    return replace(scene_camera, vertical_aperture=h / aspect)


def _windowed(camera: Camera, product: RenderProduct) -> Camera:
    """The camera of the pixels whose centres are in the data window (from 0 to 1, origin at the lower left)."""
    x0, y0, x1, y1 = product.data_window
    if (x0, y0, x1, y1) == (0.0, 0.0, 1.0, 1.0):
        return camera
    left, right = _span(x0, x1, camera.width)
    top, bottom = _span(1.0 - y1, 1.0 - y0, camera.height)
    if right <= left or bottom <= top or (right - left) * (bottom - top) > MOST_PIXELS:
        raise UserError(
            f"render product {product.path} has the data window {product.data_window}, which holds no picture"
        )
    k = np.array(camera.K)
    k[0, 2] -= left
    k[1, 2] -= top
    return replace(camera, width=right - left, height=bottom - top, K=frozen(k, np.float64))


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """First pixel and the one after the last whose centres lie from `low` to `high`; a window may exceed the image."""
    return int(np.ceil(low * size - 0.5)), int(np.floor(high * size - 0.5)) + 1
