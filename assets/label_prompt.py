"""Labelling by question and answer: what has no class yet, in groups, and what somebody says about each.

`Dialogue` is plain data: it gets answers as text and gives assignments. Reading the terminal is the command's business.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.assets.label_layer import Assignment
from twinstage.assets.label_scene import LabelScene
from twinstage.assets.label_targets import drawn_below, grouped, suggested_label, target_row

HELP = "a label, = for the suggestion, Enter to skip, :each to ask for each prim, :undo, :quit to end"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Prims without a class that share parent and name but for a number.

    paths: the prims to label; shapes: gprims in them; triangles: of their meshes, after triangulation.
    """

    name: str
    paths: tuple[str, ...]
    shapes: int
    triangles: int

    @property
    def suggestion(self) -> str:
        """A label made from the name: lower case, words joined by underscores."""
        return suggested_label(self.paths[0])

    def each(self) -> "list[Unlabelled]":
        """One row a prim; shapes and triangles are shared out evenly, as the prims are alike."""
        n = len(self.paths)
        return [Unlabelled(path, (path,), self.shapes // n, self.triangles // n) for path in self.paths]


def unlabelled(scene: LabelScene) -> list[Unlabelled]:
    """Groups of drawn objects without labels, largest first; what is inside a native instance counts for its root."""
    bare = [row for row, levels in scene.objects() if not levels]
    below = drawn_below(scene.parent, scene.drawn)
    targets = {row: _target(scene, row, below) for row in bare}
    shapes: Counter[str] = Counter()
    triangles: Counter[str] = Counter()
    for i in np.flatnonzero(scene.drawn).tolist():
        root = i if i in scene.points else int(scene.labels.root[i])
        if root in targets:
            shapes[targets[root]] += 1
            triangles[targets[root]] += _triangles(scene.prims[i])
    rows = [
        Unlabelled(name, tuple(paths), sum(shapes[p] for p in paths), sum(triangles[p] for p in paths))
        for name, paths in grouped(targets.values()).items()
    ]
    return sorted(rows, key=lambda row: (-row.triangles, row.name))


def _target(scene: LabelScene, row: int, below: np.ndarray) -> str:
    return scene.paths[
        target_row(
            row,
            scene.parent,
            below,
            is_proxy=lambda i: bool(scene.prims[i].IsInstanceProxy()),
            is_xform=lambda i: scene.prims[i].GetTypeName() == "Xform",
            is_object=lambda i: bool(scene.labels.found[i]),
        )
    ]


def _triangles(prim: Any) -> int:
    from pxr import Usd

    counts = prim.GetAttribute("faceVertexCounts").Get(Usd.TimeCode.EarliestTime())
    return int(np.maximum(np.array(counts, np.int64) - 2, 0).sum()) if counts else 0


@dataclass
class Dialogue:
    """Questions in order; `answer` takes one answer and says what it did. `done` when there is nothing to ask."""

    rows: list[Unlabelled]
    taxonomy: str = "class"
    _given: list[tuple[int, str]] = field(default_factory=list)
    _at: int = 0
    _ended: bool = False

    @property
    def done(self) -> bool:
        return self._ended or self._at >= len(self.rows)

    @property
    def current(self) -> Unlabelled:
        return self.rows[self._at]

    @property
    def question(self) -> str:
        row = self.current
        number = f" ({len(row.paths)} prims)" if len(row.paths) > 1 else ""
        return f"{self._at + 1}/{len(self.rows)} {row.name}{number} [{row.suggestion}]: "

    def answer(self, text: str) -> str:
        """Take one answer; returns a sentence for the user."""
        text = text.strip()
        if text in (":quit", ":q"):
            self._ended = True
            return "ended"
        if text in (":undo", ":u"):
            return self._undo()
        if text == ":each":
            self.rows[self._at : self._at + 1] = self.current.each()
            return f"{len(self.rows) - self._at} to go"
        if text.startswith(":") and text not in (":skip", ":s"):
            return f"{text} is no command; {HELP}"
        label = "" if text in (":skip", ":s") else self.current.suggestion if text == "=" else text
        name = self.current.name
        self._given.append((self._at, label))
        self._at += 1
        return f"{name} is a {label}" if label else f"{name} is skipped"

    def _undo(self) -> str:
        if not self._given:
            return "there is nothing to undo"
        self._at, _ = self._given.pop()
        return f"back to {self.current.name}"

    def assignments(self) -> Iterator[Assignment]:
        """What was said so far."""
        for at, label in self._given:
            for path in self.rows[at].paths if label else ():
                yield Assignment(path, (label,), self.taxonomy)
