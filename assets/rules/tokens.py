"""Rules about words: where USD allows a few, another one is a fault, however near it comes."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from twinstage.assets.rules.table import Fault, rule
from twinstage.base.finding import Severity

SHADER_WORDS = {
    ("UsdUVTexture", "inputs:wrapS"): ("black", "clamp", "repeat", "mirror", "useMetadata"),
    ("UsdUVTexture", "inputs:wrapT"): ("black", "clamp", "repeat", "mirror", "useMetadata"),
    ("UsdUVTexture", "inputs:sourceColorSpace"): ("raw", "sRGB", "auto"),
}
INTERPOLATIONS = ("constant", "uniform", "varying", "vertex", "faceVarying")
FREE = frozenset({"familyName"})
"""Attributes whose schema lists words only as examples."""


@rule("words", "token.invalid", "error", "A word that USD does not know", "write one of the allowed words")
def words(prim: Any) -> Iterator[Fault]:
    """Tokens are among those that the schema allows."""
    for name in prim.GetAuthoredPropertyNames():
        allowed = allowed_words(prim, name)
        if not allowed:
            continue
        value = prim.GetAttribute(name).Get()
        if isinstance(value, str) and value not in allowed:
            harmless = value == "" or (name, value) == ("visibility", "visible")
            yield _fault(name, value, allowed, "warning" if harmless else None)


@rule("words", "primvar.interpolation", "error", "A primvar says in no known way how it lies on the mesh",
      "write constant, uniform, varying, vertex or faceVarying", requirement="VG.014")  # fmt: skip
def interpolation(prim: Any) -> Iterator[Fault]:
    """The interpolation of primvars is one of five."""
    for name in prim.GetAuthoredPropertyNames():
        if (name.startswith("primvars:") and not name.endswith(":indices")) or name in ("normals", "widths"):
            attribute = prim.GetAttribute(name)
            value = attribute.GetMetadata("interpolation") if attribute else None
            if value and str(value) not in INTERPOLATIONS:
                yield _fault(name, str(value), INTERPOLATIONS)


def _fault(name: str, value: str, allowed: tuple[str, ...], severity: Severity | None = None) -> Fault:
    near = get_close_matches(value.lower(), [a.lower() for a in allowed], n=1, cutoff=0.6)
    meant = next((a for a in allowed if near and a.lower() == near[0]), "")
    meant = "inherited" if value == "visible" else meant
    message = f"{name.rpartition(':')[2]} is {value!r}; allowed are {', '.join(allowed)}"
    return Fault(message, f".{name}", severity, f"did you mean {meant!r}?" if meant else "")


def allowed_words(prim: Any, name: str) -> tuple[str, ...]:
    """The words that a token may be, () where it is free."""
    if name in FREE:
        return ()
    if name.startswith("inputs:") and prim.GetTypeName() == "Shader":
        identifier = prim.GetAttribute("info:id").Get()
        return SHADER_WORDS.get((str(identifier), name), ())
    key = (str(prim.GetTypeName()), tuple(map(str, prim.GetAppliedSchemas())), name)
    if key not in _known:
        allowed = prim.GetPrimDefinition().GetPropertyMetadata(name, "allowedTokens")
        _known[key] = tuple(map(str, allowed)) if allowed else ()
    return _known[key]


_known: dict[tuple[str, tuple[str, ...], str], tuple[str, ...]] = {}
