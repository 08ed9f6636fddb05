"""The pictures of a dataset one after the other, and what each format counts on the way."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from twinstage.base.errors import UserError
from twinstage.synth.dataset import NO_FRAME, Dataset, frame_name, is_annotated

LARGEST = 16384
"""Most pixels along a side of a picture, as in a recipe."""


@dataclass(frozen=True, slots=True)
class View:
    """One camera of one frame. `row`: its place in the record; `of`: how many cameras the record has.

    `frame`: NO_FRAME before any is made, when only the cameras are looked at (`Writer.check_record`).
    """

    frame: int
    split: str | None
    row: int
    of: int
    camera: dict[str, Any]
    sensors: tuple[dict[str, Any], ...] = ()

    @property
    def number(self) -> int:
        """From 1, by frame and camera and not counted up: the same in a shard and in the whole."""
        return self.frame * self.of + self.row + 1

    @property
    def name(self) -> str:
        """File name of the picture, whether it is there or not."""
        path: str = (
            self.camera["images"].get("rgb") or f"{frame_name(self.frame)}_{self.camera['name']}_rgb.png"
        )
        return path.removeprefix("images/")

    @property
    def where(self) -> str:
        """For messages."""
        camera = f"camera {self.camera['name']}"
        return camera if self.frame == NO_FRAME else f"frame {self.frame}, {camera}"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) [px]. Raises UserError where that is no size of a picture."""
        width, height = self.camera["resolution"]
        if not all(isinstance(n, int) and 1 <= n <= LARGEST for n in (width, height)):
            raise UserError(f"{self.where}: {width} x {height} is no size of a picture")
        return width, height

    def picture(self, what: str, kind: str) -> str:
        """The path of a picture inside the dataset. Raises UserError where the dataset does not have it."""
        path: str | None = self.camera["images"].get(what)
        if path is None:
            raise UserError(
                f"{kind} needs the picture {what!r}, which the dataset lacks; add it to `annotate`"
            )
        return path


def views(dataset: Dataset, split: str | None = None, *, all_splits: bool = False) -> Iterator[View]:
    """The pictures of a split (or of all), by frame and camera; rejected frames have none."""
    for record in dataset.records():
        if all_splits or record["split"] == split:
            yield from views_of(record)


def views_of(record: dict[str, Any]) -> Iterator[View]:
    """The pictures of a record; none where the frame was rejected."""
    if record["rejected"]:
        return
    cameras, sensors = record["cameras"], tuple(record.get("sensors") or ())
    for row, camera in enumerate(cameras):
        yield View(record["frame"], record["split"], row, len(cameras), camera, sensors)


def splits_of(labels: dict[str, Any]) -> list[str | None]:
    """The splits of a dataset; [None] where it has none."""
    return list(labels["splits"]) or [None]


@dataclass(slots=True)
class Tally:
    """What an export says and does not say, in numbers: nothing is left out in silence."""

    counts: Counter[str] = field(default_factory=Counter)
    least: dict[str, float] = field(default_factory=dict)

    def add(self, what: str, number: int = 1) -> None:
        """Count something."""
        self.counts[what] += number

    def lowest(self, what: str, value: float) -> None:
        """Keep the lowest of these values."""
        self.least[what] = min(value, self.least.get(what, value))

    def chosen(
        self, objects: Sequence[dict[str, Any]], accept: dict[str, Any], task: str
    ) -> list[dict[str, Any]]:
        """The objects that the dataset's rule annotates; the others are counted, by why not."""
        out = []
        for item in objects:
            if is_annotated(item, accept):
                out.append(item)
            else:
                self.add(f"{task}_below_the_accept_rule" if item["visible_px"] else f"{task}_hidden")
        return out

    def report(self, conventions: dict[str, Any]) -> bytes:
        """`export_report.json`."""
        lowest = {what: round(value, 6) for what, value in sorted(self.least.items())}
        data = {"conventions": conventions, "counts": dict(sorted(self.counts.items())), "lowest": lowest}
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


REPORT = "export_report.json"
"""Name of that file in the export's folder."""


def compact(value: Any) -> bytes:
    """JSON without spaces, keys in the given order; refuses what is no number."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
