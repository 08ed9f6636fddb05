"""Assets that may be placed, and how a placed prim makes up for their units and axes. Plain data and numpy; pxr in `Op.of_usd`.

A placed prim refers to the asset's default prim. Where the asset has other units or another up axis than the stage, transform
ops of the placed prim make up for it (`unitsResolve`, as USD tools call them); ops that the asset's prim has itself stay, and
come last.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.columns import F8

RESOLVE = "unitsResolve"
MOVABLE = ("", "Scope", "Xform")
"""Types that are told as Xform: such a prim can be moved, whatever it was."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is known of an asset that may be placed.

    name: `LIBRARY/file`; file: absolute; prim: path of the prim that is referred to, `named` where it is not the default one;
    type_name, kind: of that prim; ops: its own transform ops, in their order; files: all it is made of, itself first.
    layers: screened, and kept open. stamps: of the files as they were read: inode, size [bytes], time of change [ns].
    """

    name: str
    file: Path
    prim: str
    named: bool
    type_name: str
    kind: str
    ops: tuple[str, ...]
    meters_per_unit: float
    up_axis: str
    prims: int
    triangles: int
    files: tuple[str, ...]
    layers: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    stamps: tuple[tuple[int, int, int] | None, ...] = field(default=(), compare=False, repr=False)

    @property
    def told_as_xform(self) -> bool:
        """Whether a placed prim says that it is an Xform; else its type is the asset's."""
        return self.type_name in MOVABLE


@dataclass
class Shelf:
    """Assets of one opened stage by name. `missing`: why those that stand placed cannot be had, one sentence each."""

    assets: dict[str, Asset] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Asset | None:
        """An asset that was let in."""
        return self.assets.get(name)


# ---------------------------------------------------------------------- where it stands


@dataclass(frozen=True, slots=True)
class Op:
    """A transform op of a placed prim: USD type, and value; None: the asset's own."""

    name: str
    type_name: str = ""
    value: Any = None

    def of_usd(self) -> Any:
        """The value as pxr has it."""
        from pxr import Gf

        kinds = {"double3": lambda: Gf.Vec3d(*self.value), "matrix4d": lambda: Gf.Matrix4d(*self.value)}
        return kinds[self.type_name]() if self.type_name in kinds else self.value


def resolving(asset: Asset, meters_per_unit: float, up_axis: str) -> tuple[float, float]:
    """What makes up for the asset's units and axis: a turn about X [degrees], and a factor."""
    turn = 0.0 if asset.up_axis == up_axis else 90.0 if up_axis == "Z" else -90.0
    factor = asset.meters_per_unit / meters_per_unit
    return turn, 1.0 if abs(factor - 1.0) < 1e-9 else factor


def resolved_note(asset: Asset, meters_per_unit: float, up_axis: str) -> str:
    """The same in words; "" where there is nothing to make up for."""
    turn, factor = resolving(asset, meters_per_unit, up_axis)
    parts = []
    if factor != 1.0:
        parts.append(
            f"scaled by {factor:g} (its unit is {asset.meters_per_unit:g} m, the stage's {meters_per_unit:g} m)"
        )
    if turn:
        parts.append(
            f"turned by {turn:g} degrees about x (its up axis is {asset.up_axis}, the stage's {up_axis})"
        )
    return " and ".join(parts)


def place_ops(
    asset: Asset | None, matrix: F8, meters_per_unit: float, up_axis: str, *, digits: int | None = None
) -> list[Op]:
    """Ops of a placed prim, in their order.

    `matrix`: parent_from_upright f8[4, 4], column vectors, in stage units: where the asset stands before its units and axis
    are made up for. `digits`: decimals of a length [m] that a designer wants to read; None: all.
    """
    own = asset.ops if asset is not None else ()
    taken = {op.removeprefix("!invert!") for op in own}

    def named(kind: str, suffix: str = "") -> str:
        name = f"xformOp:{kind}:{suffix}" if suffix else f"xformOp:{kind}"
        return name if name not in taken else f"xformOp:{kind}:placed{suffix}"

    place, angles, size = _parts(matrix)
    if digits is not None:
        place = np.round(place, max(0, round(digits + float(np.log10(meters_per_unit)))))
        angles, size = np.round(angles, 4), np.round(size, 6)
    ops = [Op(named("translate"), "double3", tuple(place.tolist()))]
    if np.abs(angles).max() > 1e-12:
        ops.append(Op(named("rotateXYZ"), "double3", tuple(angles.tolist())))
    if np.abs(size - 1.0).max() > 1e-9:
        ops.append(Op(named("scale"), "double3", tuple(size.tolist())))
    if asset is not None:
        turn, factor = resolving(asset, meters_per_unit, up_axis)
        if turn:
            ops.append(Op(named("rotateX", RESOLVE), "double", turn))
        if factor != 1.0:
            ops.append(Op(named("scale", RESOLVE), "double3", (factor,) * 3))
    return [*ops, *(Op(name) for name in own)]


def _parts(matrix: F8) -> tuple[F8, F8, F8]:
    """Translation, angles of rotateXYZ [degrees] and scale of a matrix without shear."""
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    turn = (matrix[:3, :3] / size).T  # row vectors, as in USD
    y = np.arctan2(-turn[0, 2], np.hypot(turn[0, 0], turn[0, 1]))
    if abs(turn[0, 2]) < 1.0 - 1e-12:
        x, z = np.arctan2(turn[1, 2], turn[2, 2]), np.arctan2(turn[0, 1], turn[0, 0])
    else:  # straight up or down: x and z turn about the same line
        x, z = np.arctan2(-turn[2, 1], turn[1, 1]), 0.0
    angles = np.degrees([x, y, z]) + 0.0
    angles[np.abs(angles) < 1e-9] = 0.0
    size[np.abs(size - 1.0) < 1e-9] = 1.0
    return matrix[:3, 3] + 0.0, angles, size


def moved_upright(asset: Asset, target: F8, own: F8, meters_per_unit: float, up_axis: str) -> F8:
    """The `matrix` of `place_ops` that makes the prim's whole matrix `target`; `own`: that of the asset's own ops."""
    turn, factor = resolving(asset, meters_per_unit, up_axis)
    tail = np.eye(4)
    angle = np.radians(turn)
    tail[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    tail[:3, :3] *= factor
    return np.asarray(target @ np.linalg.inv(tail @ own))


# ---------------------------------------------------------------------- what is missing


def missing_findings(shelf: Shelf, placed: Iterable[tuple[str, str]]) -> list[Finding]:
    """A finding for each placed prim whose asset cannot be had; `placed`: (path, asset's name)."""
    return [
        Finding("edit.asset", "warning", path, f"{path} shows nothing: {shelf.missing[name]}")
        for path, name in placed
        if name in shelf.missing
    ]
