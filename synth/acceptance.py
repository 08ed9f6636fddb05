"""Whether a frame is worth keeping: the rules of `accept` in a recipe, over what its cameras see. Plain data.

All rules but `min_visible_px` and `min_visibility`, which say what is annotated, are about whole frames. A frame that breaks
one is drawn again; the rule that refused it is counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.synth.accept import Accept
from twinstage.synth.paths import pattern_regex


@dataclass(frozen=True, slots=True)
class Sight:
    """An annotated object in one picture.

    `occlusion`, `truncation`: shares from 0 to 1; `box`: of the silhouette inside the image, x0, y0, x1, y1 [px].
    """

    name: str
    prim_path: str
    occlusion: float
    truncation: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a frame is not kept. `rule`: the field that said so, for counting; `reason`: one sentence."""

    rule: str
    reason: str


def refusal(accept: Accept, pictures: Sequence[Sequence[Sight]]) -> Refusal | None:
    """The first rule that a frame breaks, or None; `pictures`: annotated objects of each camera."""
    sights = [sight for picture in pictures for sight in picture]
    for found in (
        *_counts(accept, sights),
        *_in_view(accept, sights),
        *_hidden(accept, sights),
        *_overlaps(accept, pictures),
    ):
        return found
    return None


def _counts(accept: Accept, sights: Sequence[Sight]) -> Iterable[Refusal]:
    count = len(sights)
    if count < accept.min_objects:
        yield Refusal(
            "accept.min_objects", f"{count} annotated objects, at least {accept.min_objects} wanted"
        )
    if accept.max_objects is not None and count > accept.max_objects:
        yield Refusal("accept.max_objects", f"{count} annotated objects, at most {accept.max_objects} wanted")
    for name, rule in accept.classes.items():
        mine = sum(sight.name == name for sight in sights)
        if mine < rule.min or (rule.max is not None and mine > rule.max):
            wanted = f"at least {rule.min}" if mine < rule.min else f"at most {rule.max}"
            yield Refusal(f"accept.classes.{name}", f"{mine} annotated objects of {name}, {wanted} wanted")


def _in_view(accept: Accept, sights: Sequence[Sight]) -> Iterable[Refusal]:
    for target in accept.in_view:
        if target.startswith("/"):
            regex = pattern_regex(target)
            seen = any(regex.match(sight.prim_path) for sight in sights)
        else:
            seen = any(sight.name == target for sight in sights)
        if not seen:
            yield Refusal("accept.in_view", f"{target} is in no picture")


def _hidden(accept: Accept, sights: Sequence[Sight]) -> Iterable[Refusal]:
    if accept.occlusion is not None and sights:
        low, high = accept.occlusion
        mean = sum(sight.occlusion for sight in sights) / len(sights)
        if not low <= mean <= high:
            yield Refusal("accept.occlusion", f"the mean occlusion is {mean:.2f}, {low:g} to {high:g} wanted")
    for rule, most in (("occlusion", accept.max_occlusion), ("truncation", accept.max_truncation)):
        worst = max((getattr(sight, rule) for sight in sights), default=0.0)
        if most is not None and worst > most:
            yield Refusal(f"accept.max_{rule}", f"{_A[rule]} of {worst:.2f}, at most {most:g} wanted")


_A = {"occlusion": "an occlusion", "truncation": "a truncation"}


def _overlaps(accept: Accept, pictures: Sequence[Sequence[Sight]]) -> Iterable[Refusal]:
    if accept.max_overlap is None:
        return
    worst = max((_greatest_overlap([sight.box for sight in picture]) for picture in pictures), default=0.0)
    if worst > accept.max_overlap:
        yield Refusal(
            "accept.max_overlap", f"two boxes overlap by {worst:.2f}, at most {accept.max_overlap:g} wanted"
        )


def _greatest_overlap(boxes: Sequence[tuple[float, float, float, float]]) -> float:
    """The greatest intersection over union of any two boxes."""
    if len(boxes) < 2:
        return 0.0
    box = np.array(boxes, np.float64)
    area = np.maximum(box[:, 2] - box[:, 0], 0) * np.maximum(box[:, 3] - box[:, 1], 0)
    low, high = np.maximum(box[:, None, :2], box[None, :, :2]), np.minimum(box[:, None, 2:], box[None, :, 2:])
    inner = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = area[:, None] + area[None, :] - inner
    ratio = np.where(union > 0, inner / np.where(union > 0, union, 1), 0.0)
    np.fill_diagonal(ratio, 0.0)
    return float(ratio.max())


def exposure_refusal(accept: Accept, pictures: Sequence[np.ndarray]) -> Refusal | None:
    """The same for the brightness of the finished pictures, sRGB u1[h, w, 3]."""
    if accept.exposure is None:
        return None
    low, high = accept.exposure
    for pixels in pictures:
        mean = brightness(pixels)
        if not low <= mean <= high:
            return Refusal(
                "accept.exposure", f"the mean brightness is {mean:.2f}, {low:g} to {high:g} wanted"
            )
    return None


def brightness(pixels: np.ndarray) -> float:
    """The mean luma (Rec. 709 weights on sRGB values) of a picture u1[h, w, 3], from 0 to 1."""
    sums = pixels.reshape(-1, 3).sum(axis=0, dtype=np.int64)  # whole numbers: the same on every machine
    weighted = 0.2126 * int(sums[0]) + 0.7152 * int(sums[1]) + 0.0722 * int(sums[2])
    return weighted / (255.0 * int(pixels.shape[0] * pixels.shape[1]))
