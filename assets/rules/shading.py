"""Rules about materials: what their shaders are connected to. The subject is a Material prim."""

from collections.abc import Iterator
from typing import Any

from twinstage.assets.rules.table import Fault, rule

DATA = frozenset(
    {
        "roughness",
        "metallic",
        "occlusion",
        "opacity",
        "displacement",
        "clearcoat",
        "clearcoatRoughness",
        "ior",
    }
)
COLOR = frozenset({"diffuseColor", "emissiveColor", "specularColor"})


@rule("material", "shader.loop", "error", "Shaders feed each other in a circle", "cut one of the connections")
def loop(material: Any) -> Iterator[Fault]:
    """No way along the connections comes back."""
    told: set[Any] = set()
    done: set[Any] = set()
    for prim in _inside(material):
        path = _circle(prim, done)
        if path and not told & set(path):
            told |= set(path)
            names = " -> ".join(p.name for p in [*path, path[0]])
            yield Fault(f"{names} is a circle", str(path[0]).removeprefix(str(material.GetPath())))


def _inside(material: Any) -> Iterator[Any]:
    from pxr import Usd

    for prim in Usd.PrimRange(material):
        if prim.GetTypeName() in ("Shader", "NodeGraph"):
            yield prim


def _sources(prim: Any) -> list[Any]:
    """Shaders that this one's inputs are connected to; through a node graph's or material's own inputs it goes on."""
    found = []
    for attribute in prim.GetAttributes():
        if not attribute.HasAuthoredConnections():
            continue
        if prim.GetTypeName() == "Shader" and not attribute.GetName().startswith("inputs:"):
            continue
        for path in attribute.GetConnections():
            source = prim.GetStage().GetPrimAtPath(path.GetPrimPath())
            if (source and source != prim and source.GetTypeName() == "Shader") or (
                source == prim and prim.GetTypeName() == "Shader"
            ):
                found.append(source)
    return found


def _circle(start: Any, done: set[Any]) -> list[Any]:
    """Paths of shaders along the first circle that is found from there, [] if there is none."""
    if start.GetPath() in done:
        return []
    stack = [(start, iter(_sources(start)))]
    way = [start.GetPath()]
    while stack:
        prim, rest = stack[-1]
        for source in rest:
            path = source.GetPath()
            if path in way:
                return way[way.index(path) :]
            if path not in done:
                stack.append((source, iter(_sources(source))))
                way.append(path)
                break
        else:
            done.add(prim.GetPath())
            stack.pop()
            way.pop()
    return []


@rule("material", "shader.dead-connection", "error", "A connection leads nowhere",
      "connect the input to an output that is there, or cut the connection")  # fmt: skip
def dead(material: Any) -> Iterator[Fault]:
    """Connections lead to prims that exist."""
    base = str(material.GetPath())
    stage = material.GetStage()
    for prim in [material, *_inside(material)]:
        for attribute in prim.GetAttributes():
            for path in attribute.GetConnections() if attribute.HasAuthoredConnections() else ():
                if not stage.GetPrimAtPath(path.GetPrimPath()):
                    where = str(attribute.GetPath()).removeprefix(base)
                    yield Fault(f"it is connected to {path}, which does not exist", where)


@rule("material", "texture.color-space", "warning", "A texture is read in the wrong colour space",
      'sourceColorSpace = "raw" for data such as roughness, "sRGB" for colours', requirement="VM.PS.001")  # fmt: skip
def color_space(material: Any) -> Iterator[Fault]:
    """Data is read raw; colours are not, where the file says so."""
    base = str(material.GetPath())
    for prim in _inside(material):
        if prim.GetAttribute("info:id").Get() != "UsdPreviewSurface":
            continue
        for attribute in prim.GetAttributes():
            name = attribute.GetName().removeprefix("inputs:")
            if (name not in DATA and name not in COLOR) or not attribute.HasAuthoredConnections():
                continue
            for path in attribute.GetConnections():
                texture = prim.GetStage().GetPrimAtPath(path.GetPrimPath())
                if texture and texture.GetAttribute("info:id").Get() == "UsdUVTexture":
                    yield from _spaces(name, texture, base, path.name)


def _spaces(name: str, texture: Any, base: str, output: str) -> Iterator[Fault]:
    space = texture.GetAttribute("inputs:sourceColorSpace").Get()
    where = str(texture.GetPath()).removeprefix(base) + ".inputs:sourceColorSpace"
    if name in DATA and space == "sRGB" and output != "outputs:a":
        yield Fault(
            f"{name} is data, but its texture is read as sRGB colours", where, fix='sourceColorSpace = "raw"'
        )
    if name in COLOR and space == "raw" and _eight_bit(texture):
        yield Fault(
            f"{name} is a colour, but its texture is read as raw data",
            where,
            "info",
            'sourceColorSpace = "sRGB"',
        )


def _eight_bit(texture: Any) -> bool:
    value = texture.GetAttribute("inputs:file").Get()
    return str(getattr(value, "path", "")).lower().endswith((".png", ".jpg", ".jpeg"))
