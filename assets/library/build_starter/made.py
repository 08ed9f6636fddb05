"""What all assets of the set share: the root prim, its looks, live attributes, joints and round shapes."""

import math
from collections.abc import Mapping, Sequence

from twinstage.assets.library.build_workcell.parts import Part, bind, materials
from twinstage.assets.library.build_workcell.shapes import Shape, lathe
from twinstage.assets.library.build_workcell.usda import Prim, layer, num, over, strings, tup

LICENSE = "Apache-2.0"
PREFIX = "rel material:binding = <"


def asset(
    root: Prim,
    title: str,
    doc: str,
    tags: Sequence[str],
    label: str,
) -> str:
    """The whole file of an asset: a labelled component that says what it is, with the looks that it uses."""
    root.kind("component").label(label).api("AssetPreviewsAPI")
    name = root.name.lower() if root.name != "RobotArm" else "robot_arm"
    root.meta += [
        "assetInfo = {",
        f"    asset identifier = @./{name}.usda@",
        f'    string license = "{LICENSE}"',
        f'    string name = "{title}"',
        "    dictionary previews = {",
        "        dictionary thumbnails = {",
        "            dictionary default = {",
        f"                asset defaultImage = @./thumbnails/{name}.png@",
        "            }",
        "        }",
        "    }",
        f"    string[] tags = {strings(tags)}",
        '    string version = "1.0"',
        "}",
    ]
    return layer(dressed(root), doc)


def dressed(root: Prim) -> Prim:
    """With the `Materials` scope of all looks that prims below the root are bound to, in whatever variant."""
    return root.add(materials(*sorted(_looks(root, f"{PREFIX}/{root.name}/Materials/"))))


def _looks(prim: Prim, prefix: str) -> set[str]:
    names = {line[len(prefix) : -1] for line in prim.props if line.startswith(prefix)}
    inside = [body for choices in prim.variants.values() for body in choices.values()]
    return names.union(*(_looks(one, prefix) for one in (*prim.children, *inside)))


def choice(*children: Prim, mass: float | None = None, **selection: str) -> Prim:
    """What one variant brings."""
    body = Prim("").add(*children)
    body.selection = dict(selection)
    return body.set(f"float physics:mass = {num(mass)}") if mass is not None else body


def colours(root: str, looks: Mapping[str, str], *meshes: str) -> dict[str, Prim]:
    """Variants that bind those meshes (paths below the root, or of a subset) to one look each."""
    return {name: choice(*_overs(root, look, meshes)) for name, look in looks.items()}


def _overs(root: str, look: str, meshes: Sequence[str]) -> list[Prim]:
    """Overs that bind each path; paths may share their beginnings."""
    tops: dict[str, Prim] = {}
    for path in meshes:
        *above, last = path.split("/")
        at = tops
        children: list[Prim] | None = None
        for name in above:
            prim = at.get(name) or over(name)
            if name not in at:
                (children.append(prim) if children is not None else tops.setdefault(name, prim))
            children = prim.children
            at = {child.name: child for child in children}
        leaf = bind(over(last), root, look)
        (children.append(leaf) if children is not None else tops.setdefault(last, leaf))
    return list(tops.values())


def unbound(mesh: Prim, *names: str) -> Prim:
    """Without a look on the mesh or on those subsets: a variant binds it, and an opinion here would be stronger."""
    for prim in (mesh, *mesh.children):
        if (prim is mesh and not names) or prim.name in names:
            prim.props = [line for line in prim.props if not line.startswith("rel material:binding")]
            prim.apis = [api for api in prim.apis if api != "MaterialBindingAPI"]
    return mesh


def live(prim: Prim, **units: str) -> Prim:
    """Attributes that a binding may drive, with their units (UCUM); returns the prim."""
    for name, unit in units.items():
        prim.set(
            f'custom double twin:{name} = 0 (\n    customData = {{\n        string ucum = "{unit}"\n    }}\n)'
        )
    return prim


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


def ball(rx: float, rz: float | None = None, n: int = 20, rings: int = 10) -> Shape:
    """An ellipsoid of revolution about z, its middle in the origin."""
    rz = rx if rz is None else rz
    turns = [math.pi * (i / rings - 0.5) for i in range(rings + 1)]
    profile = [(0.0 if i in (0, rings) else rx * math.cos(a), rz * math.sin(a)) for i, a in enumerate(turns)]
    return lathe(profile, n, 0.0)


def limb(low: float, high: float, length: float, n: int = 16, rings: int = 5) -> Shape:
    """A tapering capsule about z: `low` is its radius at z = 0, `high` at z = `length`; its ends are round."""
    quarter = [math.pi / 2 * i / rings for i in range(rings + 1)]
    bottom = [(0.0 if i == 0 else low * math.sin(a), -low * math.cos(a)) for i, a in enumerate(quarter)]
    top = [
        (0.0 if i == rings else high * math.cos(a), length + high * math.sin(a))
        for i, a in enumerate(quarter)
    ]
    return lathe([*bottom, *top], n, 0.0)


def part(name: str, root: str) -> Part:
    """A rigid piece of that asset."""
    return Part(name, f"/{root}")
