"""Evaluating a shading network: from an input back through its nodes to a signal.

Each node id has a small function (`USD_NODES`, `mtlx.nodes`); the evaluator follows connections through node graphs and
interface inputs, keeps what it found, and is bounded: loops, depth and the number of nodes end in a finding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.materials_signal import (
    Constant,
    Notes,
    Signal,
    Text,
    Varying,
    Vector,
    constant,
    mean_of,
)
from twinstage.scene.read.shading import Source, follow
from twinstage.scene.read.textures import TextureStore

MAX_NODES = 10_000
MAX_DEPTH = 60
"""Nodes of one network that are evaluated, and how many may hang on one wire."""

Lookup = Callable[[str], "Constant | Varying | Text | None"]
"""The value of a primvar on the gprim in question; None where it has none."""
Evaluator = Callable[["Node"], "Signal | None"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node, asked for one of its outputs. `type`: the MaterialX type in its id, "" for others."""

    network: "Network"
    shader: Any
    output: str
    id: str
    type: str = ""

    @property
    def path(self) -> str:
        return str(self.shader.GetPath())

    @property
    def width(self) -> int:
        """Components of the output, by the node's type."""
        return {"color3": 3, "vector3": 3, "color4": 4, "vector4": 4, "vector2": 2}.get(self.type, 1)

    def get(self, name: str) -> Signal | None:
        """What arrives at that input; None where there is nothing."""
        return self.network.input(self.shader, name)

    def signal(self, name: str, default: Any) -> Signal:
        """What arrives at that input, else the default."""
        found = self.get(name)
        return constant(default) if found is None else found

    def vector(self, name: str, default: Any, width: int) -> Vector:
        """The input as `width` numbers; of an image or a varying primvar the mean."""
        return mean_of(self.signal(name, default), width)

    def number(self, name: str, default: float) -> float:
        return self.vector(name, default, 1)[0]

    def text(self, name: str, default: str) -> str:
        """The input as a string."""
        found = self.get(name)
        return found.text if isinstance(found, Text) and found.text else default

    def note(self, code: str, sentence: str) -> None:
        """Tell what is not taken exactly; the sentence goes on from the node's path."""
        self.network.notes.add(code, sentence, self.path)


class Network:
    """One material's nodes. `lookup` gives primvars; the names asked for are kept in `reads`; `surfaces`: `mtlx.lobes`'."""

    def __init__(
        self,
        context: ReadContext,
        textures: TextureStore,
        lookup: Lookup,
        find: "Callable[[str], tuple[Evaluator, str] | None]",
    ) -> None:
        self.context = context
        self.textures = textures
        self.notes = Notes()
        self.reads: dict[str, None] = {}
        self._lookup = lookup
        self._find = find
        self.surfaces: dict[tuple[str, str], Any] = {}
        self._known: dict[tuple[str, str], Signal | None] = {}
        self._open: list[tuple[str, str]] = []

    def primvar(self, name: str) -> Constant | Varying | Text | None:
        """A primvar's value on the gprim."""
        self.reads[name] = None
        return self._lookup(name)

    def input(self, shader: Any, name: str) -> Signal | None:
        """What arrives at an input of a shader; None where it has neither value nor source."""
        attribute, source = follow(
            shader.GetInput(name),
            lambda: self.notes.add(
                "material.network",
                f"connects input {name} in a loop or too far: that is left out",
                str(shader.GetPath()),
            ),
        )
        if source is not None:
            return self.output(source)
        return None if attribute is None else self.value(attribute)

    def value(self, attribute: Any) -> Signal | None:
        """An attribute's value; colours are brought to linear Rec. 709 where a colour space is declared."""
        found = attribute.Get(self.context.time)
        if found is None:
            return None
        try:
            if isinstance(found, str) or hasattr(found, "resolvedPath"):
                return Text(found if isinstance(found, str) else str(found.path))
            numbers = constant(found)
        except (TypeError, ValueError):
            self.notes.add(
                "material.type",
                f"holds a {attribute.GetTypeName()}, which is left out",
                str(attribute.GetPath()),
            )
            return None
        if "color" in str(attribute.GetTypeName()) or attribute.GetRoleName() == "Color":
            return Constant(to_rec709(numbers.values, color_space(attribute)))
        return numbers

    def output(self, source: Source) -> Signal | None:
        """What a node gives at an output; None (noted) where that cannot be said."""
        key = (str(source.shader.GetPath()), source.output)
        if key in self._known:
            return self._known[key]
        trouble = (
            "feeds itself: the loop is cut here"
            if key in self._open
            else f"hangs deeper than {MAX_DEPTH} nodes: it is left out"
            if len(self._open) >= MAX_DEPTH
            else f"lies beyond the first {MAX_NODES} nodes: it is left out"
            if len(self._known) >= MAX_NODES
            else ""
        )
        if trouble:
            self.notes.add("material.network", trouble, key[0])
            return None
        self._open.append(key)
        try:
            self._known[key] = self._evaluate(source)
        finally:
            self._open.pop()
        return self._known[key]

    def _evaluate(self, source: Source) -> Signal | None:
        found = self._find(source.id)
        if found is None:
            named = f"is of the unknown type {source.id!r}" if source.id else "has no id"
            self.notes.add(
                "material.node", f"{named}: what it feeds keeps its default", str(source.shader.GetPath())
            )
            return None
        evaluate, type_name = found
        try:
            return evaluate(Node(self, source.shader, source.output, source.id, type_name))
        except (
            ArithmeticError,
            ValueError,
            TypeError,
            LookupError,
        ) as error:  # one odd node must not lose the stage
            self.notes.add(
                "material.node",
                f"cannot be evaluated ({error}): what it feeds keeps its default",
                str(source.shader.GetPath()),
            )
            return None


