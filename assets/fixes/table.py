"""What a fix is: for one code, a function that writes opinions into a layer over the file, and says what it did.

A fix is made only where it is certain what was meant. `same`: whether the picture stays as it was; the others show what the
file meant to show and did not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twinstage.base.finding import Finding


@dataclass(frozen=True, slots=True)
class Work:
    """`stage` as composed; `layer`, the Sdf.Layer that is written; `folder` it will lie in; `file`, the root layer's."""

    stage: Any
    layer: Any
    folder: str
    file: str

    def prim(self, finding: Finding) -> Any:
        """The prim of a finding, None where it is not there or a layer cannot change it (inside an instance)."""
        prim = self.stage.GetPrimAtPath(finding.path.partition(".")[0])
        return prim if prim and not prim.IsInstanceProxy() and not prim.IsInPrototype() else None

    def over(self, prim: Any) -> Any:
        """The layer's spec for that prim."""
        from pxr import Sdf

        return Sdf.CreatePrimInLayer(self.layer, prim.GetPath())

    def attribute(self, prim: Any, name: str, kind: Any, uniform: bool = False) -> Any:
        """The layer's spec for an attribute; `kind`: Sdf.ValueTypeName."""
        from pxr import Sdf

        spec = self.over(prim)
        known = spec.attributes.get(name)
        how = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
        return known or Sdf.AttributeSpec(spec, name, kind, how)


Mend = Callable[[Work, Finding], str]
"""Writes into the layer; what it did in a few words, "" where it left things as they are."""


@dataclass(frozen=True, slots=True)
class Fix:
    """How findings of one code are mended."""

    code: str
    mend: Mend
    same: bool


_fixes: dict[str, Fix] = {}


def fix(*codes: str, same: bool = True) -> Callable[[Mend], Mend]:
    """Register a function as the fix for these codes."""

    def register(mend: Mend) -> Mend:
        for code in codes:
            _fixes[code] = Fix(code, mend, same)
        return mend

    return register


def fix_of(code: str) -> Fix | None:
    """The fix for a code."""
    return _fixes.get(code)


def fixes() -> list[Fix]:
    """All of them, by code."""
    return [_fixes[code] for code in sorted(_fixes)]
