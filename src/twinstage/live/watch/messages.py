"""What the twin and its watching process say to each other: pickled frames of plain data.

Both ends are ours, but the child reads foreign files: the twin takes nothing from it that could run.
"""

import io
import os
import pickle
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from twinstage.live.watch.pack import Packed

MOST_FRAME = 16 << 30
"""Largest message [bytes]."""
_OURS = ("twinstage.scene.", "twinstage.base.finding", "twinstage.live.watch.")
_TABLES = "twinstage.scene.tables"
_PARTS = frozenset(
    {
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("builtins", "bytearray"),
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        *(
            (f"numpy.{core}.{module}", name)
            for core in ("core", "_core")
            for module, name in (
                ("multiarray", "_reconstruct"),
                ("multiarray", "scalar"),
                ("numeric", "_frombuffer"),
            )
        ),
    }
)
"""What arrays, paths and sets are pickled as."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What the twin adds to the designers' files: usda texts of its `ui` layer (variants, labels) and its `bindings` layer."""

    ui: str = ""
    bindings: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What is watched; fields as in `TwinFiles`."""

    stage: Path
    roots: tuple[Path, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message to the child. `known`: hashes of prototypes and textures that the twin has; `poll`: seconds between
    two looks; `memory`: address space [bytes]; `tell`: answer the first reading, too."""

    source: Source
    overlay: Overlay
    known: frozenset[str]
    poll: float
    memory: int
    tell: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Tell the next scene, over that overlay. `files`: to look at besides those of the stage: of assets that were placed,
    with their states when these were read.

    May be said again while nothing is told.
    """

    overlay: Overlay
    files: tuple[tuple[str, tuple[int, int, int] | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """Read it over that overlay at once."""

    overlay: Overlay


@dataclass(frozen=True, slots=True)
class Told:
    """From the child.

    kind: "ready" (`files` are watched), "reading" (an answer follows soon), "composed" (the stage is whole,
    and being read: the twin may open it meanwhile), "scene", "broken" (`text` says why), "failed"
    (a defect of ours, and its last words).
    times: moments of this machine's monotonic clock [s]: seen, settled, opened, read, packed. `clean`: stamps of files
    in which nothing was screened out. `changed`: files that were saved. `shapes`: gprims that were read.
    """

    kind: Literal["ready", "reading", "composed", "scene", "broken", "failed"]
    text: str = ""
    scene: Packed | None = None
    overlay: Overlay = field(default_factory=Overlay)
    clean: Any = None
    files: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    shapes: int = 0


def to_bytes(message: Any) -> bytes:
    """A frame: eight bytes of length, then the pickled message."""
    data = pickle.dumps(message, protocol=5)
    return len(data).to_bytes(8, "little") + data


def read_frame(end: int) -> Any:
    """The next message; None at the end of the pipe."""
    head = _exactly(end, 8)
    if head is None:
        return None
    size = int.from_bytes(head, "little")
    if size > MOST_FRAME:
        raise pickle.UnpicklingError(f"a message of {size} bytes")
    data = _exactly(end, size)
    return None if data is None else _Plain(io.BytesIO(data)).load()


class _Plain(pickle.Unpickler):
    """Takes plain data alone: the child reads foreign files, and what it says must not run anything on our side."""

    def find_class(self, module: str, name: str) -> Any:
        """Classes of the scene (never a function), numpy's arrays, paths."""
        if (module, name) in _PARTS:
            return super().find_class(module, name)
        ours = module.startswith(_OURS) and not module.startswith("twinstage.scene.safe")
        if ours and "." not in name:  # with a dot it would lead on to whatever a module of ours uses
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and _holds_data(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


def _holds_data(kind: type) -> bool:
    """Whether it is made of fields alone, so that making one does nothing; tables of a scene are."""
    fields = is_dataclass(kind) or issubclass(kind, Enum) or hasattr(kind, "_fields")
    return fields or kind.__module__ == _TABLES


def _exactly(end: int, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(end, min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