_SRGB = ("srgb_texture", "srgb_rec709_scene", "sRGB", "srgb")
_RAW = (
    "",
    "raw",
    "Raw",
    "data",
    "identity",
    "auto",
    "lin_rec709",
    "lin_rec709_scene",
    "linear",
    "none",
    "unknown",
)
# MaterialX 1.38/1.39 names -> Gf.ColorSpaceNames.
_GF_NAMES = {
    "acescg": "lin_ap1_scene",
    "lin_ap1": "lin_ap1_scene",
    "aces2065-1": "lin_ap0_scene",
    "g18_rec709": "g18_rec709_scene",
    "g22_rec709": "g22_rec709_scene",
    "rec709_display": "g24_rec709_scene",
    "g22_ap1": "g22_ap1_scene",
    "adobergb": "g22_adobergb_scene",
    "lin_adobergb": "lin_adobergb_scene",
    "srgb_displayp3": "srgb_p3d65_scene",
    "lin_displayp3": "lin_p3d65_scene",
    "lin_srgb": "lin_rec709_scene",
    "g22_srgb": "g22_rec709_scene",
}


def color_space(attribute: Any) -> str:
    """The colour space that an attribute declares, or that its prim's ColorSpaceAPI gives it; "" for none."""
    if attribute.HasColorSpace():
        return str(attribute.GetColorSpace())
    prim = attribute.GetPrim()
    while prim:
        if "ColorSpaceAPI" in prim.GetAppliedSchemas():
            name = prim.GetAttribute("colorSpace:name").Get()
            if name:
                return str(name)
        prim = prim.GetParent()
    return ""


def is_srgb(name: str) -> bool | None:
    """Whether that colour space is sRGB (True), linear Rec. 709 or data (False); None for any other."""
    return True if name in _SRGB else False if name in _RAW else None


def to_rec709(values: Vector, space: str) -> Vector:
    """A colour in that space as linear Rec. 709; alpha stays. Unknown spaces are taken for linear Rec. 709."""
    if is_srgb(space) is False or len(values) < 3:
        return values
    from pxr import Gf

    name = "srgb_rec709_scene" if is_srgb(space) else _GF_NAMES.get(space, space)
    if not Gf.ColorSpace.IsValid(name):
        return values
    target = Gf.ColorSpace(Gf.ColorSpaceNames.LinearRec709)
    converted = target.Convert(Gf.ColorSpace(name), Gf.Vec3f(*values[:3]))
    return (*constant(converted.GetRGB()).values, *values[3:])
