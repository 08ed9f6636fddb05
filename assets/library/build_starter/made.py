"""What all assets of the set share: the root prim, variants of looks, live attributes and round shapes."""

import math
import re
from collections.abc import Mapping, Sequence

from twinstage.assets.library.build_workcell.parts import Part, bind, dress
from twinstage.assets.library.build_workcell.shapes import Shape, lathe
from twinstage.assets.library.build_workcell.usda import Prim, layer, num, over, strings

LICENSE = "Apache-2.0"


def asset(
    root: Prim,
    title: str,
    doc: str,
    tags: Sequence[str],
    label: str,
) -> str:
    """The whole file of an asset: a labelled component that says what it is, with the looks that it uses."""
    root.kind("component").label(label).api("AssetPreviewsAPI")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", root.name).lower()
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
    return layer(dress(root), doc)


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


def live(prim: Prim, **units: str) -> Prim:
    """Attributes that a binding may drive, with their units (UCUM); returns the prim."""
    for name, unit in units.items():
        prim.set(
            f'custom double twin:{name} = 0 (\n    customData = {{\n        string ucum = "{unit}"\n    }}\n)'
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
