"""What pxr's own UsdPhysics parser finds on a stage, and the poses and units to read it with. Touches pxr."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.base.finding import Finding, Severity
from twinstage.scene.columns import F8
from twinstage.scene.mechanics import rigid_part
from twinstage.scene.read.context import Conversion
from twinstage.scene.stage import OpenedStage
from twinstage.scene.transforms import quat_to_matrix

SHAPES = (
    "CubeShape",
    "SphereShape",
    "CapsuleShape",
    "Capsule1Shape",
    "CylinderShape",
    "Cylinder1Shape",
    "ConeShape",
    "MeshShape",
    "PlaneShape",
    "SpherePointsShape",
    "CustomShape",
)
JOINTS = (
    "FixedJoint",
    "RevoluteJoint",
    "PrismaticJoint",
    "SphericalJoint",
    "DistanceJoint",
    "D6Joint",
    "CustomJoint",
)


@dataclass
class Physics:
    """Descriptors by kind and path, poses in SI, and a place for findings.

    `meters`, `kilograms`: per stage unit. `paths` of everything are strings.
    """

    stage: Any
    time: Any
    conversion: Conversion
    kilograms: float
    found: dict[str, dict[str, Any]]
    _findings: dict[Finding, None] = field(default_factory=dict)
    _worlds: dict[str, F8] = field(default_factory=dict)

    @property
    def meters(self) -> float:
        """Metres per stage unit."""
        return self.conversion.scale

    def tell(self, code: str, message: str, path: str, severity: Severity = "warning") -> None:
        """Note something that MuJoCo cannot say exactly."""
        self._findings[Finding(f"physics.{code}", severity, path, message)] = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was told, in the order found."""
        return tuple(self._findings)

    def all(self, *kinds: str) -> dict[str, Any]:
        """Descriptors of those kinds, by path."""
        merged = {path: found for kind in kinds for path, found in self.found.get(kind, {}).items()}
        return dict(sorted(merged.items()))

    @cached_property
    def _cache(self) -> Any:
        from pxr import UsdGeom

        return UsdGeom.XformCache(self.time)

    def prim(self, path: str) -> Any:
        """The prim of a path."""
        return self.stage.GetPrimAtPath(path)

    def world(self, path: str) -> F8:
        """world_from_prim f8[4, 4], with scale and shear [m]; the identity for ""."""
        if path not in self._worlds:
            matrix: F8 = np.eye(4)
            if path:
                usd = np.array(self._cache.GetLocalToWorldTransform(self.prim(path)))
                matrix = self.conversion.world @ self.conversion.matrices(usd[None])[0]
            self._worlds[path] = matrix
        return self._worlds[path]

    def rigid(self, path: str) -> F8:
        """world_from_prim without scale: where the body's frame stands. The world itself is Z-up."""
        return rigid_part(self.world(path))

    def value(self, path: str, name: str) -> Any:
        """The value of an attribute, or None."""
        attribute = self.prim(path).GetAttribute(name)
        return attribute.Get(self.time) if attribute else None

    def has_api(self, path: str, name: str) -> bool:
        """Whether an API schema is applied to the prim."""
        return name in self.prim(path).GetAppliedSchemas()


def gather(opened: OpenedStage, time: float | None = None) -> Physics:
    """Parse the composed stage (with the session's opinions) at a time code, None for the start of its range."""
    from pxr import UsdPhysics, UsdUtils

    from twinstage.scene.read import time_at
    from twinstage.scene.stage import diagnostics

    load = getattr(UsdPhysics, "UsdPhysicsLoadStageFromPrimRange", None) or UsdPhysics.LoadUsdPhysicsFromRange
    found: dict[str, dict[str, Any]] = {}
    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    for kind, (paths, descriptors) in load(opened.stage, ["/"]).items():
        rows = zip(paths, descriptors, strict=True)
        found[str(kind).rpartition(".")[2]] = {str(path): desc for path, desc in rows if desc.isValid}
    physics = Physics(
        stage=opened.stage,
        time=time_at(opened.stage, time),
        conversion=Conversion.of(opened.meters_per_unit, opened.up_axis),
        kilograms=float(UsdPhysics.GetStageKilogramsPerUnit(opened.stage)),
        found=found,
    )
    for finding in diagnostics(quiet):  # such as a collider on a prim that is no geometry
        physics.tell("parser", finding.message, "")
    return physics


def quat_of(value: Any) -> F8:
    """A Gf quaternion as a unit wxyz; the identity for a zero one."""
    quat = np.array([value.GetReal(), *value.GetImaginary()], np.float64)
    length = float(np.linalg.norm(quat))
    return quat / length if length > 1e-9 else np.array([1.0, 0.0, 0.0, 0.0])


def pose_of(position: Any, rotation: Any, scale: float | np.ndarray) -> F8:
    """A rigid matrix of a Gf vector (times `scale`) and a Gf quaternion."""
    out = np.eye(4)
    out[:3, :3] = quat_to_matrix(quat_of(rotation))
    out[:3, 3] = np.array(position, np.float64) * scale
    return out


def inverse(matrix: F8) -> F8:
    """Inverse of an affine matrix."""
    out: F8 = np.asarray(np.linalg.inv(matrix), np.float64)
    return out
