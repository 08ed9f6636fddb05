"""Lenses: how places on the image become rays, and points become places. One kind a file.

    base.py          the protocol
    pinhole.py       straight lines stay straight
    orthographic.py  parallel rays

A lens works in normalised coordinates xy: the camera's `K` is applied before it, its pose after it. So one pair of
functions serves labels, pictures, sensors and exports, and they agree at the pixel.
"""

from twinstage.render.lens.base import Lens
from twinstage.render.lens.orthographic import ORTHOGRAPHIC, Orthographic
from twinstage.render.lens.pinhole import PINHOLE, Pinhole

__all__ = ["ORTHOGRAPHIC", "PINHOLE", "Lens", "Orthographic", "Pinhole"]
