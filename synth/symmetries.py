"""Symmetries that a recipe declares of a class, and what they are of one of its models: as BOP lists them.

    symmetries: [{axis: z, fold: 4}]                     looks the same after a quarter turn
    symmetries: [{axis: z, fold: any}]                   a bottle
    symmetries: [{axis: x, fold: 2}, {axis: z, fold: 2}] a carton without print; what follows from both is listed, too

Axes go through the middle of the model's box unless `about` says otherwise, in the model's own axes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.scene.columns import F8
from twinstage.scene.transforms import axis_angle_to_quat, quat_to_matrix
from twinstage.synth.model import Model

Point = tuple[float, float, float]

MOST = 120
"""Turns that a class may have, with all that follow from those declared."""

_AXES: dict[str, Point] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


class Symmetry(Model):
    """Turns about one axis after which an object of the class looks as before.

    Attributes:
        axis: x, y, z or a direction, in the model's own axes.
        fold: how many such turns make a full one; `any` where every angle does.
        about: the axis goes through the middle of the model's box (`center`), its origin, or a point [m].
    """

    axis: Literal["x", "y", "z"] | Point
    fold: Literal["any"] | Annotated[int, Field(ge=2, le=MOST)]
    about: Literal["center", "origin"] | Point = "center"

    @model_validator(mode="after")
    def _has_a_direction(self) -> "Symmetry":
        if not isinstance(self.axis, str) and not any(self.axis):
            raise ValueError("the axis has no length")
        return self

    @property
    def direction(self) -> F8:
        """Unit vector of the axis."""
        way = np.array(_AXES[self.axis] if isinstance(self.axis, str) else self.axis)
        out: F8 = way / np.linalg.norm(way)
        return out

    def offset(self, low: F8, size: F8) -> F8:
        """A point on the axis, for a model with that box [m]."""
        if self.about == "center":
            out: F8 = low + size / 2
            return out
        return np.zeros(3) if self.about == "origin" else np.array(self.about)


def check_symmetries(symmetries: Sequence[Symmetry]) -> None:
    """Raise ValueError (for pydantic) for symmetries that no object has together."""
    if len({symmetry.about for symmetry in symmetries}) > 1:
        raise ValueError("symmetries go through one point: give all of them the same `about`")
    _rotations(tuple(symmetries))


def listed(symmetries: Sequence[Symmetry], low: Sequence[float], size: Sequence[float]) -> dict[str, Any]:
    """BOP's keys for a model with that box [m]: `symmetries_discrete` (4x4, row by row, without the identity) and
    `symmetries_continuous` (axis and offset)."""
    if not symmetries:
        return {}
    out: dict[str, Any] = {}
    middle = symmetries[0].offset(np.array(low), np.array(size))
    turns = []
    for rotation in _rotations(tuple(symmetries)):
        turn = np.eye(4)
        turn[:3, :3], turn[:3, 3] = rotation, middle - rotation @ middle
        turns.append((turn.ravel() + 0.0).tolist())
    if turns:
        out["symmetries_discrete"] = turns
    endless = [s for s in symmetries if s.fold == "any"]
    if endless:
        out["symmetries_continuous"] = [
            {"axis": s.direction.tolist(), "offset": middle.tolist()} for s in endless
        ]
    return out


@lru_cache(maxsize=64)
def _rotations(symmetries: tuple[Symmetry, ...]) -> tuple[F8, ...]:
    """All turns that follow from the declared ones, f8[3, 3] each, without the identity."""
    steps = [
        quat_to_matrix(axis_angle_to_quat(s.direction[None], np.array([2 * np.pi / s.fold])))[0]
        for s in symmetries
        if s.fold != "any"
    ]
    found: list[F8] = [np.eye(3)]
    for known in found:  # grows meanwhile, until every product is in it
        for step in steps:
            product: F8 = step @ known
            if np.abs(np.array(found) - product).max((1, 2)).min() > 1e-6:
                found.append(product)
                if len(found) > MOST:
                    raise ValueError(f"symmetries make more than {MOST} different turns together")
    return tuple(found[1:])
