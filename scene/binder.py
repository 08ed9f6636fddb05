"""Looking prims up for bindings, and making them editable. Touches pxr."""

import math
from bisect import bisect_left
from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.joints import TYPES, Joint, all_joints, read_joint
from twinstage.scene.problems import BindingProblem
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage

SCALARS = ("double", "float", "half", "int", "uint", "int64", "uint64", "uchar", "bool", "timecode")
OWN_NAMESPACES = ("twin:", "userProperties:")


class Binder:
    """Answers the compiler's questions about the stage."""

    def __init__(self, opened: OpenedStage, snapshot: Snapshot) -> None:
        self.opened = opened
        self.snapshot = snapshot
        self.findings: list[str] = []
        self._drawn: list[str] | None = None

    def node(self, where: str, path: str) -> int:
        """The node of a prim; UserError with a near miss."""
        found = self.snapshot.prims.index_of.get(path)
        if found is None:
            near = _near_paths(path, self.snapshot)
            raise BindingProblem(
                "binding.prim", where, f"there is no prim {path}{did_you_mean(path, near, most=4)}"
            )
        return found

    def origin(self, where: str, given: tuple[float, float, float] | None) -> tuple[float, float, float]:
        """Latitude, longitude [rad] and height [m] of the world's origin: those given [deg, deg, m], or the stage's own."""
        if given is None:
            stage = self.opened.stage
            prims = [prim for prim in (stage.GetDefaultPrim(), *stage.GetPseudoRoot().GetChildren()) if prim]
            told = (prim.GetAttribute("twin:origin").Get() for prim in prims)
            value = next((value for value in told if value is not None), None)
            if value is None or len(value) != 3:
                raise BindingProblem(
                    "binding.origin",
                    where,
                    "a latitude and longitude need an origin: give it (origin: [latitude, longitude, height]), or "
                    "author twin:origin (double3: degrees, degrees, metres) on the stage's default prim",
                )
            given = (float(value[0]), float(value[1]), float(value[2]))
        return math.radians(given[0]), math.radians(given[1]), given[2]

    def movable(self, where: str, path: str) -> int:
        """The node of a prim that can be given a transform; an instance above it is opened up."""
        from pxr import UsdGeom

        node = self.node(where, path)
        prim = self._prim(path)
        if not prim.IsA(UsdGeom.Xformable):
            kind = self.snapshot.prims.type_name[node] or "typeless prim"
            raise BindingProblem(
                "binding.type",
                where,
                f"{path} is a {kind}, which has no transform of its own, so it cannot be moved",
            )
        self.open_instances(path)
        return node

    def imageable(self, where: str, path: str) -> int:
        """The node of a prim that can be shown, hidden and coloured."""
        from pxr import UsdGeom

        node = self.node(where, path)
        if not self._prim(path).IsA(UsdGeom.Imageable):
            kind = self.snapshot.prims.type_name[node] or "typeless prim"
            raise BindingProblem("binding.type", where, f"{path} is a {kind}, which cannot be seen")
        self.open_instances(path)
        return node

    def drawn(self, where: str, path: str) -> int:
        """The node of a prim at or below which something is drawn."""
        node = self.node(where, path)
        paths = self.snapshot.prims.path
        owners = self._drawn_paths()
        k = bisect_left(owners, path)
        below = k < len(owners) and (owners[k] == path or owners[k].startswith(f"{path}/"))
        if not below:
            k = bisect_left(owners, f"{path}/")
            below = k < len(owners) and owners[k].startswith(f"{path}/")
        if not below and self._prim_is_imageable(paths[node]):
            raise BindingProblem(
                "binding.style-nothing",
                where,
                f"nothing is drawn at or below {path} to be coloured",
            )
        return node

    def _prim_is_imageable(self, path: str) -> bool:
        from pxr import UsdGeom

        return bool(self._prim(path).IsA(UsdGeom.Imageable))

    def _drawn_paths(self) -> list[str]:
        """Paths of all prims that are drawn, sorted."""
        if self._drawn is None:
            paths = self.snapshot.prims.path
            self._drawn = sorted({paths[k] for k in self.snapshot.instances.prim.tolist()})
        return self._drawn

    def slot(self, where: str, path: str) -> int:
        """The node of a copy that `slots.make_slots` made."""
        node = self.snapshot.prims.index_of.get(path)
        if node is None:
            raise BindingProblem(
                "binding.entity",
                where,
                f"its copy {path} is not in the stage",
            )
        return node

    def point(self, where: str, path: str, point_id: int) -> int:
        """The node of a point of a PointInstancer."""
        prim = self.node(where, path)
        if self.snapshot.prims.type_name[prim] != "PointInstancer":
            kind = self.snapshot.prims.type_name[prim] or "typeless prim"
            raise BindingProblem("binding.type", where, f"{path} is a {kind}, and a PointInstancer is needed")
        points = self.snapshot.points
        rows = (points.instancer == prim).nonzero()[0]
        found = rows[points.point_id[rows] == point_id]
        if not len(found):
            ids = points.point_id[rows].tolist()
            shown = f"{min(ids)} to {max(ids)}" if ids else "none"
            raise BindingProblem(
                "binding.point",
                where,
                f"{path} has no point with the id {point_id}; it has {len(ids)}, ids {shown}",
            )
        self.open_instances(path)
        return len(self.snapshot.prims) + int(found[0])

    def joint(self, where: str, path: str) -> Joint | None:
        """The UsdPhysics joint of that path, or None where the prim is no joint."""
        node = self.node(where, path)
        type_name = self.snapshot.prims.type_name[node]
        if type_name in TYPES:
            try:
                joint = read_joint(self._prim(path), self.opened.meters_per_unit)
            except UserError as error:
                raise BindingProblem("binding.joint", where, f"{error}") from None
            if joint.body1 not in self.snapshot.prims.index_of:
                near = did_you_mean(joint.body1, _near_paths(joint.body1, self.snapshot), most=4)
                raise BindingProblem(
                    "binding.joint", where, f"joint {path} moves {joint.body1}, which does not exist{near}"
                )
            return joint
        if type_name.startswith("Physics") and type_name.endswith("Joint"):
            raise BindingProblem(
                "binding.type",
                where,
                f"{path} is a {type_name}; only revolute and prismatic joints can be driven",
            )
        return None

    def joints(self) -> list[Joint]:
        """All joints of the stage whose bodies are in the snapshot."""
        known = self.snapshot.prims.index_of
        found = all_joints(self.opened.stage, self.opened.meters_per_unit)
        return [j for j in found if j.body1 in known and (not j.body0 or j.body0 in known)]

    def attribute(self, where: str, path: str, name: str) -> str:
        """The path of a scalar attribute that can be written; UserError for others and for unknown ones."""
        self.node(where, path)
        self.open_instances(path)
        prim = self._prim(path)
        attribute = prim.GetAttribute(name)
        if not attribute:
            if not name.startswith(OWN_NAMESPACES):
                known = [str(a.GetName()) for a in prim.GetAttributes()]
                raise BindingProblem(
                    "binding.attribute",
                    where,
                    f"{path} has no attribute {name!r}{did_you_mean(name, known, most=4)} "
                    f"(new ones begin with {' or '.join(OWN_NAMESPACES)})",
                )
        elif str(attribute.GetTypeName()) not in SCALARS:
            raise BindingProblem(
                "binding.attribute",
                where,
                f"attribute {name!r} of {path} is of type {attribute.GetTypeName()}, not a number",
            )
        return f"{path}.{name}"

    def _prim(self, path: str) -> Any:
        return self.opened.stage.GetPrimAtPath(path)

    def open_instances(self, path: str) -> None:
        """Make every native instance above a proxy non-instanceable, from the outside in."""
        from pxr import Sdf

        prim = self._prim(path)
        while prim.IsInstanceProxy():
            top = prim.GetParent()
            while top.IsInstanceProxy() or not top.IsInstance():
                top = top.GetParent()
            spec = Sdf.CreatePrimInLayer(self.opened.layers.bindings, top.GetPath())
            spec.SetInfo("instanceable", False)
            self.findings.append(f"{top.GetPath()} is no longer instanced, because {path} below it is bound")
            prim = self._prim(path)


def _near_paths(path: str, snapshot: Snapshot) -> list[str]:
    """Paths worth comparing with a wrong one: children of its nearest existing ancestor, and equal last names."""
    known, paths = snapshot.prims.index_of, snapshot.prims.path
    name = path.rpartition("/")[2]
    above = path
    while above and above not in known:
        above = above.rpartition("/")[0]
    same = [p for p in paths if p.endswith(f"/{name}")]
    below = [p for p in paths if p.startswith(f"{above}/") and p.count("/") == above.count("/") + 1]
    return (same + below)[:2000]
