"""What the twin and its watching process say to each other: pickled frames, because both ends are ours."""

import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from twinstage.live.watch.pack import Packed


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
    """Tell the next scene, over that overlay."""

    overlay: Overlay


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
    size = _exactly(end, 8)
    return None if size is None else _loaded(_exactly(end, int.from_bytes(size, "little")))


def _loaded(data: bytes | None) -> Any:
    return None if data is None else pickle.loads(data)


def _exactly(end: int, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(end, min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
