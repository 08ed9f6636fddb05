"""Skins and animations of a document. Plain data; arrays are made read-only."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from twinstage.assets.importing.document_geometry import freeze

Path = Literal["translation", "rotation", "scale", "weights", "visibility"]


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Joints that deform meshes.

    joints: node numbers. inverse_bind: float [n joints, 4, 4], column-vector: from the mesh's frame in its bind pose to
    each joint's. skeleton: node above all joints, -1 where the file does not say.
    """

    name: str
    joints: tuple[int, ...]
    inverse_bind: np.ndarray
    skeleton: int = -1

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One property of a node over time.

    Attributes:
        times: float [k], seconds, strictly rising.
        values: translation, scale: float [k, 3] (document units); rotation: wxyz [k, 4]; weights: [k, n morphs];
            visibility: [k, 1], 0 or 1. For "cubic": [k, 3, w], in-tangent, value, out-tangent (Hermite, per second).
        interpolation: between keys; rotations turn along the shorter arc.
    """

    node: int
    path: Path
    times: np.ndarray
    values: np.ndarray
    interpolation: Literal["linear", "step", "cubic"] = "linear"

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True)
class Animation:
    """Channels that play together; a node's property is in one channel at most."""

    name: str
    channels: tuple[Channel, ...]
