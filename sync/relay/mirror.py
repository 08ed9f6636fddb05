"""A snapshot from the scene document: as much of the scene as a hub needs that does no rendering. Pure.

Geometry stays in the files; a prototype has the corners of its bounds, so that a client's view can be filtered.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from twinstage.scene.snapshot import Snapshot
from twinstage.sync.document import bindings_of, signals_of, snapshot_of
from twinstage.sync.hub import SignalMeta

_NOTHING: dict[str, Any] = {
    "stage": {"name": "", "metersPerUnit": 1.0, "upAxis": "Z", "timeCodesPerSecond": 24.0, "hash": ""},
    "nodes": {"count": 0}
    | dict.fromkeys(("path", "parent", "type", "kind", "label", "purpose", "visible", "local", "resets"), ()),
    "points": {"count": 0} | dict.fromkeys(("instancer", "id", "local", "visible"), ()),
    "instances": {"count": 0, "local": None}
    | dict.fromkeys(("prototype", "node", "prim", "point", "visible"), ()),
    "prototypes": (),
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """What a scene document says. `files`: (kind, hash) of geometry and textures, in the document's order."""

    epoch: str
    revision: int
    snapshot: Snapshot
    signals: tuple[SignalMeta, ...]
    bindings: dict[str, tuple[str, ...]]
    files: tuple[tuple[str, str], ...]


def read_mirror(data: bytes) -> Mirror:
    """Raises ValueError, KeyError or TypeError for what is no scene document."""
    document: dict[str, Any] = msgspec.json.decode(data)
    files = [("glb", one["hash"]) for one in document["prototypes"]]
    files += [("texture", one["hash"]) for one in document["textures"]]
    epoch, revision = document["epoch"], document["revision"]
    snapshot = replace(snapshot_of(document), revision=revision)
    signals = tuple(signals_of(document))
    return Mirror(epoch, revision, snapshot, signals, bindings_of(document), tuple(files))


def blank() -> Snapshot:
    """A scene of nothing, until there is one."""
    return snapshot_of(_NOTHING)
