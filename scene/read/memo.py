"""What an earlier reading of the same stage found of each gprim: a saved file is read again without the work of what stayed.

A shape depends on the gprim's own values, on primvars that it inherits and on its subsets. Where the layers that speak of these
are the same ones as before, or are known to say the same of these prims, nothing is even looked at; where they were read anew,
values are compared by checksums of 96 bits. Touches pxr.
"""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.scene.read.context import Notes, ReadContext
from twinstage.scene.snapshot import Prototype

Marks = tuple[Any, ...]
_FEW = 64
"""Bytes of an array that are compared as they are."""


@dataclass(frozen=True, slots=True)
class Known:
    """A gprim as it was read: `shape` None where there was nothing to draw; `told`: what the reader noted meanwhile."""

    layers: Marks
    values: Marks
    shape: Prototype | None
    told: Notes


@dataclass(frozen=True, slots=True)
class _Version:
    """Which state a layer is in: a number for all its specs, but for those that stayed when it was read anew."""

    number: int
    stayed: Mapping[str, int]

    def of(self, path: Any) -> int:
        """Of the specs of a prim."""
        return self.stayed.get(str(path), self.number) if self.stayed else self.number


@dataclass
class ShapeMemo:
    """Gprims of the last reading, by path and uv primvar.

    Who hands it to `read_snapshot` calls `begin` before, with the layers that were not read anew since the last `end`, and
    `end` after it.
    `read`, `compared`: gprims that were read, and those whose values had to be looked at, in the present reading.
    """

    read: int = 0
    compared: int = 0
    _known: dict[tuple[str, str], Known] = field(default_factory=dict)
    _used: dict[tuple[str, str], Known] = field(default_factory=dict)
    _above: dict[Any, Marks] = field(default_factory=dict)
    _handed: dict[Any, Marks] = field(default_factory=dict)
    _versions: dict[int, _Version] = field(default_factory=dict)
    _named: dict[str, _Version] = field(default_factory=dict)
    _ended: dict[str, _Version] = field(default_factory=dict)
    _number: int = 0
    _quick: bool = False

    def begin(
        self,
        stage: Any,
        same_layers: Collection[str],
        same_prims: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """A reading of that Usd.Stage begins; `same_layers`: identifiers of layers that are what they were.

        `same_prims`: of other layers, by identifier, the paths of prims of which they say what they said.
        """
        self.read = self.compared = 0
        self._used, self._above, self._handed = {}, {}, {}
        layers = stage.GetUsedLayers()
        self._named = {}
        for layer in layers:
            name = layer.identifier
            stayed = (same_prims or {}).get(name, ())
            self._named[name] = self._version(self._ended.get(name), name in same_layers, stayed)
        self._versions = {hash(layer): self._named[layer.identifier] for layer in layers}
        # Values of clips come from layers that no prim's stack names.
        self._quick = len(stage.GetUsedLayers(includeClipLayers=True)) == len(layers)

    def _version(self, before: _Version | None, same: bool, stayed: Collection[str]) -> _Version:
        if before is not None and same:
            return before
        self._number += 1
        return _Version(self._number, {path: before.of(path) for path in stayed} if before else {})

    def end(self) -> None:
        """The reading is done: what it did not ask for is forgotten."""
        self._known, self._ended = self._used, self._named
        self._used, self._above, self._handed = {}, {}, {}

    def find(self, context: ReadContext, prim: Any, uv_name: str) -> "tuple[Known | None, Marks, Marks]":
        """What is known of that gprim, None where it is another now; and its marks, for `keep`."""
        key = (str(prim.GetPath()), uv_name)
        known = self._known.get(key)
        layers: Marks = ()
        if self._quick:
            layers = (_settings(context), *self._stacks(prim))
            if known is not None and known.layers == layers:
                self._used[key] = known
                return known, layers, known.values
        self.compared += 1
        values = (_settings(context), *self._values(context, prim))
        if known is not None and known.values == values:
            known = self._used[key] = Known(layers, values, known.shape, known.told)
            return known, layers, values
        return None, layers, values

    def keep(self, prim: Any, uv_name: str, known: Known) -> None:
        """A gprim was read."""
        self.read += 1
        self._used[str(prim.GetPath()), uv_name] = known

    def _values(self, context: ReadContext, prim: Any) -> Marks:
        found = [str(prim.GetTypeName()), *_authored(context, prim), self._given(context, prim.GetParent())]
        for child in prim.GetAllChildren():
            found.append((str(child.GetName()), str(child.GetTypeName())))
            found += _authored(context, child)
        return tuple(found)

    def _given(self, context: ReadContext, prim: Any) -> Marks:
        """Primvars that a prim hands down."""
        from pxr import UsdGeom

        if not prim or prim.IsPseudoRoot():
            return ()
        path = prim.GetPath()
        if path not in self._handed:
            marks: list[Any] = []
            for primvar in UsdGeom.PrimvarsAPI(prim).FindInheritablePrimvars():
                marks.append(_value(context, primvar.GetAttr()))
                if primvar.IsIndexed():
                    marks.append(_value(context, primvar.GetIndicesAttr()))
            self._handed[path] = tuple(marks)
        return self._handed[path]

    def _stacks(self, prim: Any) -> Marks:
        """Which specs of which layers, in which state, speak of a gprim, of what is above it and of its children."""
        below = tuple(self._stack(child) for child in prim.GetAllChildren())
        return (self._stack(prim), self._ancestors(prim.GetParent()), below)

    def _ancestors(self, prim: Any) -> Marks:
        if not prim or prim.IsPseudoRoot():
            return ()
        path = prim.GetPath()
        if path not in self._above:
            self._above[path] = (hash((self._handing(prim), self._ancestors(prim.GetParent()))),)
        return self._above[path]

    def _handing(self, prim: Any) -> Marks:
        """Specs above a gprim that hand it primvars; what else they say is none of its shape's business."""
        return tuple(
            (self._versions[hash(spec.layer)].of(spec.path), spec.path, offset.offset, offset.scale)
            for spec, offset in prim.GetPrimStackWithLayerOffsets()
            if any(name.startswith("primvars:") for name in spec.properties.keys())  # noqa: SIM118 - a view of specs
        )

    def _stack(self, prim: Any) -> Marks:
        return tuple(
            (self._versions[hash(spec.layer)].of(spec.path), spec.path, offset.offset, offset.scale)
            for spec, offset in prim.GetPrimStackWithLayerOffsets()
        )


def _settings(context: ReadContext) -> Marks:
    rate = context.stage.GetTimeCodesPerSecond()
    return (context.refine, context.conversion.scale, str(context.time), rate)


def _authored(context: ReadContext, prim: Any) -> list[Marks]:
    """What is written of a gprim or of a child, but for where it stands, which is none of a shape's business."""
    named = [(attribute.GetName(), attribute) for attribute in prim.GetAuthoredAttributes()]
    return [_value(context, attribute, name) for name, attribute in named if not name.startswith("xformOp")]


def _value(context: ReadContext, attribute: Any, name: str = "") -> Marks:
    value, name = attribute.Get(context.time), name or attribute.GetName()
    about: Marks = (name,)
    if name.startswith("primvars:") or name in ("normals", "widths"):
        about = (name, attribute.GetMetadata("interpolation"), attribute.GetMetadata("elementSize"))
    if isinstance(value, (str, float, int)):
        return (*about, repr(value))
    try:
        numbers = np.asarray(value)
        if numbers.ndim and numbers.dtype != object:
            return (*about, *checksum(numbers))
    except (TypeError, ValueError):
        pass
    return (*about, repr(value))


def checksum(numbers: np.ndarray) -> Marks:
    """Of an array: shape and type, and its bytes, or of many of them the CRC-32 and the sum of all words of 64 bits."""
    if numbers.nbytes <= _FEW:
        return numbers.shape, numbers.dtype.char, numbers.tobytes()
    flat = np.ascontiguousarray(numbers).reshape(-1).view(np.uint8)
    whole = len(flat) // 8 * 8
    total = int(np.add.reduce(flat[:whole].view(np.uint64)))
    return numbers.shape, numbers.dtype.char, zlib.crc32(flat.data), total
