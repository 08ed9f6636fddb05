"""Every scene and camera whose answer is known in closed form: what CI tests, and what the soak reports figures of."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from exactness import ours
from exactness.analytic import Report, Scene, Truth, judge
from exactness.eyes import Eye, facing, pinhole
from exactness.stages import Set, card, curved, flat

Place = tuple[float, str, tuple[float, float, float]]

PLACES: dict[str, Place] = {
    "metres, Z-up": (1.0, "Z", (0, 0, 0)),
    "centimetres, Y-up": (0.01, "Y", (0, 0, 0)),
    "inches, Z-up": (0.0254, "Z", (0, 0, 0)),
    "10 km away": (1.0, "Z", (10_000, -10_000, 10)),
    "10 km away, centimetres, Y-up": (0.01, "Y", (10_000, 10, 10_000)),
}
"""Units, up axis and where the scene stands [m]."""

BUILDERS: dict[str, Callable[..., Set]] = {
    "flat": flat,
    "later": partial(flat, later=1.0),
    "curved": curved,
    "card": lambda path, *_: card(path),
}
"""Scenes by name; `later` is `flat` after a motion."""


def front(about: np.ndarray) -> Eye:
    """Before the scene, a little rolled."""
    return pinhole(160, 120, 1.1, facing((0.3, -3.2, 1.9), (0, 0.1, 0.4), 0.1, about))


def _offset(about: np.ndarray) -> Eye:
    return replace(front(about), K=np.array([[150.0, 0, 93.3], [0, 110.0, 41.7], [0, 0, 1]]))


def _inside(about: np.ndarray) -> Eye:
    return replace(front(about), pose=facing((-1.45, 1.62, 0.52), (1, -1, 0.3), 0.0, about))


def _orthographic(about: np.ndarray) -> Eye:
    K = np.array([[40.0, 0, 80.0], [0, 34.0, 55.0], [0, 0, 1]])
    return replace(front(about), K=K, kind="orthographic")


def _brown(about: np.ndarray) -> Eye:
    return replace(front(about), kind="brown", coefficients=(-0.28, 0.09, 0.004, -0.003, -0.01))


def _rational(about: np.ndarray) -> Eye:
    k = (0.3, -0.05, -0.002, 0.003, 0.01, 0.6, 0.05, 0.002)
    return replace(front(about), kind="brown", coefficients=k)


def _fisheye(about: np.ndarray) -> Eye:
    K = np.array([[55.0, 0, 78.0], [0, 56.0, 61.0], [0, 0, 1]])
    pose = facing((0.1, -0.4, 1.1), (0, 0.4, 0.4), 0.2, about)
    return replace(front(about), K=K, pose=pose, kind="fisheye", coefficients=(0.05, 0.01, 0.002, 0.0005))


def _equirectangular(about: np.ndarray) -> Eye:
    K = np.array([[160 / (2 * np.pi), 0, 80.0], [0, 120 / np.pi, 60.0], [0, 0, 1]])
    return replace(
        front(about), K=K, pose=facing((0.1, -0.3, 0.9), (0, 0.4, 0.4), 0.0, about), kind="equirectangular"
    )


def _rolling(about: np.ndarray) -> Eye:
    return replace(front(about), sweep=((0.05, -0.08, 0.2), (0.3, -0.1, 0.15)))


def _rolling_fisheye(about: np.ndarray) -> Eye:
    return replace(_fisheye(about), sweep=((0.1, 0.02, -0.15), (-0.2, 0.1, 0.05)))


EYES: dict[str, Callable[[np.ndarray], Eye]] = {
    "pinhole": front,
    "pinhole, offset, not square": _offset,
    "pinhole, near and far cut": lambda about: replace(front(about), near=3.0, far=4.2),
    "pinhole, inside a box": _inside,
    "orthographic": _orthographic,
    "Brown-Conrady": _brown,
    "rational": _rational,
    "fisheye": _fisheye,
    "equirectangular": _equirectangular,
    "rolling shutter": _rolling,
    "rolling shutter, fisheye": _rolling_fisheye,
}

CASES = [
    *(("flat", place, "pinhole") for place in PLACES),
    *(("flat", "10 km away, centimetres, Y-up", eye) for eye in EYES if eye != "pinhole"),
    *(
        ("curved", "metres, Z-up", eye)
        for eye in ("pinhole", "pinhole, inside a box", "fisheye", "rolling shutter")
    ),
    ("curved", "10 km away, centimetres, Y-up", "orthographic"),
    ("card", "metres, Z-up", "pinhole"),
    ("card", "metres, Z-up", "Brown-Conrady"),
]
"""Scene, place and camera of each case."""

CANVAS = {
    *(("flat", place, "pinhole") for place in ("metres, Z-up", "10 km away, centimetres, Y-up")),
    *(
        ("flat", "10 km away, centimetres, Y-up", eye)
        for eye in ("orthographic", "fisheye", "equirectangular")
    ),
    ("curved", "metres, Z-up", "pinhole"),
    ("card", "metres, Z-up", "pinhole"),
}
"""Cases that count what lies outside of the image, too: nine times the rays. How far a distorted lens sees beyond its image
is its own matter, and a swept camera has no rows there."""


@cache
def scene(kind: str, place: str) -> tuple[Scene, np.ndarray]:
    """The scene, and the point that cameras are placed about, f8[3]; made once a process."""
    stage = BUILDERS[kind](Path(mkdtemp(prefix="exactness-")) / "stage.usda", *PLACES[place])
    return Scene.of(stage), stage.places["/World"][:3, 3]


def run(kind: str, place: str, eye: str) -> Report:
    """Labels of one case against the closed form."""
    made, about = scene(kind, place)
    at = EYES[eye](about)
    return judge(
        made, Truth.of(made.things, at), ours.labels(made.snapshot, at), (kind, place, eye) in CANVAS
    )
