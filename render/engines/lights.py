"""What lamps and an even sky give to places on surfaces, for the `raycast` engine: exact, but for the sky's few rays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines.lamps import Lamp
from twinstage.render.engines.world import CLEARANCE, WorldBvh
from twinstage.scene.columns import F4, U1, Bool

SKY_RAYS = 2
SHARP = 8
"""So many of the strongest lamps have shadows that are sharp where `irradiance` says so."""

TURNS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
"""Which directions to the sky nodes (or pixels) take, by row and column: neighbours differ most (an ordered dither's order)."""

_GOLDEN = np.pi * (3 - 5**0.5)


@dataclass(frozen=True)
class Places:
    """Points on surfaces: position and unit normal f4[3, n], counted from the world BVH's origin; turn: which set of
    directions to the sky each has, i8[n]."""

    position: F4
    normal: F4
    turn: np.ndarray

    def of(self, chosen: np.ndarray) -> "Places":
        """Some of them, by index."""
        return Places(self.position[:, chosen], self.normal[:, chosen], self.turn[chosen])


@dataclass(frozen=True)
class Lights:
    """Lamps, the radiance f4[3] of an even sky that matt surfaces reflect, and what stands between them and the surfaces."""

    lamps: Sequence[Lamp]
    sky: F4
    world: WorldBvh

    def by_strength(self, places: Places) -> "Lights":
        """The lamps by what they would send to those places (some of them) if nothing stood in their way, strongest first."""
        places = places.of(np.arange(0, len(places.turn), 16))
        sent = [float(lamp.sent(places.position, places.normal)[0].sum()) for lamp in self.lamps]
        strength = [total * float(lamp.color.max()) for total, lamp in zip(sent, self.lamps, strict=True)]
        order = sorted(range(len(self.lamps)), key=lambda i: (-strength[i], i))
        return Lights([self.lamps[i] for i in order], self.sky, self.world)

    def sharp(self) -> "Lights":
        """The strongest ones only."""
        return Lights(self.lamps[:SHARP], self.sky, self.world)

    def lamplight(
        self, places: Places, clear: U1, doubt: U1, partly: Sequence[tuple[np.ndarray, F4]] = ()
    ) -> Iterator[tuple[F4, Bool]]:
        """What each lamp gives to places, f4[3, n], the radiance that a white matt surface reflects; and which places face it.

        `clear`, `doubt` u1[n]: bit i says that nothing hides lamp i from there, and that a ray must tell; `partly`: for each
        lamp, some of the clear places, of which only a share f4 is. Lamps from the ninth on are always asked.
        """
        for i, lamp in enumerate(self.lamps):
            share, way = lamp.sent(places.position, places.normal)
            faces: Bool = share > 0
            if lamp.shadow:
                asked = faces
                if i < SHARP:
                    asked = faces & (doubt >> i & 1).view(bool)
                    share *= clear >> i & 1 | asked
                    for some, seen in partly[i : i + 1]:
                        share[some] *= seen
                ask = np.flatnonzero(asked)
                start = _lifted(places.position.take(ask, 1), places.normal.take(ask, 1))
                blocked = self.world.blocked(start, way.take(ask, 1), lamp.limit)
                share[ask[blocked]] = 0
            yield lamp.color[:, None] * lamp.tint(way) * share, faces

    def sky_share(self, places: Places) -> F4:
        """Share of a cosine-weighted hemisphere that sees the sky, f4[n]."""
        start = _lifted(places.position, places.normal)
        tangent, bitangent = _frames(places.normal)
        seen = np.zeros(len(places.turn), np.float32)
        for k in range(SKY_RAYS):
            # Each ray of a place comes from a ring and a sector of its own, so that even one place alone is about right.
            turn = np.arange(TURNS.size)
            radius = np.sqrt((k + (turn + 0.5) / TURNS.size) / SKY_RAYS)
            angle = _GOLDEN * turn + 2 * np.pi * k / SKY_RAYS
            across, along = radius * np.cos(angle), radius * np.sin(angle)
            up = np.sqrt(1 - radius**2)
            x, y, z = (axis.astype(np.float32).take(places.turn) for axis in (across, along, up))
            seen += ~self.world.blocked(start, x * tangent + y * bitangent + z * places.normal, np.inf)
        return seen / np.float32(SKY_RAYS)


def _lifted(position: F4, normal: F4) -> F4:
    """Where rays start that leave a surface."""
    return position + np.float32(CLEARANCE) * normal


def _frames(normal: F4) -> tuple[F4, F4]:
    """Two unit vectors f4[3, n] across each normal (Duff et al., Building an Orthonormal Basis, Revisited, 2017)."""
    x, y, z = normal
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x]), np.stack([b, sign + y * y * a, -y])
