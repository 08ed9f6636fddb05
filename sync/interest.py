"""What a client is interested in, from names to masks: globs over prim paths, class labels, signal ids.

A glob of paths is matched segment by segment: `*`, `?` and `[...]` stand for characters of one name, `**` for any number
of names. Sets of reached segments are handed down from parents to children in whole levels of the tree, so the cost grows with
the scene and not with its square, and no glob can make it explode.
"""

import fnmatch
import math
import re
from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import Bool
from twinstage.scene.snapshot import Snapshot
from twinstage.sync.messages import Eye

MAX_GLOBS = 64
MAX_GLOB_LENGTH = 512
MAX_SEGMENTS = 60
MAX_WILD = 64
"""Different segments with wildcards in one interest: each is held against all names of the scene."""


class Selector:
    """Globs and labels against one scene; made once a scene, at the first interest."""

    def __init__(self, snapshot: Snapshot, signal_ids: Sequence[str]) -> None:
        prims = snapshot.prims
        self._parent = np.asarray(prims.parent, np.int64)
        self._instancer = np.asarray(snapshot.points.instancer, np.int64)
        names = [path.rpartition("/")[2] for path in prims.path]
        self._names, self._name = np.unique(np.array(names, object), return_inverse=True)
        self._labels = prims.labels
        self._signals = signal_ids
        depth = np.array([path.count("/") for path in prims.path], np.int64)
        self._levels = [np.flatnonzero(depth == d) for d in np.unique(depth)]

    def nodes(self, globs: Sequence[str] | None, labels: Sequence[str] | None) -> Bool | None:
        """Nodes that both filters let through, with all nodes above them; None where neither filters.

        Those above are needed to place the others. Points go with their PointInstancer.
        """
        if globs is None and labels is None:
            return None
        prims = np.ones(len(self._parent), np.bool_)
        if globs is not None:
            prims &= self._globbed(globs)
        if labels is not None:
            prims &= self._labelled(labels)
        points = prims[self._instancer]
        return np.concatenate([self.with_ancestors(prims), points])

    def narrowed(self, nodes: Bool | None, seen: Bool) -> Bool:
        """Of the nodes (None: all) those that are seen, with all nodes above them, bool[nodes]."""
        chosen = seen if nodes is None else seen & nodes
        prims, points = chosen[: len(self._parent)].copy(), chosen[len(self._parent) :]
        prims[self._instancer[points]] = True
        return np.concatenate([self.with_ancestors(prims), points])

    def with_ancestors(self, prims: Bool) -> Bool:
        """The prims and all above them."""
        out = prims.copy()
        for level in reversed(self._levels):
            parents = self._parent[level[out[level]]]
            out[parents[parents >= 0]] = True
        return out

    def signals(self, globs: Sequence[str] | None) -> Bool | None:
        """Signals whose id one of the globs matches, `*` any characters; None: all."""
        if globs is None:
            return None
        tests = [re.compile(fnmatch.translate(glob)).match for glob in globs]
        return np.array([any(test(name) for test in tests) for name in self._signals], np.bool_)

    def _globbed(self, globs: Sequence[str]) -> Bool:
        out, known = np.zeros(len(self._parent), np.bool_), dict[str, Bool]()
        for glob in globs:
            out |= self._matched(glob, known)
        return out

    def _matched(self, glob: str, known: dict[str, Bool]) -> Bool:
        """Bit i of a prim's set: the names down to it can be the first i segments.

        All bits of a level step at once, so the cost does not grow with the segments. `known`: which names fit which segment.
        """
        parts = [part for part in glob.split("/") if part]
        segments = [part for i, part in enumerate(parts) if part != "**" or i == 0 or parts[i - 1] != "**"]
        if len(segments) > MAX_SEGMENTS:
            return np.zeros(len(self._parent), np.bool_)
        stars = sum(1 << i for i, part in enumerate(segments) if part == "**")
        fits = np.zeros(len(self._names), np.int64)
        for i, part in enumerate(segments):
            if part == "**":
                continue
            if part not in known:
                known[part] = self._fits(part)
            fits |= known[part].astype(np.int64) << i
        start = 1 | (stars & 1) << 1  # `**` may stand for no name at all
        sets = np.zeros(len(self._parent), np.int64)
        for level in self._levels:
            parent = self._parent[level]
            above = np.where(parent < 0, start, sets[np.maximum(parent, 0)])
            below = (above & stars) | (above & fits[self._name[level]]) << 1
            sets[level] = below | (below & stars) << 1
        out: Bool = (sets >> len(segments)) & 1 > 0
        return out

    def _fits(self, segment: str) -> Bool:
        """Which of the distinct names fit one segment, bool[names]."""
        if segment == "*":
            return np.ones(len(self._names), np.bool_)
        if not is_wild(segment):
            fits: Bool = np.asarray(self._names == segment, np.bool_)
            return fits
        test = re.compile(fnmatch.translate(segment)).match
        return np.array([test(name) is not None for name in self._names.tolist()], np.bool_)

    def _labelled(self, labels: Sequence[str]) -> Bool:
        """Prims with one of the labels, and all below them."""
        wanted = set(labels)
        out = np.array([not wanted.isdisjoint(own) for own in self._labels], np.bool_)
        for level in self._levels:
            parent = self._parent[level]
            out[level] |= (parent >= 0) & out[np.maximum(parent, 0)]
        return out


def is_wild(segment: str) -> bool:
    """Whether a segment of a glob stands for more than one name."""
    return not set(segment).isdisjoint("*?[")


def poor_eye(eye: Eye | None) -> str:
    """Why a camera is not accepted; "" if it is."""
    if eye is None:
        return ""
    numbers = (*eye.position, *eye.direction, eye.vertical_fov, eye.aspect, eye.far or 1.0)
    good = all(math.isfinite(number) and abs(number) < 1e15 for number in numbers)
    good = good and eye.vertical_fov > 0 and eye.aspect > 0 and any(eye.direction)
    return "" if good else "a view needs finite numbers, a direction, a field of view and an aspect above 0"


def complaint(globs: Sequence[str] | None) -> str:
    """Why a list of globs or labels is not accepted; "" if it is."""
    if globs is None:
        return ""
    if len(globs) > MAX_GLOBS:
        return f"an interest names {len(globs)} patterns, at most {MAX_GLOBS} are accepted"
    longest = max(map(len, globs), default=0)
    if longest > MAX_GLOB_LENGTH:
        return f"a pattern has {longest} characters, at most {MAX_GLOB_LENGTH}"
    wild = len({part for glob in globs for part in glob.split("/") if is_wild(part)} - {"*", "**"})
    return (
        f"an interest has {wild} different names with wildcards, at most {MAX_WILD}"
        if wild > MAX_WILD
        else ""
    )
