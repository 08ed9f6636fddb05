"""`accept` in a recipe: what makes an object worth an annotation, and a frame worth keeping."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from twinstage.synth.model import Model
from twinstage.synth.paths import checked_pattern

Share = Annotated[float, Field(ge=0, le=1)]
"""From 0 to 1."""


class ClassCount(Model):
    """How many annotated objects of a class a frame shows, over all cameras. A number alone is `min`."""

    min: int = Field(default=0, ge=0)
    max: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> "ClassCount":
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


def _class_count(data: Any) -> Any:
    return {"min": data} if isinstance(data, int) and not isinstance(data, bool) else data


class Accept(Model):
    """What makes an object worth an annotation, and a frame worth keeping.

    Attributes:
        min_visible_px: least visible pixels of an annotated object.
        min_visibility: least visible share of its whole silhouette, from 0 to 1.
        min_objects, max_objects: annotated objects over all cameras of a frame.
        classes: the same for single classes, by name.
        in_view: class names or path patterns, of each of which something has to be annotated.
        occlusion: range in which the mean occlusion of annotated objects lies.
        max_occlusion, max_truncation: of any annotated object; occlusion is by other things, truncation by the image's edge.
        max_overlap: greatest intersection over union of the boxes of two annotated objects in one picture.
        exposure: range of a picture's mean brightness, 0 black to 1 white; needs `rgb`.
        attempts: how often a frame is drawn anew before it is given up.
    """

    min_visible_px: int = Field(default=1, ge=1)
    min_visibility: float = Field(default=0.0, ge=0, le=1)
    min_objects: int = Field(default=1, ge=0)
    max_objects: int | None = Field(default=None, ge=0)
    classes: dict[str, Annotated[ClassCount, BeforeValidator(_class_count)]] = Field(default_factory=dict)
    in_view: tuple[str, ...] = ()
    occlusion: tuple[Share, Share] | None = None
    max_occlusion: Share | None = None
    max_truncation: Share | None = None
    max_overlap: Share | None = None
    exposure: tuple[Share, Share] | None = None
    attempts: int = Field(default=10, ge=1, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> "Accept":
        if self.max_objects is not None and self.max_objects < self.min_objects:
            raise ValueError(f"max_objects {self.max_objects} is below min_objects {self.min_objects}")
        for name in ("occlusion", "exposure"):
            pair = getattr(self, name)
            if pair is not None and pair[1] < pair[0]:
                raise ValueError(f"{name}: high {pair[1]:g} is below low {pair[0]:g}")
        for target in self.in_view:
            if target.startswith("/"):
                checked_pattern(target)
        return self
