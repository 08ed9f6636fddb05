"""What a lens is."""

from typing import ClassVar, Protocol

from twinstage.scene.columns import F8


class Lens(Protocol):
    """A lens in camera axes (OpenCV: +x right, +y down, +z forward). Frozen plain data, comparable by value.

    Normalised coordinates xy are `inverse(K) @ (u, v, 1)` of a pixel position: tangents for a pinhole, metres for an
    orthographic lens, angles for a panorama.

    Attributes:
        kind: its name in files.
        along_axis: True where rays are measured by z along the optical axis (their directions have z = 1), so that near
            and far are planes; False where they are measured by length (unit directions), so that near and far are spheres.
        central: all rays start in the camera's origin.
        affine: a ray's origin and direction are affine in xy, so that a picture needs three numbers, not one a pixel.
    """

    kind: ClassVar[str]
    along_axis: ClassVar[bool]
    central: ClassVar[bool]
    affine: ClassVar[bool]

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """Origins [m] and directions, f8[..., 3], of normalised coordinates f8[..., 2]; NaN where the lens sees nothing."""
        ...

    def project(self, points: F8) -> F8:
        """Normalised coordinates f8[n, 2] of points f8[n, 3] [m]; NaN where the lens does not see that way."""
        ...
