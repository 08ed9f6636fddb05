"""Where falling bodies start: above their place, turned at random, one above another where they would meet.

Each body is taken as the ball around it, so no turn makes two of them meet, and it starts as low as the balls before it let it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8
from twinstage.synth.draws import Draws, Stream
from twinstage.synth.settling.pieces import Piece

GAP = 0.002
"""Least distance between two balls, and between a ball and what it falls onto [m]."""


@dataclass(frozen=True, slots=True)
class Ball:
    """The ball around a body: `centre` f8[3] in the body's frame, `radius` [m]."""

    centre: F8
    radius: float


def ball_around(points: np.ndarray) -> Ball:
    """A ball that holds all points: around the middle of their box."""
    centre = (points.min(0) + points.max(0)) / 2
    return Ball(centre, float(np.linalg.norm(points - centre, axis=1).max()))


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Boxes around still pieces: `middle` f8[n, 3], `axes` f8[n, 3, 3] (columns), `half` f8[n, 3]."""

    middle: F8
    axes: F8
    half: F8

    @staticmethod
    def of(pieces: Sequence[Piece]) -> "Obstacles":
        """The boxes of these pieces."""
        boxes = [_box(piece) for piece in pieces]
        shapes = ((0, 3), (0, 3, 3), (0, 3))
        middle, axes, half = (
            np.array([box[k] for box in boxes]) if boxes else np.empty(shape)
            for k, shape in enumerate(shapes)
        )
        return Obstacles(middle, axes, half)

    def free(self, centre: F8, radius: float) -> bool:
        """Whether a ball touches none of the boxes."""
        local = np.abs(np.einsum("nji,nj->ni", self.axes, centre - self.middle))
        gap = np.linalg.norm(np.maximum(local - self.half, 0.0), axis=1)
        return bool((gap > radius).all())


def _box(piece: Piece) -> tuple[F8, F8, F8]:
    axes = piece.frame[:3, :3]
    points = piece.outline()
    if piece.points is not None:  # a mesh: a box along its own axes
        _, _, rows = np.linalg.svd(points - points.mean(0), full_matrices=False)
        axes = rows.T
    local = points @ axes
    low, high = local.min(0), local.max(0)
    return axes @ ((low + high) / 2), axes, (high - low) / 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where bodies go: a rectangle `low` to `high` f8[2] of the world's XY plane [m], and the height they start from.

    `spread`: None for anywhere in it, else only so far from its middle [m].
    """

    low: F8
    high: F8
    base: float
    spread: float | None = None

    def draw(self, stream: Stream, radius: float) -> F8:
        """x and y of a ball's centre: the ball stays inside, or sits in the middle where it is too large."""
        middle = (self.low + self.high) / 2
        room = np.maximum((self.high - self.low) / 2 - radius, 0.0)
        if self.spread is None:
            return np.array([stream.uniform(m - r, m + r) for m, r in zip(middle, room, strict=True)])
        angle, far = stream.uniform(0.0, 2 * np.pi), self.spread * float(np.sqrt(stream.unit()))
        offset = far * np.array([np.cos(angle), np.sin(angle)])
        return np.asarray(middle + np.clip(offset, -room, room), np.float64)


def order(draws: Draws, names: Sequence[str]) -> list[int]:
    """In which order bodies start: drawn, each name by itself."""
    return sorted(range(len(names)), key=lambda i: (draws.stream(f"order {names[i]}").unit(), names[i]))


def rotation(draws: Draws, name: str, orient: str, standing: F8) -> F8:
    """The turn f8[3, 3] with which a body starts. `standing`: how it stands in the stage."""
    if orient == "keep":
        return standing
    stream = draws.stream(f"turn {name}")
    if orient == "yaw":
        angle = stream.uniform(0.0, 2 * np.pi)
        c, s = np.cos(angle), np.sin(angle)
        return np.asarray(np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ standing, np.float64)
    # Uniform over all turns (Shoemake 1992).
    u, v, w = stream.unit(), 2 * np.pi * stream.unit(), 2 * np.pi * stream.unit()
    a, b = np.sqrt(1 - u), np.sqrt(u)
    from twinstage.scene.transforms import quat_to_matrix

    return quat_to_matrix(np.array([b * np.cos(w), a * np.sin(v), a * np.cos(v), b * np.sin(w)]))


TRIES = 40
"""Places drawn for a body until one is free."""


def starts(
    draws: Draws,
    names: Sequence[str],
    balls: Sequence[Ball],
    standing: Sequence[F8],
    place: Place,
    orient: str,
    still: Sequence[Piece] = (),
) -> list[F8] | int:
    """world_from_body f8[4, 4] of each body before it falls; or the number of a body for which no place is free."""
    obstacles = Obstacles.of(still)
    placed: list[tuple[F8, float]] = []
    out: list[F8] = [np.eye(4)] * len(names)
    for i in order(draws, names):
        ball = balls[i]
        for again in range(TRIES):
            xy = place.draw(draws.stream(f"drop {names[i]}", again), ball.radius)
            centre = np.array([xy[0], xy[1], _lowest(xy, ball.radius, place.base, placed)])
            if obstacles.free(centre, ball.radius):
                break
        else:
            return i
        placed.append((centre, ball.radius))
        world = np.eye(4)
        world[:3, :3] = rotation(draws, names[i], orient, standing[i])
        world[:3, 3] = centre - world[:3, :3] @ ball.centre
        out[i] = world
        draws.note(f"drop {names[i]}", [float(v) for v in centre])
    return out


def _lowest(xy: F8, radius: float, base: float, placed: Sequence[tuple[F8, float]]) -> float:
    """The lowest free height of a ball above all balls that it could meet on its way down."""
    z = base + radius + GAP
    for centre, other in placed:
        reach = radius + other + GAP
        across = float(np.linalg.norm(xy - centre[:2]))
        if across < reach:
            z = max(z, float(centre[2]) + float(np.sqrt(reach**2 - across**2)))
    return z
