"""Materials bound to gprims and their subsets -> `Material`s and material sets.

Which material is bound is UsdShade's answer (strength, inheritance, collections, purposes). What it looks like is a
`Surface`: UsdPreviewSurface as it is, MaterialX and MDL as the nearest. A network that reads primvars is evaluated once
for each different set of their values. A gprim without a material gets one made of its `displayColor`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.materials_look import Read, Surface, assemble, tell
from twinstage.scene.read.materials_network import Evaluator, Lookup, Network, Node
from twinstage.scene.read.materials_primvars import PrimvarValue, read_primvar
from twinstage.scene.read.shading import Source, terminal_source
from twinstage.scene.read.textures import TextureStore
from twinstage.scene.snapshot import Material, TextureInput

CONTEXTS = ("", "mtlx", "mdl", "glslfx")
"""Render contexts in which a surface is looked for; the first one found counts."""
MAX_LOOKS = 4096
"""Different looks of one material that primvars may give it; the rest take the last one, with a finding."""


@dataclass(frozen=True, slots=True)
class BoundMaterial:
    """A material by its key, the uv primvar that its textures read ("" for none), and the other primvars it asks for.

    `bare`: textures without a wrap mode.
    """

    key: str
    uv_name: str
    reads: tuple[str, ...] = ()
    bare: tuple[TextureInput, ...] = ()


class MaterialStore:
    """Reads each material once; material sets are tuples of material indices, one a slot."""

    def __init__(self, context: ReadContext, textures: TextureStore) -> None:
        self.context = context
        self.textures = textures
        self.materials: list[Material] = []
        self.sets: list[tuple[int, ...]] = []
        self._by_path: dict[Any, BoundMaterial] = {}
        self._by_key: dict[str, BoundMaterial] = {}
        self._prims: dict[str, Any] = {}
        self._looks: dict[tuple[object, ...], int] = {}
        self._looks_of: dict[str, int] = {}
        self._colors: dict[tuple[tuple[float, float, float] | None, float], int] = {}
        self._index: dict[Material, int] = {}
        self._set_index: dict[tuple[int, ...], int] = {}

    def bound(self, prims: list[Any]) -> list[BoundMaterial | None]:
        """The material of each prim by binding strength and inheritance, None where nothing is bound.

        Bindings of purpose preview or of all purposes count; where there is none, those of purpose full.
        """
        from pxr import UsdShade

        if not prims:
            return []
        found, by = UsdShade.MaterialBindingAPI.ComputeBoundMaterials(prims, UsdShade.Tokens.preview)
        bound = [self._read(material) if material else None for material in found]
        missing = [i for i, one in enumerate(bound) if one is None]
        for i in missing:
            if by[i]:
                self._unresolved(by[i])
        rest = [i for i in missing if not by[i]]
        if rest:
            full, _ = UsdShade.MaterialBindingAPI.ComputeBoundMaterials(
                [prims[i] for i in rest], UsdShade.Tokens.full
            )
            for i, material in zip(rest, full, strict=True):
                if material:
                    self.context.count(
                        "material.purpose", "gprim has a material of purpose full only: it is used"
                    )
                    bound[i] = self._read(material)
        return bound

    def plain(self, color: tuple[float, float, float] | None, opacity: float = 1.0) -> int:
        """The material of a gprim that has none: its displayColor, or the fall-back grey."""
        key = (color, opacity)
        if key not in self._colors:
            material = Material("", opacity=opacity)
            self._colors[key] = self._shared(
                material if color is None else replace(material, diffuse_color=color)
            )
        return self._colors[key]

    def worn(self, prim: Any, bound: BoundMaterial, *, has_colors: bool) -> int:
        """The index of that material as the gprim (or subset) wears it: with the values of the primvars it asks for."""
        values = tuple(self._primvar(prim, bound.key, name) for name in bound.reads)
        colored = has_colors and "displayColor" in bound.reads
        key = (bound.key, values, colored)
        if key not in self._looks:
            if self._looks_of.get(bound.key, 0) >= MAX_LOOKS:
                return self._too_many(bound.key, key)
            self._looks_of[bound.key] = self._looks_of.get(bound.key, 0) + 1
            known = dict(zip(bound.reads, values, strict=True))
            read = self._evaluate(self._prims[bound.key], known.get, has_colors=colored)
            self._looks[key] = self._shared(read.material)
        return self._looks[key]

    def set_index(self, indices: Iterable[int]) -> int:
        """The index of that material set."""
        key = tuple(indices)
        if key not in self._set_index:
            self._set_index[key] = len(self.sets)
            self.sets.append(key)
        return self._set_index[key]

    def _shared(self, material: Material) -> int:
        if material not in self._index:
            self._index[material] = len(self.materials)
            self.materials.append(material)
        return self._index[material]

    def _too_many(self, key: str, look: tuple[object, ...]) -> int:
        self.context.finding(
            "material.looks",
            f"material {key} has more than {MAX_LOOKS} looks by primvars: the rest share the last",
            key,
        )
        self._looks[look] = next(reversed([v for k, v in self._looks.items() if k[0] == key]))
        return self._looks[look]

    def _primvar(self, prim: Any, key: str, name: str) -> PrimvarValue:
        """The gprim's primvar (own or inherited), else the material's."""
        time = self.context.time
        found = read_primvar(self.context, prim, name, time)
        return found if found is not None else read_primvar(self.context, self._prims[key], name, time)

    def _unresolved(self, relationship: Any) -> None:
        path = relationship.GetPath()
        targets = ", ".join(str(target) for target in relationship.GetTargets()) or "nothing"
        self.context.finding(
            "material.binding", f"{path} names {targets}, which is no material: it has no effect", path
        )

    def _read(self, material: Any) -> BoundMaterial:
        path = material.GetPath()
        known = self._by_path.get(path)
        if known is None:  # proxies of one material share what is read of it
            prim = material.GetPrim()
            shared = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
            known = self._by_path[path] = self._read_once(prim, str(shared.GetPath()))
        return known

    def _read_once(self, prim: Any, key: str) -> BoundMaterial:
        if key not in self._by_key:
            self._prims[key] = prim
            time = self.context.time
            read = self._evaluate(prim, lambda name: read_primvar(self.context, prim, name, time), quiet=True)
            bare = tuple(source for name, source in read.material.textures if name in read.unwrapped)
            self._by_key[key] = BoundMaterial(key, read.uv_name, read.reads, bare)
        return self._by_key[key]

    def _evaluate(self, prim: Any, lookup: Lookup, *, has_colors: bool = False, quiet: bool = False) -> Read:
        """The material with primvars as `lookup` has them; `quiet`: without findings, to learn what it asks for."""
        from pxr import UsdShade

        path = str(prim.GetPath())
        network = Network(self.context, self.textures, lookup, _evaluator)
        surface = self._surface(UsdShade.Material(prim), path, network)
        material, uv_name, unwrapped = assemble(
            self.context, path, surface, network.notes, has_colors=has_colors
        )
        if not quiet:
            tell(self.context, path, network.notes)
        return Read(material, uv_name, tuple(network.reads), unwrapped)

    def _surface(self, material: Any, path: str, network: Network) -> Surface:
        source = _terminal(material, "surface")
        moved = _terminal(material, "displacement")
        if moved is not None and (source is None or moved.shader.GetPath() != source.shader.GetPath()):
            network.notes.add(
                "material.displacement",
                f"has displacement shader {moved.id!r}: surfaces are not displaced",
                path,
            )
        if source is None:
            others = _other_contexts(material)
            told = f", only one for {', '.join(others)}" if others else ""
            network.notes.add("material.no-surface", f"has no surface shader{told}: it is drawn grey", path)
            return Surface()
        node = Node(network, source.shader, source.output, source.id)
        surface = read_surface(node)
        if surface is None:
            named = f"shader {node.id!r} is unknown" if node.id else "its surface shader has no id"
            network.notes.add("material.shader", f"cannot be read, {named}: it is drawn grey", path)
            return Surface()
        return surface


def read_surface(node: Node) -> Surface | None:
    """The surface of a shader of any known kind; None for unknown ones."""
    from twinstage.scene.mtlx.lobes import surface_of
    from twinstage.scene.read.materials_mdl import mdl_surface
    from twinstage.scene.read.materials_preview import preview_surface

    if node.id == "UsdPreviewSurface" and node.shader.GetShaderId():
        return preview_surface(node)
    return surface_of(node) or mdl_surface(node)


def _evaluator(identifier: str) -> tuple[Evaluator, str] | None:
    from twinstage.scene.mtlx.evaluators import find
    from twinstage.scene.read.materials_usd import USD_NODES

    known = USD_NODES.get(identifier)
    return (known, "") if known is not None else find(identifier)


def _terminal(material: Any, name: str) -> Source | None:
    """The shader of a terminal in the first render context that has one."""
    return next((found for context in CONTEXTS if (found := terminal_source(material, context, name))), None)


def _other_contexts(material: Any) -> list[str]:
    """Render contexts for which the material has a surface, besides ours."""
    outputs = [str(output.GetBaseName()).split(":") for output in material.GetSurfaceOutputs()]
    return sorted({parts[0] for parts in outputs if len(parts) > 1 and parts[0] not in CONTEXTS})
