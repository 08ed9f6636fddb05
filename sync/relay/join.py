"""Several scenes below one root: documents joined, and node and signal ids of a part as those of the whole. Pure.

A part lies below its prefix (`/Plant/Line1` + `/World/Robot`); groups above the parts are plain Xforms at the origin. A part
that has a prim at its prefix, as a twin of that subtree has (`serve --only`), is at home: its paths stay as they are, and what
several such parts have (the prims above them, materials) is there once. Signals are called after the prefix in any case
(`Plant.Line1.` + `motor.rpm`). Geometry and textures of the same content are one.
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
_OF_PRIMS = ("resets", "type", "kind", "purpose", "label", "visible", "proxy")
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
    rows, prims = _rows(groups, {prefix: parts[prefix]["nodes"]["path"] for prefix in prefixes})
    joint = _Joint(groups, prims)
    places = {prefix: joint.add(prefix, parts[prefix], rows[prefix]) for prefix in prefixes}
    return joint.document(parts, epoch, revision), places


def at_home(prefix: str, paths: Sequence[str]) -> bool:
    """Whether a part with those prims is a piece of the stage that is joined, and not a stage below it."""
    return prefix in paths


def _rows(groups: Sequence[str], parts: Mapping[str, Sequence[str]]) -> tuple[dict[str, np.ndarray], int]:
    """The row in the whole of each prim, i8[prims] by prefix, and the number of rows; groups come first."""
    known, count = {path: row for row, path in enumerate(groups)}, len(groups)
    out = {}
    for prefix, paths in parts.items():
        home, rows = at_home(prefix, paths), np.empty(len(paths), np.int64)
        for i, path in enumerate(paths):
            row = known.get(path) if home else None
            if row is None:
                row, count = count, count + 1
                if home:
                    known[path] = row
            rows[i] = row
        out[prefix] = rows
    return out, count


def _slashes(prefix: str) -> list[int]:
    """Ends of the paths down to it: /a/b gives those of /a and /a/b."""
    return [i for i, letter in enumerate(prefix) if letter == "/" and i] + [len(prefix)]


class _Joint:
    """Collects the tables of the parts."""

    def __init__(self, groups: Sequence[str], prims: int) -> None:
        at = {path: i for i, path in enumerate(groups)}
        count = len(groups)
        self._prims = prims
        self._group = at
        self._plain = set(range(count))
        """Groups that are no prims of a part yet."""
        self._nodes: dict[str, list[Any]] = {
            "path": list(groups),
            "parent": [at.get(path.rpartition("/")[0], -1) for path in groups],
            "resets": [False] * count,
            "type": ["Xform"] * count,
            "kind": ["group"] * count,
            "purpose": ["default"] * count,
            "label": [[] for _ in groups],
            "visible": [True] * count,
            "proxy": [False] * count,
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

    def add(self, prefix: str, part: Mapping[str, Any], rows: np.ndarray) -> Place:
        """One part's tables; `rows`: where its prims are in the whole."""
        nodes, points, lists = part["nodes"], part["points"], self._lists
        nodes = {"proxy": [False] * len(nodes["path"])} | nodes  # older servers do not tell
        first_point, home = len(self._points["id"]), at_home(prefix, nodes["path"])
        above = "" if home else prefix
        new = (rows >= len(self._nodes["path"])) | np.isin(rows, list(self._plain))
        self._add_prims(prefix, above, nodes, rows)
        self._points["instancer"] += [int(rows[prim]) for prim in points["instancer"]]
        for name in ("id", "visible", "local"):
            self._points[name] += points[name]
        place = np.concatenate([rows, self._prims + first_point + np.arange(points["count"])])
        mine = np.concatenate([new, np.ones(points["count"], bool)])
        textures = [self._one("textures", self._texture, texture) for texture in part["textures"]]
        material, objects = len(lists["materials"]), len(lists["objects"])
        sets, signals = len(lists["materialSets"]), len(lists["signals"])
        prototypes = [self._one("prototypes", self._prototype, each) for each in part["prototypes"]]
        lists["materials"] += [
            each | {"path": above + each["path"], "textures": _textured(each["textures"], textures)}
            for each in part["materials"]
        ]
        lists["materialSets"] += [[material + i for i in row] for row in part["materialSets"]]
        lists["objects"] += [
            each | {"id": objects + each["id"], "prim": int(rows[each["prim"]]), "path": above + each["path"]}
            for each in part["objects"]
        ]
        lists["cameras"] += [
            each | {"path": above + each["path"], "node": int(place[each["node"]])}
            for each in part["cameras"]
            if mine[each["node"]]
        ]
        lists["lights"] += [
            each
            | {"path": above + each["path"], "node": int(place[each["node"]])}
            | {"texture": None if each["texture"] is None else textures[each["texture"]]}
            for each in part["lights"]
            if mine[each["node"]]
        ]
        name = prefix[1:].replace("/", ".") + "."
        lists["signals"] += [each | {"id": name + each["id"]} for each in part["signals"]]
        for path, ids in part["bindings"].items():
            self._bindings.setdefault(above + path, []).extend(name + ident for ident in ids)
        self._add_instances(part["instances"], place, mine, prototypes, sets, objects)
        return Place(place, signals)

    def _add_prims(self, prefix: str, above: str, nodes: Mapping[str, Any], rows: np.ndarray) -> None:
        root, table = self._group[prefix], self._nodes
        if above:
            table["path"] += [above + path for path in nodes["path"]]
            table["parent"] += [root if parent < 0 else int(rows[parent]) for parent in nodes["parent"]]
            for name in (*_OF_PRIMS, "local"):
                table[name] += nodes[name]
            return
        for i, row in enumerate(rows.tolist()):
            if row < len(table["path"]) and row not in self._plain:
                continue  # of an earlier part, which says the same
            parent = nodes["parent"][i]
            told = {name: nodes[name][i] for name in _OF_PRIMS} | {"path": nodes["path"][i]}
            told["parent"] = int(rows[parent]) if parent >= 0 else -1
            local = nodes["local"][12 * i : 12 * i + 12]
            if row == len(table["path"]):
                for name, value in told.items():
                    table[name].append(value)
                table["local"] += local
            else:
                self._plain.discard(row)
                for name, value in told.items():
                    table[name][row] = value
                table["local"][12 * row : 12 * row + 12] = local

    def _add_instances(
        self,
        part: Mapping[str, Any],
        place: np.ndarray,
        mine: np.ndarray,
        prototypes: list[int],
        sets: int,
        objects: int,
    ) -> None:
        """Those of nodes that no earlier part has drawn."""
        rows = self._instances
        local = _UNIT * part["count"] if part["local"] is None else part["local"]
        self._any_local |= part["local"] is not None
        for i in np.flatnonzero(mine[np.array(part["node"], np.int64)]).tolist():
            rows["prototype"].append(prototypes[part["prototype"][i]])
            rows["node"].append(int(place[part["node"][i]]))
            rows["prim"].append(int(place[part["prim"][i]]))
            rows["point"].append(part["point"][i])
            row, thing = part["materialSet"][i], part["object"][i]
            rows["materialSet"].append(row if row < 0 else sets + row)
            rows["object"].append(thing if thing < 0 else objects + thing)
            rows["visible"].append(part["visible"][i])
            rows["local"] += local[12 * i : 12 * i + 12]

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
        if np.any(ids[1:] < ids[:-1]):  # of a part at home some rows are those of others
            order = np.argsort(ids)
            mine, ids = mine[order], ids[order]
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
