"""Several scenes below one root: documents joined, and node and signal ids of a part as those of the whole. Pure.

A part lies below its prefix (`/Plant/Line1` + `/World/Robot`); groups above the parts are plain Xforms at the origin. Signals
are called after the prefix, too (`Plant.Line1.` + `motor.rpm`). Geometry and textures of the same content are one.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import (
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.sync import codec
from twinstage.sync.messages import PROTOCOL
from twinstage.sync.state import State
from twinstage.sync.view import KINDS

_PREFIX = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}")
_UNIT = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of a part are in the whole: nodes i8[part's nodes], signals: what is added to an id."""

    nodes: np.ndarray
    first_signal: int


def check_prefixes(prefixes: Sequence[str]) -> None:
    """UserError where they cannot be roots beside each other."""
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise UserError(f"{prefix!r} is no prim path to join a twin below, as in /Plant/Line1")
    for one in prefixes:
        for other in prefixes:
            if one is not other and (other + "/").startswith(one + "/"):
                raise UserError(f"{other} lies below {one}: twins are joined beside each other")


def join_documents(
    parts: Mapping[str, Mapping[str, Any]], *, epoch: str, revision: int
) -> tuple[dict[str, Any], dict[str, Place]]:
    """The document of all parts by prefix, and the place of each part in it."""
    prefixes = sorted(parts)
    groups = sorted({prefix[:i] for prefix in prefixes for i in _slashes(prefix)})
    joint = _Joint(groups, sum(parts[prefix]["nodes"]["count"] for prefix in prefixes))
    places = {prefix: joint.add(prefix, parts[prefix]) for prefix in prefixes}
    return joint.document(parts, epoch, revision), places


def _slashes(prefix: str) -> list[int]:
    """Ends of the paths down to it: /a/b gives those of /a and /a/b."""
    return [i for i, letter in enumerate(prefix) if letter == "/" and i] + [len(prefix)]


