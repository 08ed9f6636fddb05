"""Values -> colours: piecewise linear in sRGB, with hysteresis. numpy only."""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8, U1, Bool

NO_COLOR = (0, 0, 0, 0)


def parse_color(text: str) -> tuple[int, int, int, int]:
    """`#rrggbb` as rgba u8, opaque."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16), 255


@dataclass(frozen=True, slots=True)
class ColorMap:
    """Stops: value f8[k], rising, and rgba u8[k, 4]. `steps`: each colour holds from its value on."""

    value: F8
    rgba: U1
    steps: bool = False

    @staticmethod
    def of(stops: tuple[tuple[float, str], ...], steps: bool = False) -> "ColorMap":
        """From (value, '#rrggbb') pairs."""
        return ColorMap(
            np.array([value for value, _ in stops]),
            np.array([parse_color(text) for _, text in stops], np.uint8),
            steps,
        )

    def step(self, values: np.ndarray) -> I8:
        """Index of the last stop that each value has reached, at least 0."""
        return np.asarray(np.maximum(np.searchsorted(self.value, values, side="right") - 1, 0), np.int64)

    def __call__(self, values: np.ndarray) -> U1:
        """rgba u8[n, 4] of values f8[n]; beyond the ends the end colours."""
        if self.steps:
            return np.asarray(self.rgba[self.step(values)], np.uint8)
        channels = [np.interp(values, self.value, self.rgba[:, c].astype(np.float64)) for c in range(4)]
        return np.asarray(np.rint(np.stack(channels, -1)), np.uint8)


@dataclass
class Styles:
    """All style bindings of a plan.

    node i8[n] sorted; value: input rows i8[n]; `map_of` i8[n] indexes `maps`; hysteresis f8[n];
    bad rgba u8[n, 4] (alpha 0: none). State: the value that each shown colour belongs to, and the colours.
    """

    node: I8
    value: I8
    map_of: I8
    maps: tuple[ColorMap, ...]
    hysteresis: F8
    bad: U1

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Authored looks everywhere."""
        self._shown: F8 = np.full(len(self.node), np.nan)
        self.rgba: U1 = np.zeros((len(self.node), 4), np.uint8)

    def update(self, rows: np.ndarray, inputs: np.ndarray, is_bad: np.ndarray) -> Bool:
        """Recolour `rows`; `is_bad` bool[rows] says whose signals are bad. Returns which nodes' colours changed, bool[n]."""
        before = self.rgba.copy()
        values = inputs[self.value[rows]]
        moved = ~(np.abs(values - self._shown[rows]) <= self.hysteresis[rows]) & np.isfinite(values)
        recovered = (self.rgba[rows] == self.bad[rows]).all(1) & (self.bad[rows, 3] > 0) & np.isfinite(values)
        for k, colors in enumerate(self.maps):
            mine = self.map_of[rows] == k
            use = (moved | recovered) & mine
            if colors.steps:
                use, values = self._crossed(colors, rows, values, mine & np.isfinite(values))
                use |= recovered & mine
            if use.any():
                self.rgba[rows[use]] = colors(values[use])
                self._shown[rows[use]] = values[use]
        poor = rows[is_bad & (self.bad[rows, 3] > 0)]
        self.rgba[poor] = self.bad[poor]
        return np.asarray((before != self.rgba).any(1))

    def _crossed(self, colors: ColorMap, rows: np.ndarray, values: np.ndarray, mine: Bool) -> tuple[Bool, F8]:
        """Rows that changed their step, and the stop of each: falling by less than the hysteresis is no fall."""
        shown = self._shown[rows]
        fresh = np.isnan(shown)
        known = np.where(np.isfinite(values), values, 0.0)
        was = colors.step(np.where(fresh, known, shown))
        now = colors.step(known)
        now = np.where(now < was, np.minimum(colors.step(known + self.hysteresis[rows]), was), now)
        changed = mine & (fresh | (now != was))
        return np.asarray(changed), np.asarray(np.where(mine, colors.value[now], values))
