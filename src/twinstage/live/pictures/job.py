"""What a user asks `twinstage render` for, and how the texts of its flags are read."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError

MOST_FRAMES = 100_000


@dataclass(frozen=True, slots=True)
class Job:
    """One call of `twinstage render`; see the flags of the command.

    Attributes:
        cameras: names or prim paths; empty for the first of the stage, or one that frames it.
        aovs: names of `render.capture.AOVS`; empty: rgb, or nothing where `out` is a labels file.
        frames: text of the time codes, see `parse_frames`; None for one picture at `time`.
        eye, look_at: a point of view [m] instead of a camera; fov: its horizontal field of view [degrees].
        turntable: number of views round the scene; elevation [degrees].
        fps: of films; None takes the stage's rate, or 24 for turntables.
    """

    stage: Path
    out: Path
    cameras: tuple[str, ...] = ()
    engine: str = "path"
    spp: int = 64
    size: tuple[int, int] = (1280, 720)
    aovs: tuple[str, ...] = ()
    time: float | None = None
    frames: str | None = None
    eye: tuple[float, ...] | None = None
    look_at: tuple[float, ...] | None = None
    fov: float = 60.0
    square_pixels: bool = True
    turntable: int | None = None
    elevation: float = 25.0
    seed: int = 0
    exposure: float = 0.0
    tone_map: str | None = None
    denoise: bool = False
    lens: str | None = None
    sensor: str | None = None
    sheet: bool = False
    preview: bool = False
    labels: bool = False
    overlay: bool = False
    fps: float | None = None
    refine: int | None = None
    asset_roots: tuple[Path, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()

    def check(self) -> None:
        """Raise UserError for flags that contradict each other."""
        if self.time is not None and not math.isfinite(self.time):
            raise UserError(f"--time is {self.time:g}; a time code of the stage was expected")
        ways = {
            "--camera": bool(self.cameras),
            "--turntable": self.turntable is not None,
            "--eye": self.eye is not None,
        }
        named = [flag for flag, used in ways.items() if used]
        if len(named) > 1:
            raise UserError(f"{named[0]} and {named[1]} are two ways to look at the scene; give one of them")
        if self.look_at is not None and self.eye is None:
            raise UserError("--look-at says where to look; --eye must say from where")
        if self.frames is not None and self.time is not None:
            raise UserError("--frames and --time both say when; give one of them")
        if self.frames is not None and self.turntable is not None:
            raise UserError("--turntable goes round the scene at one moment; give --time instead of --frames")


def parse_size(text: str) -> tuple[int, int]:
    """`1280x720`; raises UserError for another form."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*[x×X*]\s*(\d{1,6})\s*", text)
    if match is None:
        raise UserError(f"--size is {text!r}; expected WIDTHxHEIGHT, such as 1280x720")
    return int(match[1]), int(match[2])


def parse_point(flag: str, text: str) -> tuple[float, ...]:
    """`x,y,z` [m]; raises UserError for another form."""
    try:
        point = tuple(float(part) for part in text.split(","))
    except ValueError:
        point = ()
    if len(point) != 3 or not all(map(math.isfinite, point)):
        raise UserError(f"{flag} is {text!r}; expected x,y,z in metres, such as 2.5,-3,1.6")
    return point


def parse_names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_frames(text: str, whole: tuple[float, float] | None) -> tuple[float, ...]:
    """Time codes: `12`, `0:48` (both ends included), `0:48:2` (every second), lists of these, or `all` of the stage's.

    `whole`: first and last time code of the stage, None where it has none.

    Raises:
        UserError: another form, numbers that are not finite, no frame, or too many.
    """
    out: list[float] = []
    if text.strip() == "all":
        if whole is None:
            raise UserError(
                "--frames all: the stage names no startTimeCode and endTimeCode; give them as 0:48"
            )
        return parse_frames(f"{whole[0]!r}:{whole[1]!r}", whole)
    for part in text.split(","):
        try:
            numbers = [float(number) for number in part.split(":")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3 or not all(map(math.isfinite, numbers)):
            raise UserError(f"--frames is {text!r}; expected time codes such as 0:48, 0:48:2 or 1,5,9")
        if len(numbers) == 1:
            out += numbers
            continue
        first, last, step = (*numbers, 1.0)[:3]
        if step <= 0:
            raise UserError(f"--frames is {text!r}; the step after the second colon must be above 0")
        count = math.floor((last - first) / step + 1e-9) + 1
        if count < 1:
            raise UserError(f"--frames is {text!r}; it ends before it begins")
        if len(out) + count > MOST_FRAMES:
            raise UserError(f"--frames is {text!r}; at most {MOST_FRAMES} frames were expected")
        out += [first + i * step for i in range(count)]
    return tuple(out)


def frame_text(time: float) -> str:
    """A time code in file names: `0048`, `0048.5`."""
    whole = f"{time:.6f}".rstrip("0").rstrip(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    number, dot, rest = digits.partition(".")
    return f"{sign}{number:0>4}{dot}{rest}"