class _Joint:
    """Collects the tables of the parts."""

    def __init__(self, groups: Sequence[str], prims: int) -> None:
        at = {path: i for i, path in enumerate(groups)}
        count = len(groups)
        self._prims = count + prims
        self._group = at
        self._nodes: dict[str, list[Any]] = {
            "path": list(groups),
            "parent": [at.get(path.rpartition("/")[0], -1) for path in groups],
            "resets": [False] * count,
            "type": ["Xform"] * count,
            "kind": ["group"] * count,
            "purpose": ["default"] * count,
            "label": [[] for _ in groups],
            "visible": [True] * count,
            "local": _UNIT * count,
        }
        self._points: dict[str, list[Any]] = {name: [] for name in ("instancer", "id", "visible", "local")}
        columns = ("prototype", "node", "prim", "point", "materialSet", "object", "visible", "local")
        self._instances: dict[str, list[Any]] = {name: [] for name in columns}
        self._any_local = False
        self._lists: dict[str, list[Any]] = {
            name: []
            for name in (
                *("prototypes", "objects", "materialSets", "materials", "textures"),
                *("cameras", "lights", "signals"),
            )
        }
        self._bindings: dict[str, list[str]] = {}
        self._prototype: dict[str, int] = {}
        self._texture: dict[str, int] = {}

    def add(self, prefix: str, part: Mapping[str, Any]) -> Place:
        """One part's tables."""
        nodes, points, lists = part["nodes"], part["points"], self._lists
        first, first_point = len(self._nodes["path"]), len(self._points["id"])
        root = self._group[prefix]
        self._nodes["path"] += [prefix + path for path in nodes["path"]]
        self._nodes["parent"] += [root if parent < 0 else first + parent for parent in nodes["parent"]]
        for name in ("resets", "type", "kind", "purpose", "label", "visible", "local"):
            self._nodes[name] += nodes[name]
        self._points["instancer"] += [first + prim for prim in points["instancer"]]
        for name in ("id", "visible", "local"):
            self._points[name] += points[name]
        rows = np.arange(nodes["count"] + points["count"])
        place = np.where(
            rows < nodes["count"], first + rows, self._prims + first_point + rows - nodes["count"]
        )
        textures = [self._one("textures", self._texture, texture) for texture in part["textures"]]
        material, objects = len(lists["materials"]), len(lists["objects"])
        sets, signals = len(lists["materialSets"]), len(lists["signals"])
        prototypes = [self._one("prototypes", self._prototype, each) for each in part["prototypes"]]
        lists["materials"] += [
            each | {"path": prefix + each["path"], "textures": _textured(each["textures"], textures)}
            for each in part["materials"]
        ]
        lists["materialSets"] += [[material + i for i in row] for row in part["materialSets"]]
        lists["objects"] += [
            each | {"id": objects + each["id"], "prim": first + each["prim"], "path": prefix + each["path"]}
            for each in part["objects"]
        ]
        lists["cameras"] += [
            each | {"path": prefix + each["path"], "node": first + each["node"]} for each in part["cameras"]
        ]
        lists["lights"] += [
            each
            | {"path": prefix + each["path"], "node": first + each["node"]}
            | {"texture": None if each["texture"] is None else textures[each["texture"]]}
            for each in part["lights"]
        ]
        name = prefix[1:].replace("/", ".") + "."
        lists["signals"] += [each | {"id": name + each["id"]} for each in part["signals"]]
        for path, ids in part["bindings"].items():
            self._bindings[prefix + path] = [name + ident for ident in ids]
        self._add_instances(part["instances"], place, first, prototypes, sets, objects)
        return Place(place, signals)

    def _add_instances(
        self,
        part: Mapping[str, Any],
        place: np.ndarray,
        first: int,
        prototypes: list[int],
        sets: int,
        objects: int,
    ) -> None:
        rows = self._instances
        rows["prototype"] += [prototypes[i] for i in part["prototype"]]
        rows["node"] += place[np.array(part["node"], np.int64)].tolist()
        rows["prim"] += [first + prim for prim in part["prim"]]
        rows["point"] += part["point"]
        rows["materialSet"] += [i if i < 0 else sets + i for i in part["materialSet"]]
        rows["object"] += [i if i < 0 else objects + i for i in part["object"]]
        rows["visible"] += part["visible"]
        self._any_local |= part["local"] is not None
        rows["local"] += _UNIT * part["count"] if part["local"] is None else part["local"]

    def _one(self, table: str, known: dict[str, int], each: Mapping[str, Any]) -> int:
        """The row of that content."""
        if each["hash"] not in known:
            known[each["hash"]] = len(self._lists[table])
            self._lists[table].append(each)
        return known[each["hash"]]

    def document(self, parts: Mapping[str, Mapping[str, Any]], epoch: str, revision: int) -> dict[str, Any]:
        """All of it."""
        stages = {prefix: part["stage"] for prefix, part in sorted(parts.items())}
        hashes = "".join(f"{prefix} {stage['hash']}\n" for prefix, stage in stages.items())
        first = next(iter(stages.values()))
        stage = first | {
            "name": " + ".join(stage["name"] for stage in stages.values()),
            "hash": hashlib.sha256(hashes.encode()).hexdigest(),
        }
        instances: dict[str, Any] = {"count": len(self._instances["node"]), **self._instances}
        if not self._any_local:
            instances["local"] = None
        return {
            "protocol": PROTOCOL,
            "epoch": epoch,
            "revision": revision,
            "stage": stage,
            "nodes": {"count": self._prims, **self._nodes},
            "points": {"count": len(self._points["id"]), **self._points},
            "instances": instances,
            **self._lists,
            "bindings": dict(sorted(self._bindings.items())),
        }


def _textured(inputs: Mapping[str, Any], textures: list[int]) -> dict[str, Any]:
    return {name: each | {"texture": textures[each["texture"]]} for name, each in inputs.items()}


def placed(state: State, since: int, place: Place) -> TickColumns:
    """What a part's state says of changes after tick `since` (-1: all), as rows of the whole."""
    at = {kind: state.column(kind).since(max(since, 0)) for kind in KINDS}

    def rows(kind: str) -> tuple[np.ndarray, ...]:
        """Ids in the whole, ascending, and the columns."""
        mine, data = at[kind], state.column(kind).data
        ids = mine + place.first_signal if kind in ("signals", "texts") else place.nodes[mine]
        return (frozen(ids, np.uint32), *(column[mine] for column in data))

    index, quanta, words, scale = rows("pose")
    rotation = frozen(codec.unpack_quaternions(words), np.float32)
    where = frozen(quanta * codec.QUANTUM, np.float64)
    texts, text, times, quality = rows("texts")
    return TickColumns(
        pose=PoseColumns(
            state.seq,
            state.event_ns,
            index,
            where,
            rotation,
            None if (scale == 1).all() else scale,
            (quanta, words),
        ),
        visibility=VisibilityColumns(*rows("visibility")),
        style=StyleColumns(*rows("style")),
        signals=SignalColumns(*rows("signals")),
        watermark_ns=state.watermark_ns,
        texts=TextColumns(texts, tuple(each.decode() for each in text.tolist()), times, quality),
        entities=EntityColumns(*rows("entities")),
    )
