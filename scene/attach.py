"""Things that are picked up: while a signal holds, one of some candidates moves with a frame. numpy only.

The state is who holds what and how; it depends on nothing but the signals' history, so a replay gives the same scene.
Within a tick everything is let go before anything is taken, and bindings act in the order in which they are written.
"""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.follow import WorldCache


@dataclass(frozen=True, slots=True)
class Grip:
    """One attach binding: its input row, the frame's node, the candidates' nodes in path order."""

    value: int
    frame: int
    candidates: tuple[int, ...]
    radius: float
    threshold: float
    invert: bool
    choose: str
    snap: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """frame_from_candidate: rigid on the frame's side, with the candidate's scale."""

    grip: int
    pose: F8


@dataclass
class Attachments:
    """All grips of a plan."""

    grips: tuple[Grip, ...]
    _active: list[bool | None] = field(default_factory=list)
    """None until the signal has its first value."""
    _cursor: list[int] = field(default_factory=list)
    _held: dict[int, _Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is held."""
        self._active = [None] * len(self.grips)
        self._cursor = [0] * len(self.grips)
        self._held = {}

    @property
    def nodes(self) -> tuple[int, ...]:
        """All candidates' nodes, sorted."""
        return tuple(sorted({node for grip in self.grips for node in grip.candidates}))

    def holder_of(self, node: int) -> int:
        """Index of the grip that holds a node, or -1."""
        held = self._held.get(node)
        return held.grip if held is not None else -1

    def update(self, inputs: np.ndarray, cache: WorldCache) -> tuple[list[int], F8]:
        """Nodes that are held and their local matrices f8[n, 4, 4]; frames and parents must be composed."""
        wanted = [self._wants(k, inputs) for k in range(len(self.grips))]
        rising = [k for k, want in enumerate(wanted) if want and self._takes_now(k)]
        falling = {k for k, want in enumerate(wanted) if self._active[k] and not want}
        self._held = {node: held for node, held in self._held.items() if held.grip not in falling}
        self._active = wanted
        if rising:
            places = cache.place[np.array(self.nodes)]
            cache.compose(places)
        for k in rising:
            self._take(k, cache)
        nodes = sorted(self._held)
        return nodes, self._locals(nodes, cache)

    def _takes_now(self, k: int) -> bool:
        """Whether a grip that wants something takes it now: at an edge; a gripper that was closed when we joined, too.

        `choose: next` counts edges, so it takes nothing for a first value, which is none.
        """
        before = self._active[k]
        return before is False or (before is None and self.grips[k].choose == "nearest")

    def _wants(self, k: int, inputs: np.ndarray) -> bool | None:
        grip, value = self.grips[k], inputs[self.grips[k].value]
        if not np.isfinite(value):
            return self._active[k]
        return bool(value >= grip.threshold) != grip.invert

    def _take(self, k: int, cache: WorldCache) -> None:
        grip = self.grips[k]
        frame = rigid(cache.world[cache.place[grip.frame]])
        node = self._next(k) if grip.choose == "next" else self._nearest(grip, frame, cache)
        if node is None:
            return
        world = cache.world[cache.place[node]]
        if grip.snap:
            pose = np.diag([*np.linalg.norm(world[:3, :3], axis=0), 1.0])
        else:
            pose = np.linalg.inv(frame) @ world
        self._held[node] = _Held(k, pose)

    def _next(self, k: int) -> int | None:
        """The next candidate that nobody holds; None when all have been taken since the last reset."""
        candidates = self.grips[k].candidates
        while self._cursor[k] < len(candidates):
            node = candidates[self._cursor[k]]
            self._cursor[k] += 1
            if node not in self._held:
                return node
        return None

    def _nearest(self, grip: Grip, frame: np.ndarray, cache: WorldCache) -> int | None:
        free = [node for node in grip.candidates if node not in self._held]
        if not free:
            return None
        origins = cache.world[cache.place[np.array(free)]][:, :3, 3]
        distance = np.linalg.norm(origins - frame[:3, 3], axis=1)
        best = int(np.argmin(distance))  # the first in path order where two are equally near
        return free[best] if distance[best] <= grip.radius else None

    def _locals(self, nodes: list[int], cache: WorldCache) -> F8:
        out = np.zeros((len(nodes), 4, 4))
        for row, node in enumerate(nodes):
            held = self._held[node]
            frame = rigid(cache.world[cache.place[self.grips[held.grip].frame]])
            parent = cache.world[cache.parent[cache.place[node]]]
            out[row] = np.linalg.inv(parent) @ frame @ held.pose
        return out


def rigid(matrix: np.ndarray) -> F8:
    """A matrix without its scale."""
    out = np.array(matrix)
    out[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    return out
