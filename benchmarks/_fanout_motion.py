"""The plant that `sync_fanout` moves: N prims whose motion is a closed formula of the tick number. numpy alone.

Vehicles run along loops, boxes along conveyors (and back to the start at their end), arm links turn about their joints, lifts
go up and down; speeds, phases and sizes are drawn for each prim. Server, clients and the peer all ask this one formula, and
it imports nothing of what it judges.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

PERIOD_S = 4.0
"""The motion of a prim repeats after so long, or a whole part of it [s]."""
LINE = 100
"""Prims below one parent."""
SEED = 7

HEAD = '#usda 1.0\n(\n    defaultPrim = "Plant"\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n\ndef Xform "Plant"\n{\n'
PRIM = """        def {kind} "Part{i}"
        {{
            {size}matrix4d xformOp:transform = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), ({x:.3f}, {y:.3f}, 0, 1))
            uniform token[] xformOpOrder = ["xformOp:transform"]
        }}
"""


def path_of(i: int) -> str:
    """Prim path of a row of the motion."""
    return f"/Plant/Line{i // LINE}/Part{i}"


@dataclass(frozen=True)
class Motion:
    """Motion of `prims` prims, `hz` ticks a second. Row i is the prim `path_of(i)`."""

    prims: int
    hz: float
    home: np.ndarray
    """f8[n, 3] [m]."""
    turns: np.ndarray
    """Whole cycles in a period, i8[n]."""
    phase: np.ndarray
    reach: np.ndarray
    """Size of the movement, f8[n] [m], or [rad] of arm links."""
    axis: np.ndarray
    """Unit axes of arm links, f8[n, 3]."""
    kind: np.ndarray
    """0 vehicle, 1 box, 2 arm link, 3 lift; i8[n]."""

    @property
    def period(self) -> int:
        """Ticks after which everything repeats."""
        return round(PERIOD_S * self.hz)

    def pose(self, tick: int) -> tuple[np.ndarray, np.ndarray]:
        """Translations f8[n, 3] [m] and quaternions wxyz f4[n, 4] of a tick."""
        cycle = self.turns * ((tick % self.period) / self.period) + self.phase
        angle = 2 * np.pi * cycle
        where = self.home.copy()
        turn = np.zeros((self.prims, 4), np.float32)
        turn[:, 0] = 1.0
        k = np.flatnonzero(self.kind == 0)
        where[k, 0] += self.reach[k] * np.cos(angle[k])
        where[k, 1] += 0.6 * self.reach[k] * np.sin(angle[k])
        yaw = np.arctan2(0.6 * np.cos(angle[k]), -np.sin(angle[k]))
        turn[k, 0], turn[k, 3] = np.cos(yaw / 2), np.sin(yaw / 2)
        k = np.flatnonzero(self.kind == 1)
        where[k, 0] += 4.0 * self.reach[k] * (cycle[k] % 1.0)
        k = np.flatnonzero(self.kind == 2)
        half = 0.5 * self.reach[k] * np.sin(angle[k])
        turn[k, 0] = np.cos(half)
        turn[k, 1:] = np.sin(half)[:, None] * self.axis[k]
        k = np.flatnonzero(self.kind == 3)
        where[k, 2] += self.reach[k] * (1.0 - np.cos(angle[k]))
        return where, turn


def make_motion(prims: int, hz: float, seed: int = SEED) -> Motion:
    """Twenty of a hundred prims are vehicles, forty boxes, twenty-five arm links, fifteen lifts."""
    rng = np.random.default_rng([seed, prims])
    kind = np.repeat([0, 1, 2, 3], [20, 40, 25, 15])[np.arange(prims) % LINE]
    axis = rng.normal(size=(prims, 3))
    home = np.column_stack([rng.uniform(0, 200, (prims, 2)), rng.uniform(0, 6, prims)])
    return Motion(
        prims,
        hz,
        home,
        rng.integers(1, 3, prims),
        rng.uniform(0, 1, prims),
        rng.uniform(0.3, 1.2, prims),
        axis / np.linalg.norm(axis, axis=1, keepdims=True),
        kind,
    )


def write_stage(path: Path, motion: Motion, *, boxes: bool) -> Path:
    """A USD stage of these prims: boxes, or bare transforms."""
    kind, size = ("Cube", "double size = 0.5\n            ") if boxes else ("Xform", "")
    parts = [HEAD]
    for i, (x, y, _) in enumerate(motion.home):
        if i % LINE == 0:
            parts.append(("    }\n" if i else "") + f'    def Xform "Line{i // LINE}"\n    {{\n')
        parts.append(PRIM.format(kind=kind, i=i, size=size, x=x, y=y))
    path.write_text("".join([*parts, "    }\n}\n"]), "utf-8")
    return path
