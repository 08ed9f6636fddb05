"""IES profiles (ANSI/IES LM-63, 1986 to 2019): how a luminaire's intensity hangs on the direction.

`parse_ies` reads the text, `Profile.grid` resamples it evenly so that renderers need no search. Angles follow UsdLux:
vertical 0 is the axis of the light (its -Z), horizontal counts from +X towards +Y. Types A and B, whose poles lie
elsewhere, are turned as OpenUSD's reference renderer turns them. Horizontal angles that stop at 0, 90 or 180 degrees are
mirrored, as the standard says.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F4, F8, frozen

MOST = 100_000
"""Greatest number of intensities that is read."""
ROWS, COLUMNS = 181, 73
"""Size of `Profile.grid`: every degree from 0 to 180, every five from 0 to 360."""


class IesError(ValueError):
    """What is wrong with a profile, in one sentence."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Candela f8[h, v] at horizontal and vertical angles [deg], both rising; horizontal ones go once around."""

    vertical: F8
    horizontal: F8
    candela: F8

    def at(self, theta: np.ndarray, phi: np.ndarray) -> F8:
        """Bilinear intensity [cd] at angles [deg]; 0 beyond the vertical range."""
        theta, phi = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(phi, np.float64))
        v, h = self.vertical, self.horizontal
        turned = h[0] + (phi - h[0]) % 360.0
        row, right = _between(h, np.minimum(turned, h[-1]))
        column, low = _between(v, np.clip(theta, v[0], v[-1]))
        c = self.candela
        near = c[row, column] * (1 - low) + c[row, column + 1] * low
        far = c[row + 1, column] * (1 - low) + c[row + 1, column + 1] * low
        inside = (theta >= v[0] - 1e-9) & (theta <= v[-1] + 1e-9)
        return np.where(inside, near * (1 - right) + far * right, 0.0)

    def grid(self) -> F4:
        """Intensity [cd] f4[ROWS, COLUMNS]: rows are vertical angles, columns horizontal ones."""
        theta, phi = np.meshgrid(np.linspace(0, 180, ROWS), np.linspace(0, 360, COLUMNS), indexing="ij")
        return frozen(self.at(theta, phi), np.float32)

    def power(self) -> float:
        """Mean intensity [cd] over the sphere, or the half that the angles span: what `ies:normalize` divides by.

        Patches between the file's angles with the mean of their corners, as OpenUSD's hdEmbree, Karma and RIS have it.
        """
        v, h = np.radians(self.vertical), np.radians(self.horizontal)
        c = self.candela
        middle = (c[:-1, :-1] + c[1:, :-1] + c[:-1, 1:] + c[1:, 1:]) / 4
        patch = np.diff(h)[:, None] * (np.diff(v) * np.sin(v[:-1] + np.diff(v) / 2))[None]
        whole = v[-1] - v[0] > np.pi / 2 + 0.1
        return float((patch * middle).sum() / (np.pi * (4 if whole else 2)))


