"""Walks a composed stage: every prim once, whatever is instanced by a path that users know; and the files it is made of."""

from collections.abc import Iterator
from typing import Any


def each_once(stage: Any) -> Iterator[tuple[Any, str]]:
    """Every prim and a path that users know; what is instanced comes once, by its first instance's path.

    Of a library that defines nothing itself, also classes and overs.
    """
    from pxr import Usd

    yield stage.GetPseudoRoot(), "/"
    defines = bool(stage.GetPseudoRoot().GetChildren())
    flags = Usd.PrimDefaultPredicate if defines else Usd.PrimIsActive & Usd.PrimIsLoaded
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), flags):
        if not prim.IsPseudoRoot():
            yield prim, str(prim.GetPath())
    homes = homes_of(stage)
    for prototype in stage.GetPrototypes():
        home = homes[str(prototype.GetPath())]
        for prim in Usd.PrimRange(prototype):
            yield prim, home + str(prim.GetPath())[len(str(prototype.GetPath())) :]


def homes_of(stage: Any) -> dict[str, str]:
    """By prototype: the path of an instance of it that users know, also where that stands inside another prototype."""
    inside: dict[str, list[str]] = {}
    for prototype in stage.GetPrototypes():
        inside[str(prototype.GetPath())] = sorted(str(p.GetPath()) for p in prototype.GetInstances())
    homes: dict[str, str] = {}

    def home(name: str, depth: int = 0) -> str:
        if name not in homes:
            plain = [path for path in inside[name] if not path.startswith("/__Prototype_")]
            if plain:
                homes[name] = plain[0]
            elif not inside[name] or depth > 64:
                homes[name] = name
            else:
                outer = "/" + inside[name][0].split("/")[1]
                homes[name] = home(outer, depth + 1) + inside[name][0][len(outer) :]
        return homes[name]

    return {name: home(name) for name in inside}


def layers_of(stage: Any) -> dict[str, str]:
    """Files that the stage uses: "layer" for sublayers, its own or of what it refers to, "asset" for the others."""
    from pxr import Sdf

    own = set()
    for layer in stage.GetUsedLayers():
        for path in layer.subLayerPaths:
            sub = Sdf.Layer.FindRelativeToLayer(layer, path) if path else None
            own.add(sub.realPath if sub else "")
    root = stage.GetRootLayer().realPath
    found = {}
    for layer in stage.GetUsedLayers():
        if layer.realPath and layer.realPath != root:
            found[layer.realPath.partition("[")[0]] = "layer" if layer.realPath in own else "asset"
    return found


def at_home(stage: Any, path: str, homes: dict[str, str]) -> str:
    """A path inside an instance as one inside the first instance of its prototype."""
    prim = stage.GetPrimAtPath(path) if path.startswith("/") and "." not in path else None
    if not prim or not prim.IsInstanceProxy():
        return path
    inside = str(prim.GetPrimInPrototype().GetPath())
    prototype = "/" + inside.split("/")[1]
    return homes.get(prototype, prototype) + inside[len(prototype) :]
