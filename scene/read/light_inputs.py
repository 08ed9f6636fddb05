"""Values of a light's inputs: `inputs:NAME` of today, plain `NAME` of files from before USD 21.02."""

import math
from typing import Any

from twinstage.scene.read.context import ReadContext

MAX_FILE = 4 << 20
"""Bytes of an IES profile that are read; real ones have a few kB."""


class LightInputs:
    """Reads a light's inputs at the snapshot's time; what is odd becomes a finding."""

    def __init__(self, context: ReadContext, prim: Any) -> None:
        self.context = context
        self.prim = prim
        names = [str(name) for name in prim.GetAuthoredPropertyNames()]
        self._authored = frozenset(names)

    def note(self, code: str, what: str) -> None:
        """A finding about this light; `what` goes on after its path."""
        self.context.finding(code, f"{self.prim.GetPath()} {what}", self.prim.GetPath())

    def authored(self, prefix: str) -> bool:
        """Whether an input whose name begins so is authored, new or old."""
        return any(name.removeprefix("inputs:").startswith(prefix) for name in self._authored)

    def attribute(self, name: str) -> Any:
        """The Usd.Attribute that holds that input; invalid where there is none."""
        if f"inputs:{name}" not in self._authored and name in self._authored:
            self.note(
                "light.old-names",
                "has inputs without the prefix `inputs:`, as before USD 21.02; USD itself ignores them, they are read",
            )
            return self.prim.GetAttribute(name)
        return self.prim.GetAttribute(f"inputs:{name}")

    def value(self, name: str) -> Any:
        """The value, the schema's fall-back, or None."""
        attribute = self.attribute(name)
        return attribute.Get(self.context.time) if attribute else None

    def number(self, name: str, default: float) -> float:
        """A finite number; `default` where there is none."""
        value = self.value(name)
        try:
            number = default if value is None else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
        self.note("light.value", f"has {name} {value!r}, which is no finite number; {default:g} is used")
        return default

    def flag(self, name: str, default: bool = False) -> bool:
        """A bool; `default` where there is none."""
        value = self.value(name)
        return default if value is None else bool(value)

    def color(self, name: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
        """Linear rgb; `default` where there is none or one that is not finite."""
        value = self.value(name)
        try:
            red, green, blue = (float(c) for c in (default if value is None else value))
        except (TypeError, ValueError):
            red = green = blue = math.nan
        if all(map(math.isfinite, (red, green, blue))):
            return red, green, blue
        self.note("light.value", f"has {name} {value!r}, which is no finite colour; {default} is used")
        return default

    def file(self, name: str, asset: Any) -> bytes:
        """The bytes of a small file that an input names; b"" with a finding where it cannot be read."""
        from pxr import Ar

        resolved = str(asset.resolvedPath)
        if not resolved:
            self.note("light.file-missing", f"names {str(asset.path)!r} in {name}, which is not found")
            return b""
        refused = self.context.allowed.refusal(resolved, str(self.prim.GetPath()), str(asset.path))
        if refused is not None:
            self.context.finding(refused.code, refused.message, self.prim.GetPath(), refused.severity)
            return b""
        opened = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
        if not opened:
            self.note("light.file-missing", f"names {str(asset.path)!r} in {name}, which cannot be opened")
            return b""
        with opened:
            if opened.GetSize() > MAX_FILE:
                self.note(
                    "light.file-size", f"names {str(asset.path)!r} in {name}, which is larger than 4 MiB"
                )
                return b""
            return bytes(opened.GetBuffer())
