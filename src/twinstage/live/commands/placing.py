"""Commands that place assets and take them away: where, under which name, and whether it may be. A refusal is a UserError.

Nothing is done here. An asset that was not let in yet ends the reading with `NotLetIn`: let it in and read again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8
from twinstage.scene.shelf import Asset
from twinstage.scene.transforms import compose_trs
from twinstage.scene.ui_layer import ASSET, below
from twinstage.scene.ui_rules import FARTHEST, numbers, parts_of, unit

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage

MOST_PLACED = 1000
"""Placed prims of one twin."""
MOST_PRIMS = 1_000_000
"""Prims of all that is placed."""
MOST_TRIANGLES = 50_000_000
"""Triangles of all that is placed."""
LONGEST_NAME = 200
"""Characters of a prim's name."""
_ORIGIN, _UPRIGHT = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)


class NotLetIn(Exception):
    """An asset has to be looked at first. `asset`: its name."""

    def __init__(self, asset: str) -> None:
        super().__init__(asset)
        self.asset = asset


def checked_parent(opened: "OpenedStage", snapshot: "Snapshot", path: str | None) -> str:
    """The path of a prim below which something may be placed; "/" for the top. None: the default prim, or what is composed."""
    from pxr import UsdGeom

    stage = opened.stage
    mask = stage.GetPopulationMask()
    if path is None:
        default = stage.GetDefaultPrim()
        path = "/"
        if default and default.IsA(UsdGeom.Imageable) and not default.IsA(UsdGeom.Gprim):
            path = "/" if default.IsInstance() else str(default.GetPath())
        if not mask.IncludesSubtree(path):
            path = str(next(iter(mask.GetPaths())))
    if path != "/":
        _check_prim(stage.GetPrimAtPath(path) if path in snapshot.prims.index_of else None, path, snapshot)
    if not mask.IncludesSubtree(path):
        only = ", ".join(str(one) for one in list(mask.GetPaths())[:3])
        raise UserError(f"nothing can be placed below {path}: this twin shows only {only}")
    return path


def _check_prim(prim: Any, path: str, snapshot: "Snapshot") -> None:
    from pxr import UsdGeom

    if not prim:
        near = [p for p in snapshot.prims.path if p.endswith(f"/{path.rpartition('/')[2]}")][:2000]
        raise UserError(f"there is no prim {path}{did_you_mean(path, near)}")
    if prim.IsInstance() or prim.IsInstanceProxy():
        raise UserError(f"{path} is inside a native instance, so nothing can be placed below it")
    type_name = prim.GetTypeName()
    if type_name and not prim.IsA(UsdGeom.Imageable):
        raise UserError(f"{path} is a {type_name}, below which nothing is shown; name an Xform")
    if prim.IsA(UsdGeom.Gprim) or prim.IsA(UsdGeom.PointInstancer):
        raise UserError(
            f"{path} is a {type_name}, and nothing is placed below one; name the prim that it is in"
        )


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The name, or, where it is taken, the same with the lowest number from 2 on."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def names_below(opened: "OpenedStage", parent: str, edited: Iterable[str]) -> set[str]:
    """Names that a new prim below a parent must not have: those of prims, and of prims with edits."""
    above = "" if parent == "/" else parent
    prim = opened.stage.GetPrimAtPath(parent)
    names = {str(name) for name in prim.GetAllChildrenNames()} if prim else set()
    start = len(above) + 1
    return names | {p[start:].partition("/")[0] for p in edited if p.startswith(f"{above}/")}


def checked_name(name: str) -> str:
    """A name that a prim may have."""
    from pxr import Sdf

    if not Sdf.Path.IsValidIdentifier(name) or len(name) > LONGEST_NAME:
        raise UserError(
            f"{name[:100]!r} is no name of a prim; letters, digits and _ were expected, and no digit first"
        )
    return name


def name_of(asset: Asset) -> str:
    """What a prim of an asset is called, if nobody says."""
    from pxr import Tf

    return str(Tf.MakeValidIdentifier(asset.prim.rpartition("/")[2]))[:LONGEST_NAME]


def check_room(asset: Asset, standing: Sequence[Asset]) -> None:
    """UserError where it would be too much."""
    if len(standing) >= MOST_PLACED:
        raise UserError(f"{MOST_PLACED:,} assets are placed already; remove some")
    drawn = asset.triangles + sum(one.triangles for one in standing)
    if drawn > MOST_TRIANGLES:
        raise UserError(
            f"asset {asset.name} has {asset.triangles:,} triangles; with it all that is placed would have {drawn:,}, and "
            f"{MOST_TRIANGLES:,} are the most"
        )
    prims = asset.prims + sum(one.prims for one in standing)
    if prims > MOST_PRIMS:
        raise UserError(
            f"asset {asset.name} has {asset.prims:,} prims; with it all that is placed would have {prims:,}, and "
            f"{MOST_PRIMS:,} are the most"
        )


def place_value(
    asset: Asset,
    path: str,
    above: F8 | None,
    world: F8,
    *,
    position: Sequence[float] | None,
    rotation: Sequence[float] | None,
) -> dict[str, Any]:
    """What the layer holds of a placed prim (`scene.ui_layer`).

    `above`: world_from_parent where position and rotation are of the world, else None; `world`: twin_from_usd rotation.
    """
    t = numbers(_ORIGIN if position is None else position, 3, path, "a position")
    q = unit(_UPRIGHT if rotation is None else rotation, path)
    if np.abs(t).max() > FARTHEST:
        raise UserError(f"{path} cannot be placed that far; {FARTHEST:g} m are the most")
    value: dict[str, Any] = {"asset": asset.name}
    if above is not None:
        matrix = compose_trs(t[None], q[None], np.ones((1, 3)))[0] @ world
        try:
            local = np.linalg.solve(above, matrix)
        except np.linalg.LinAlgError:
            raise UserError(f"what {path} is in has a scale of 0, so it has no place in the world") from None
        t, q, s = parts_of(local, path, "in its parent")
        if np.abs(s - 1.0).max() > 1e-6:
            value["scale"] = [float(v) for v in s]
    value["position"] = [round(float(v), 9) + 0.0 for v in t]
    value["rotation"] = [float(v) + 0.0 for v in q]
    return value


def left_standing(
    changes: Mapping[tuple[str, str], Any], standing: Iterable[tuple[str, str]]
) -> tuple[str, str] | None:
    """An edit that would be left without its prim, because changes take a placed prim away and not that edit."""
    gone = [path for (path, name), value in changes.items() if name == ASSET and value is None]
    for path, name in standing:
        if changes.get((path, name), "kept") is not None and any(below([path], one) for one in gone):
            return path, name
    return None
