"""What a file of polygons holds, before it becomes a document: plain arrays, as the file has them."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8


@dataclass(frozen=True, slots=True)
class Indexed:
    """Values with one index for each corner: `values` f8[n, k], `indices` i8[corners]."""

    values: F8
    indices: np.ndarray


@dataclass(frozen=True, slots=True)
class Shape:
    """Polygons.

    points: f8[n, 3] in the file's unit. counts: corners of each face, i8[f]. indices: into points, i8[corners].
    normals, uvs (v upwards), colors (r, g, b, a; linear): with indices of their own, or None. material: a number for each
    face, i8[f], -1 for none. `smooth` f8[f] [rad]: crease angles for faces without normals, None for the usual one.
    """

    name: str
    points: F8
    counts: np.ndarray
    indices: np.ndarray
    normals: Indexed | None = None
    uvs: Indexed | None = None
    colors: Indexed | None = None
    material: np.ndarray | None = None
    smooth: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A material in the words of UsdPreviewSurface; colours linear. `maps`: input -> file as written in the source."""

    name: str
    color: tuple[float, float, float] | None = None
    opacity: float = 1.0
    metallic: float = 0.0
    roughness: float = 0.5
    emissive: tuple[float, float, float] | None = None
    ior: float | None = None
    two_sided: bool = False
    maps: dict[str, str] = field(default_factory=dict)
