"""From hits of many thin rays to the returns of a lidar's beams."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8

MOST_ECHOES = 8
"""Returns of a beam that are told apart, nearest first; what lies behind is lost."""


@dataclass(frozen=True, slots=True)
class Echoes:
    """n echoes: beam i8[n], range f8[n] [m], power f8[n] (see `reflected`), and further columns [n, ...] by name."""

    beam: I8
    range: F8
    power: F8
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.beam)

    def take(self, rows: np.ndarray) -> "Echoes":
        """Those rows."""
        more = {name: column[rows] for name, column in self.columns.items()}
        return Echoes(self.beam[rows], self.range[rows], self.power[rows], more)


def joined(parts: list[Echoes]) -> Echoes:
    """One table of several with the same columns."""
    names = parts[0].columns
    return Echoes(
        np.concatenate([p.beam for p in parts]),
        np.concatenate([p.range for p in parts]),
        np.concatenate([p.power for p in parts]),
        {name: np.concatenate([p.columns[name] for p in parts]) for name in names},
    )


def reflected(
    albedo: np.ndarray, metallic: np.ndarray, roughness: np.ndarray, cosine: np.ndarray
) -> np.ndarray:
    """Share f8[n] of a white matt surface's light at normal incidence that comes back to where it came from.

    (1 - m) a cos(t) + m a max(cos(2 t), 0)^p with the grey albedo a (mean of linear rgb), metallic m, angle of
    incidence t and p = 2 / r^4 - 2 of the roughness r >= 0.1 (Phong's exponent of a microfacet lobe with alpha = r^2).
    Materials state no infrared colour, so the visible one counts.
    """
    grey = np.asarray(albedo, np.float64).mean(-1)
    cosine = np.asarray(cosine, np.float64)
    twice = np.maximum(2 * cosine**2 - 1, 0.0)
    lobe = twice ** (2 / np.maximum(np.asarray(roughness, np.float64), 0.1) ** 4 - 2)
    metal = np.asarray(metallic, np.float64)
    return np.asarray(grey * ((1 - metal) * cosine + metal * lobe))


def clustered(echoes: Echoes, gap: float) -> Echoes:
    """Echoes of a beam that follow each other within `gap` [m] as one, sorted by beam and range.

    The range is the mean by power, the power the sum, and all else is that of the strongest.
    """
    order = np.lexsort((echoes.range, echoes.beam))
    beam, distance, power = echoes.beam[order], echoes.range[order], echoes.power[order]
    if len(beam) == 0:
        return echoes
    fresh = np.ones(len(beam), bool)
    fresh[1:] = (beam[1:] != beam[:-1]) | (np.diff(distance) > gap)
    first = np.flatnonzero(fresh)
    total = np.add.reduceat(power, first)
    alone = np.diff(np.append(first, len(beam))) == 1
    # A pulse of surfaces that send nothing back still has a place: weights of 1e-30 give their plain mean.
    weight = power + 1e-30
    mean = np.add.reduceat(weight * distance, first) / np.add.reduceat(weight, first)
    cluster = np.cumsum(fresh) - 1
    by_power = np.lexsort((-power, cluster))
    strongest = order[by_power[first]]
    columns = {name: column[strongest] for name, column in echoes.columns.items()}
    return Echoes(beam[first], np.where(alone, distance[first], mean), total, columns)


def place_in_beam(beam: I8) -> I8:
    """How many of the same beam come before each, i8[n]; `beam` is sorted."""
    first = np.flatnonzero(np.append(True, beam[1:] != beam[:-1])) if len(beam) else np.zeros(0, np.int64)
    count = np.diff(np.append(first, len(beam)))
    return np.arange(len(beam)) - np.repeat(first, count)


def chosen(echoes: Echoes, mode: str, most: int) -> np.ndarray:
    """Rows of echoes (sorted by beam and range) that a lidar reports, i8[k] rising.

    first, last, strongest: one a beam. dual: the strongest and the last, or where they are the same the second
    strongest, too. all: the nearest `most`.
    """
    beam = echoes.beam
    if mode == "all" or len(beam) == 0:
        return np.flatnonzero(place_in_beam(beam) < most)
    order = np.lexsort((echoes.range, -echoes.power, beam))
    rank = np.empty(len(beam), np.int64)
    rank[order] = place_in_beam(beam[order])
    last = np.append(beam[1:] != beam[:-1], True)
    if mode == "first":
        return np.flatnonzero(place_in_beam(beam) == 0)
    if mode == "last":
        return np.flatnonzero(last)
    if mode == "strongest":
        return np.flatnonzero(rank == 0)
    both = np.zeros(int(beam.max()) + 1, bool)
    both[beam[last & (rank == 0)]] = True
    return np.flatnonzero((rank == 0) | last | ((rank == 1) & both[beam]))
