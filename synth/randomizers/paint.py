"""What randomizers of materials share: which materials patterns mean, and colours that are drawn."""

import colorsys
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import StringConstraints

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.color import linear_from_srgb
from twinstage.scene.snapshot import Material, Snapshot
from twinstage.synth.distributions import Share
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import instance_root, matching

HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Rgb = tuple[float, float, float]
"""Linear Rec. 709."""


class HsvColor(Model):
    """A colour by hue [degrees], saturation and value [0 to 1], as colour pickers show it (sRGB)."""

    hue: Distribution
    saturation: Share
    value: Share


def linear_hex(text: str) -> Rgb:
    """The linear colour of `#rrggbb`."""
    return _linear([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def drawn_color(draws: Draws, color: HsvColor | None, palette: Sequence[str], what: str = "") -> Rgb | None:
    """A colour of the palette, or else of the distributions; None where there is neither. `what`: of which thing."""
    suffix = f" {what}" if what else ""
    if palette:
        rgb = linear_hex(palette[draws.stream(f"palette{suffix}").below(len(palette))])
    elif color is not None:
        h = draws.value(f"hue{suffix}", color.hue) / 360 % 1.0
        s = draws.value(f"saturation{suffix}", color.saturation)
        v = draws.value(f"value{suffix}", color.value)
        rgb = _linear(colorsys.hsv_to_rgb(h, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0)))
    else:
        return None
    draws.note(f"color{suffix}", list(rgb))
    return rgb


def _linear(srgb: Sequence[float]) -> Rgb:
    r, g, b = (float(v) for v in linear_from_srgb(np.array(srgb)))
    return r, g, b


def editable_materials(snapshot: Snapshot, patterns: Sequence[str], *, who: str) -> list[Material]:
    """The materials that the patterns mean and that a layer can change, in the snapshot's order, each path once.

    Those inside native instances are shared by all their siblings: left out where a pattern catches others, too. Raises
    UserError for a pattern that matches nothing that can be changed.
    """
    known = list({m.path: m for m in snapshot.materials if m.path}.values())
    names = [m.path for m in known]
    out: dict[int, Material] = {}
    for pattern in patterns:
        hits = matching([pattern], names)
        if not hits:
            raise UserError(f"{who}: no material matches {pattern!r}{did_you_mean(pattern, names)}")
        free = [i for i in hits if not _shared(snapshot, names[i])]
        if not free:
            prim = snapshot.prims.index_of[names[hits[0]]]
            raise UserError(
                f"{who}: {names[hits[0]]} lies inside the native instance {instance_root(snapshot, prim)}, "
                "so no layer can change it; take a material outside of instances"
            )
        out.update((i, known[i]) for i in free)
    return [out[i] for i in sorted(out)]


def _shared(snapshot: Snapshot, path: str) -> bool:
    prim = snapshot.prims.index_of.get(path)
    return prim is not None and bool(snapshot.prims.proxy[prim])
