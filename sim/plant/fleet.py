"""The vehicles: all three drive the same loop, a third of its time apart, and stop at the same places.

Speed is a trapezoid between stops; corners are arcs, so the heading is continuous and always along the way.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from twinstage.sim.plant import layout

CRUISE, ACCELERATION = 0.85, 0.5


@dataclass(frozen=True, slots=True)
class VehicleState:
    """Position [m], heading [rad, counter-clockwise from east], speed [m/s], battery [%]."""

    x: float
    y: float
    heading: float
    speed: float
    battery: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight (radius 0) or an arc to the left (positive) or right, from `start` on the route's length [m]."""

    start: float
    length: float
    x: float
    y: float
    heading: float
    radius: float


@lru_cache(maxsize=1)
def pieces() -> tuple[Piece, ...]:
    """The loop, beginning after the first corner."""
    out: list[Piece] = []
    at = 0.0
    corners = layout.ROUTE
    n = len(corners)
    for i in range(n):
        (x0, y0), (x1, y1), (x2, y2) = corners[i], corners[(i + 1) % n], corners[(i + 2) % n]
        heading, following = math.atan2(y1 - y0, x1 - x0), math.atan2(y2 - y1, x2 - x1)
        turn = math.remainder(following - heading, 2 * math.pi)
        cut = layout.CORNER_RADIUS * math.tan(abs(turn) / 2)
        length = math.hypot(x1 - x0, y1 - y0)
        cos, sin = math.cos(heading), math.sin(heading)
        before = layout.CORNER_RADIUS  # the corner behind is a right angle, too
        out.append(Piece(at, length - before - cut, x0 + before * cos, y0 + before * sin, heading, 0.0))
        at += length - before - cut
        radius = math.copysign(layout.CORNER_RADIUS, turn)
        arc = layout.CORNER_RADIUS * abs(turn)
        out.append(Piece(at, arc, x1 - cut * cos, y1 - cut * sin, heading, radius))
        at += arc
    return tuple(out)


def route_length() -> float:
    """Of one lap [m]."""
    last = pieces()[-1]
    return last.start + last.length


def place(way: float) -> tuple[float, float, float]:
    """x, y [m] and heading [rad] at that way along the loop [m]."""
    way %= route_length()
    found = pieces()[max(bisect_right([p.start for p in pieces()], way) - 1, 0)]
    s = way - found.start
    if found.radius == 0.0:
        return found.x + s * math.cos(found.heading), found.y + s * math.sin(found.heading), found.heading
    turned = found.heading + s / found.radius
    x = found.x + found.radius * (math.sin(turned) - math.sin(found.heading))
    y = found.y - found.radius * (math.cos(turned) - math.cos(found.heading))
    return x, y, math.remainder(turned, 2 * math.pi)


@lru_cache(maxsize=1)
def legs() -> tuple[tuple[float, float, float, float], ...]:
    """One lap: (start time, start way, length, stay at its end); the lap begins with the leg that leaves the last stop."""
    ways = sorted((_nearest(at), stay) for _, at, stay in layout.STOPS)
    out = []
    t, before = 0.0, ways[-1][0] - route_length()
    for way, stay in ways:
        out.append((t, before, way - before, stay))
        t += _drive_time(way - before) + stay
        before = way
    return tuple(out)


def lap_time() -> float:
    """Of one lap with its stops [s]."""
    start, _, length, stay = legs()[-1]
    return start + _drive_time(length) + stay


def state(index: int, t: float) -> VehicleState:
    """Vehicle `index` at t seconds after the start."""
    lap = lap_time()
    phase = (t + lap * index / len(layout.VEHICLES)) % lap
    leg = legs()[max(bisect_right([leg[0] for leg in legs()], phase) - 1, 0)]
    driven, speed = _trapezoid(phase - leg[0], leg[2])
    x, y, heading = place(leg[1] + driven)
    # It charges while it stands at the rack; seen over hours the level swings between about 55 and 95 %.
    battery = 75.0 + 20.0 * math.sin(2 * math.pi * (t / 5400.0 + index / 3))
    return VehicleState(x, y, heading, speed, battery)


def _nearest(at: tuple[float, float]) -> float:
    """The way of a point on a straight piece of the route."""
    for piece in pieces():
        if piece.radius == 0.0:
            dx, dy = at[0] - piece.x, at[1] - piece.y
            along = dx * math.cos(piece.heading) + dy * math.sin(piece.heading)
            across = dy * math.cos(piece.heading) - dx * math.sin(piece.heading)
            if 0 <= along <= piece.length and abs(across) < 1e-9:
                return piece.start + along
    raise ValueError(f"the stop {at} is not on a straight piece of the route")


def _drive_time(length: float) -> float:
    return length / CRUISE + CRUISE / ACCELERATION


def _trapezoid(t: float, length: float) -> tuple[float, float]:
    """Way and speed t seconds after leaving a stop, the next being `length` ahead (long enough to reach full speed)."""
    ramp, total = CRUISE / ACCELERATION, _drive_time(length)
    if t < ramp:
        return ACCELERATION * t * t / 2, ACCELERATION * t
    if t < total - ramp:
        return CRUISE * (t - ramp / 2), CRUISE
    rest = max(total - t, 0.0)
    return length - ACCELERATION * rest * rest / 2, ACCELERATION * rest
