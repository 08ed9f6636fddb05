"""Random numbers that depend on a key and on nothing else.

Each number is drawn from a Philox stream whose key is the SHA-256 of (seed, frame, randomizer name, field), with the
attempt added from the second attempt on. Hence frame 9 needs no frame 8, workers need no coordination, and adding,
removing or reordering randomizers leaves the draws of the others untouched. Randomizers put the prim path into the
field, so the same holds for prims.

Streams of numbers are in `streams`; who may choose what in `dealing`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.dealing import Dealing
from twinstage.synth.distributions import Choice, Constant, Distribution, LogUniform, Normal, Uniform
from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.discrete import weighted_place
from twinstage.synth.model import LARGEST
from twinstage.synth.streams import Stream
from twinstage.telemetry.expressions import parse_expression

__all__ = ["Choice", "Constant", "Distribution", "Draws", "LogUniform", "Normal", "Stream", "Uniform"]


class UnknownDraw(UserError):
    """A recipe refers to a draw that is not there."""


class Draws:
    """All that one randomizer draws for one attempt at one frame; `log` holds what came out, by field.

    Attributes:
        split: that of the frame, which may limit what can be drawn.
        index: how often the randomizer has drawn in the frames before, for sequences; the frame's own number where it
            draws in every frame.
        shown_frame: the frame that is made, where `frame` is the earlier one whose draws still hold.
        active: whether the randomizer does anything in this frame (its `when`).
        earlier: draws of the randomizers before it in the recipe, by name.
        units: the number in (0, 1) that each field's value is the quantile of, for what correlates with it.
        picked: items chosen by `pick`, by group.
    """

    def __init__(
        self,
        seed: int,
        frame: int,
        name: str,
        attempt: int = 0,
        split: str | None = None,
        dealing: Dealing | None = None,
        *,
        index: int | None = None,
        shown_frame: int | None = None,
        earlier: Mapping[str, "Draws"] | None = None,
    ) -> None:
        self.seed, self.frame, self.name, self.attempt, self.split = seed, frame, name, attempt, split
        self.dealing = dealing or Dealing(seed)
        self.index = max(frame, 0) if index is None else index
        self.shown_frame = frame if shown_frame is None else shown_frame
        self.earlier = earlier or {}
        self.active = True
        self.log: dict[str, Any] = {}
        self.units: dict[str, float] = {}
        self.picked: dict[str, list[str]] = {}

    def stream(self, field: str, again: int = 0) -> Stream:
        """The stream of that field; asking twice gives the same numbers, another `again` gives others."""
        more = (self.attempt, again) if self.attempt or again else ()
        return Stream(self.seed, self.frame, self.name, field, *more)

    def value(self, field: str, distribution: NumberSource, again: int = 0) -> float:
        """One number of that field, also put into the log (the latest one, where it is drawn `again`)."""
        value = distribution.drawn(self, field, again)
        if not abs(value) <= LARGEST:  # nor NaN
            raise UserError(
                f"{self._who(field)}: {value:g} was drawn; expected a number within +-{LARGEST:g}"
            )
        self.log[field] = value
        return value

    def pick(
        self,
        field: str,
        items: Sequence[str],
        group: str,
        again: int = 0,
        weights: Sequence[float] | None = None,
    ) -> str:
        """One of the items, such as files of assets or HDRIs, also put into the log; equally likely, or by weight.

        `group`: what the items are (`dealing.GROUPS`). Where the recipe splits by that group, only items of the frame's
        split are drawn, so always choose by way of this. Raises UserError where that leaves none.
        """
        allowed = self.dealing.allowed(group, items, self.split)
        chances = None if weights is None else dict(zip(items, weights, strict=True))
        at = self.stream(field, again).unit()
        item = allowed[
            weighted_place(at, [1.0] * len(allowed) if chances is None else [chances[i] for i in allowed])
        ]
        self.log[field] = item
        self.picked.setdefault(group, []).append(item)
        return item

    def note(self, field: str, value: Any) -> None:
        """Put something that was drawn by way of `stream` into the log."""
        self.log[field] = value

    # --- what else was drawn --------------------------------------------------------------------------------------

    def other(self, reference: str, field: str = "", *, needed: bool = False) -> float:
        """Another draw of the same frame as a number: `randomizer.field`, or `field` of this randomizer.

        A field that is drawn for each prim (`intensity /World/Lamp`) may be told without the prim: that of the prim that
        `field` is about is meant, or the only one. NaN, or UserError where it is `needed`, for a randomizer that does
        nothing in this frame; UserError where there is no such draw, or no number.
        """
        draws, name = (self._going_with if needed else self._found)(reference, field)
        value = draws.log[name] if name else math.nan
        if not isinstance(value, bool | int | float):
            raise UserError(f"{self._who(field)}: {reference} is {value!r}; expected a number")
        return float(value)

    def _going_with(self, reference: str, field: str) -> tuple["Draws", str]:
        draws, name = self._found(reference, field)
        if not name:
            raise UserError(
                f"{self._who(field)}: {draws.name!r} does nothing in frame {self.shown_frame}, so there is no "
                f"{reference} to go with; give both the same `when`"
            )
        return draws, name

    def other_unit(self, reference: str, field: str = "") -> float:
        """The number in (0, 1) behind another draw. Raises UserError for a draw that has none."""
        draws, name = self._going_with(reference, field)
        if name not in draws.units:
            raise UserError(f"{self._who(field)}: {reference} has no distribution of its own to go with")
        return draws.units[name]

    def holds(self, condition: str, field: str = "") -> bool:
        """Whether a condition over other draws, `frame` and `index` is true; not where it needs one that was not made
        because its randomizer does nothing in this frame. Raises UserError for draws that do not exist."""
        expression = parse_expression(condition)
        own = {"frame": float(self.shown_frame), "index": float(self.index)}
        values = [own[name] if name in own else self.other(name, field) for name in expression.signals]
        value = float(expression(np.array(values, np.float64).reshape(-1, 1))[0])
        return not math.isnan(value) and value != 0

    def _found(self, reference: str, field: str) -> tuple["Draws", str]:
        name, dot, wanted = reference.partition(".")
        known = {**self.earlier, self.name: self}
        if not dot and name not in known:
            name, wanted = self.name, reference
        if name not in known:
            raise UnknownDraw(
                f"{self._who(field)}: {reference!r} names no randomizer before this one{did_you_mean(name, known)}"
            )
        draws = known[name]
        if not draws.active:
            return draws, ""
        about = field.partition(" ")[2]
        of_prims = [f for f in draws.log if f.startswith(f"{wanted} ")]
        for candidate in (wanted, f"{wanted} {about}", *(of_prims if len(of_prims) == 1 else ())):
            if candidate in draws.log:
                return draws, candidate
        several = f"; several prims have one: {', '.join(of_prims[:3])}" if of_prims else ""
        raise UnknownDraw(
            f"{self._who(field)}: {name!r} has not drawn {wanted!r}{several or did_you_mean(wanted, draws.log)}"
        )

    def _who(self, field: str) -> str:
        return f"randomizer {self.name!r}" + (f", {field}" if field else "")