def _between(grid: F8, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the grid point below a value, and how far it lies on the way to the next."""
    index = np.clip(np.searchsorted(grid, value, side="right") - 1, 0, len(grid) - 2)
    return index, np.clip((value - grid[index]) / (grid[index + 1] - grid[index]), 0.0, 1.0)


def parse_ies(data: bytes) -> Profile:
    """The profile in the text of a file. Raises IesError."""
    text = data.decode("latin-1").replace(",", " ")
    lines = text.splitlines()
    tilt = next((k for k, line in enumerate(lines) if line.strip().upper().startswith("TILT")), None)
    if tilt is None:
        raise IesError("has no line TILT=, so it is no IES profile")
    numbers = _numbers(" ".join(lines[tilt + 1 :]))
    if lines[tilt].strip().upper().replace(" ", "") == "TILT=INCLUDE":
        count = _count(numbers, 1, "tilt angles")
        numbers = numbers[2 + 2 * count :]
    if len(numbers) < 13:
        raise IesError("ends before its angles begin")
    vertical_count, horizontal_count = _count(numbers, 3, "vertical"), _count(numbers, 4, "horizontal")
    kind = int(numbers[5])
    if kind not in (1, 2, 3):
        raise IesError(f"has photometric type {kind}; 1 (C), 2 (B) or 3 (A) was expected")
    total = vertical_count * horizontal_count
    if not 0 < total <= MOST:
        raise IesError(f"has {total:,} intensities; from 1 to {MOST:,} are read")
    rest = numbers[13:]
    if len(rest) < vertical_count + horizontal_count + total:
        raise IesError("ends before its last intensity")
    vertical, rest = rest[:vertical_count], rest[vertical_count:]
    horizontal, rest = rest[:horizontal_count], rest[horizontal_count:]
    factor = numbers[2] * numbers[10] * numbers[11]
    candela = rest[:total].reshape(horizontal_count, vertical_count) * factor
    for name, angles in (("vertical", vertical), ("horizontal", horizontal)):
        if (np.diff(angles) <= 0).any():
            raise IesError(f"has {name} angles that do not rise")
    return _whole(*{1: _type_c, 2: _type_b, 3: _type_a}[kind](vertical, horizontal, candela))


def _numbers(text: str) -> F8:
    out = []
    for word in text.split():
        try:
            out.append(float(word))
        except ValueError:
            raise IesError(f"has {word[:20]!r} where a number was expected") from None
    found = np.array(out, np.float64)
    if not np.isfinite(found).all():
        raise IesError("has a number that is not finite")
    return found


def _count(numbers: F8, at: int, what: str) -> int:
    if len(numbers) <= at or not 0 <= numbers[at] <= MOST:
        raise IesError(f"does not say how many {what} angles it has")
    return int(numbers[at])


_Grid = tuple[F8, F8, F8]


def _type_c(vertical: F8, horizontal: F8, candela: F8) -> _Grid:
    if abs(horizontal[0] - 90.0) < 1e-3 and len(horizontal) > 1:
        horizontal = horizontal - 90.0  # files that go from 90 to 270 degrees
    return vertical, horizontal, candela


def _type_b(vertical: F8, horizontal: F8, candela: F8) -> _Grid:
    """The pole lies across: the roles of the angles change, and both count from the middle."""
    vertical, horizontal, candela = horizontal, vertical, candela.T
    if abs(horizontal[0]) < 1e-3:
        horizontal, candela = _mirrored(horizontal, candela)
    if abs(vertical[0]) < 1e-3:
        vertical, turned = _mirrored(vertical, candela.T)
        candela = turned.T
    return vertical + 90.0, horizontal + 90.0, candela


def _type_a(vertical: F8, horizontal: F8, candela: F8) -> _Grid:
    """-90 to 90 degrees become 270 to 90."""
    if abs(horizontal[0]) < 1e-3:
        horizontal, candela = _mirrored(horizontal, candela)
    return vertical + 90.0, 180.0 - horizontal[::-1], candela[::-1]


def _mirrored(angles: F8, rows: F8) -> tuple[F8, F8]:
    """The same with what lies on the other side of 0 put in front."""
    return np.concatenate([-angles[:0:-1], angles]), np.concatenate([rows[:0:-1], rows])


def _whole(vertical: F8, horizontal: F8, candela: F8) -> Profile:
    """All around: one plane holds everywhere, a quarter and a half are mirrored, a missing last plane is the first."""
    if len(horizontal) == 1:
        horizontal, candela = np.array([0.0, 360.0]), np.concatenate([candela, candela])
    for end in (90.0, 180.0):
        if abs(horizontal[0]) < 1e-3 and abs(horizontal[-1] - end) < 1e-3:
            horizontal = np.concatenate([horizontal, 2 * end - horizontal[-2::-1]])
            candela = np.concatenate([candela, candela[-2::-1]])
    if horizontal[-1] - horizontal[0] < 360.0 - 1e-3:
        horizontal = np.concatenate([horizontal, [horizontal[0] + 360.0]])
        candela = np.concatenate([candela, candela[:1]])
    if len(vertical) == 1:
        vertical, candela = np.array([0.0, 180.0]), np.repeat(candela, 2, axis=1)
    return Profile(vertical, horizontal, np.maximum(candela, 0.0))
