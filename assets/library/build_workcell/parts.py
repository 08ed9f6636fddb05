"""Shapes by material -> one Mesh prim, with a GeomSubset for each material where there is more than one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.library.build_workcell import surfaces
from twinstage.assets.library.build_workcell.shapes import Shape
from twinstage.assets.library.build_workcell.usda import Prim, num, numbers, tup, tuples


@dataclass
class Part:
    """One rigid piece. `root` is the path of the file's default prim, whose `Materials` scope holds the looks."""

    name: str
    root: str
    shapes: dict[str, list[Shape]] = field(default_factory=dict)

    def add(self, material: str, *shapes: Shape) -> "Part":
        """Add shapes of that material; returns self."""
        surfaces.check(material)
        self.shapes.setdefault(material, []).extend(shapes)
        return self

    def mesh(self, collider: str | None = None, *, solid_by: str | None = None) -> Prim:
        """The Mesh prim. `collider`: a UsdPhysics approximation such as `convexHull`; without one, `solid_by` says why."""
        textured = any(surfaces.tile(m) for m in self.shapes)
        points: list[np.ndarray] = []
        normals: list[np.ndarray] = []
        uv: list[np.ndarray] = []
        counts: list[int] = []
        indices: list[int] = []
        members: dict[str, list[int]] = {}
        start = 0
        for material, shapes in self.shapes.items():
            for shape in shapes:
                points.append(shape.points)
                normals.append(shape.normals)
                uv.append(shape.uv / surfaces.tile(material) if surfaces.tile(material) else shape.uv * 0)
                first = len(counts)
                counts += [len(face) for face in shape.faces]
                indices += [i + start for face in shape.faces for i in face]
                members.setdefault(material, []).extend(range(first, len(counts)))
                start += len(shape.points)
        prim = Prim(self.name, "Mesh")
        uv_digits = 3 if any(surfaces.LOOKS[m].color_map for m in self.shapes) else 2
        all_points = np.round(np.concatenate(points), 4)
        prim.set(
            f"float3[] extent = [{tup(all_points.min(0))}, {tup(all_points.max(0))}]",
            f"int[] faceVertexCounts = {numbers(counts, 0)}",
            f"int[] faceVertexIndices = {numbers(indices, 0)}",
            f"normal3f[] normals = {tuples(np.concatenate(normals), 3)} (",
            '    interpolation = "vertex"',
            ")",
            f"point3f[] points = {tuples(all_points)}",
        )
        if textured:
            prim.set(
                f"texCoord2f[] primvars:st = {tuples(np.concatenate(uv), uv_digits)} (",
                '    interpolation = "vertex"',
                ")",
            )
        prim.set('uniform token subdivisionScheme = "none"')
        self._bind(prim, members)
        if collider:
            prim.api("PhysicsCollisionAPI", "PhysicsMeshCollisionAPI")
            prim.set(f'uniform token physics:approximation = "{collider}"')
        elif solid_by:
            prim.meta.append(f'doc = "No collider: {solid_by}."')
        return prim

    def _bind(self, prim: Prim, members: dict[str, list[int]]) -> None:
        if len(members) == 1:
            bind(prim, self.root, next(iter(members)))
            return
        prim.set('uniform token subsetFamily:materialBind:familyType = "partition"')
        for material, faces in members.items():
            subset = Prim(material, "GeomSubset")
            subset.set(
                'uniform token elementType = "face"',
                'uniform token familyName = "materialBind"',
                f"int[] indices = {numbers(faces, 0)}",
            )
            prim.add(bind(subset, self.root, material))


def bind(prim: Prim, root: str, material: str) -> Prim:
    """Bind a prim to a look of its file; returns the prim."""
    surfaces.check(material)
    return prim.api("MaterialBindingAPI").set(f"rel material:binding = <{root}/Materials/{material}>")


def unbound(mesh: Prim, *names: str) -> Prim:
    """Without a look on the mesh, or on those subsets: a variant binds it, and an opinion here would be stronger."""
    for prim in (mesh, *mesh.children):
        if (prim is mesh and not names) or prim.name in names:
            prim.props = [line for line in prim.props if not line.startswith("rel material:binding")]
            prim.apis = [api for api in prim.apis if api != "MaterialBindingAPI"]
    return mesh


def dress(root: Prim) -> Prim:
    """Add the `Materials` scope with the looks that prims below `root` are bound to, in whatever variant; returns the root."""
    prefix = f"rel material:binding = </{root.name}/Materials/"
    prims, names = [root], set()
    while prims:
        prim = prims.pop()
        prims += prim.children
        prims += [body for choices in prim.variants.values() for body in choices.values()]
        names |= {line[len(prefix) : -1] for line in prim.props if line.startswith(prefix)}
    return root.add(materials(*names))


def materials(*names: str) -> Prim:
    """The `Materials` scope of a component: each look is a reference into the shared file."""
    scope = Prim("Materials", "Scope")
    for name in sorted(names):
        surfaces.check(name)
        prim = Prim(name, "Material")
        prim.meta.append(f"prepend references = @./materials.usda@</Materials/{name}>")
        scope.add(prim)
    return scope


def joint(
    name: str,
    kind: str,
    axis: str,
    bodies: tuple[str, str],
    at: Sequence[float],
    limits: tuple[float, float] | None = None,
) -> Prim:
    """A UsdPhysics joint whose frame is the second body's origin; limits in degrees or metres."""
    prim = Prim(name, kind).set(
        f'uniform token physics:axis = "{axis}"',
        f"rel physics:body0 = <{bodies[0]}>",
        f"rel physics:body1 = <{bodies[1]}>",
        f"point3f physics:localPos0 = {tup(at)}",
        "point3f physics:localPos1 = (0, 0, 0)",
        "quatf physics:localRot0 = (1, 0, 0, 0)",
        "quatf physics:localRot1 = (1, 0, 0, 0)",
    )
    if limits is not None:
        prim.set(
            f"float physics:lowerLimit = {num(limits[0])}", f"float physics:upperLimit = {num(limits[1])}"
        )
    return prim


def rigid(
    prim: Prim, mass: float, centre: tuple[float, float, float] | None = None, kinematic: bool = False
) -> Prim:
    """Make a prim a rigid body of that mass [kg]; returns the prim."""
    prim.api("PhysicsRigidBodyAPI", "PhysicsMassAPI")
    if kinematic:
        prim.set("bool physics:kinematicEnabled = 1")
    if centre is not None:
        prim.set(f"point3f physics:centerOfMass = {tup(centre)}")
    return prim.set(f"float physics:mass = {num(mass)}")
