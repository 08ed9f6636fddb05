"""What the checks of motion and looks are handed."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.live.checks.trajectories import Trajectories
from twinstage.scene.columns import F8
from twinstage.scene.compile import Compiler
from twinstage.scene.plan import BindingPlan
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.telemetry.contract import Contract


@dataclass(frozen=True)
class ExaminedTwin:
    """A twin whose bindings were compiled as far as they hold, and its signals over time."""

    opened: OpenedStage
    snapshot: Snapshot
    contract: Contract
    compiler: Compiler
    plan: BindingPlan
    trajectories: Trajectories

    @cached_property
    def inputs(self) -> F8:
        """All inputs of the plan over time, f8[t, rows]."""
        return self.trajectories.inputs(self.plan.inputs)

    def recorded(self, row: int) -> bool:
        """Whether everything that an input depends on was recorded."""
        return all(self.trajectories.recorded[k] for k in self.compiler.inputs.uses(row))

    def prim(self, path: str) -> Any:
        return self.opened.stage.GetPrimAtPath(path)

    @cached_property
    def boxes(self) -> tuple[F8, F8]:
        """World bounds (low f8[k, 3], high f8[k, 3]) of everything drawn, one row an instance."""
        return drawn_boxes(self.snapshot)

    def bounds(self, below: str = "", without: str = "") -> tuple[F8, F8] | None:
        """Bounds of what is drawn at or below a prim, and not at or below another; None where nothing is."""
        low, high = self.boxes
        prim = self.snapshot.instances.prim
        keep = np.isfinite(low).all(1) & np.isfinite(high).all(1) & self.snapshot.instances.visible
        if below:
            keep &= self._under(prim, below)
        if without:
            keep &= ~self._under(prim, without)
        if not keep.any():
            return None
        return low[keep].min(0), high[keep].max(0)

    def _under(self, prims: np.ndarray, path: str) -> np.ndarray:
        """Which prim indices lie at or below a path: paths are sorted, and "/" comes before all that names may hold."""
        paths = self.snapshot.prims.path
        first, end = bisect_left(paths, path), bisect_left(paths, path + chr(ord("/") + 1))
        return np.asarray((prims >= first) & (prims < end))


def drawn_boxes(snapshot: Snapshot) -> tuple[F8, F8]:
    """World bounds (low f8[k, 3], high f8[k, 3]) of everything drawn, one row an instance; NaN for empty ones."""
    table = snapshot.instances
    low = np.array([p.points.min(0) if len(p.points) else np.full(3, np.nan) for p in snapshot.prototypes])
    high = np.array([p.points.max(0) if len(p.points) else np.full(3, np.nan) for p in snapshot.prototypes])
    if not len(table):
        return np.empty((0, 3)), np.empty((0, 3))
    low, high = low.reshape(-1, 3)[table.prototype], high.reshape(-1, 3)[table.prototype]
    world = snapshot.instance_world
    middle, half = (low + high) / 2, (high - low) / 2
    centre = np.einsum("nij,nj->ni", world[:, :3, :3], middle) + world[:, :3, 3]
    reach = np.einsum("nij,nj->ni", np.abs(world[:, :3, :3]), half)
    return centre - reach, centre + reach
