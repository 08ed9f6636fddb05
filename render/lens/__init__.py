"""Lenses: how places on the image become rays, and points become places. One kind a file.

    base.py             the protocol
    pinhole.py          straight lines stay straight
    opencv.py           Brown-Conrady, rational, thin prism, tilted: OpenCV's distortion
    fisheye.py          Kannala-Brandt: OpenCV's fisheye, past 180 degrees
    equirectangular.py  panoramas
    orthographic.py     parallel rays
    spec.py             from plain data and back

A lens works in normalised coordinates xy: the camera's `K` is applied before it, its pose after it. So one pair of
functions serves labels, pictures, sensors and exports, and they agree at the pixel.
"""

from twinstage.render.lens.base import Lens
from twinstage.render.lens.equirectangular import EQUIRECTANGULAR, Equirectangular
from twinstage.render.lens.fisheye import Fisheye
from twinstage.render.lens.opencv import OpenCV
from twinstage.render.lens.orthographic import ORTHOGRAPHIC, Orthographic
from twinstage.render.lens.pinhole import PINHOLE, Pinhole
from twinstage.render.lens.spec import lens_data, lens_from, lens_of_data

__all__ = [
    "EQUIRECTANGULAR",
    "ORTHOGRAPHIC",
    "PINHOLE",
    "Equirectangular",
    "Fisheye",
    "Lens",
    "OpenCV",
    "Orthographic",
    "Pinhole",
    "lens_data",
    "lens_from",
    "lens_of_data",
]
