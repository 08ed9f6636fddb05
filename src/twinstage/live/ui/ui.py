"""`twin.ui`: overlays and controls of a Python program. May be called from any thread; see docs/overlays.md."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from twinstage.base.errors import UserError, did_you_mean
from twinstage.live.ui import shapes
from twinstage.live.ui.callbacks import Callbacks
from twinstage.live.ui.handles import Control, Overlay
from twinstage.sync.overlay.board import Board, Data

if TYPE_CHECKING:
    from twinstage.live.ui.callbacks import Callback
    from twinstage.sync.hub import Hub

Role = Literal["viewer", "operator", "engineer"]
_AHEAD = (1.0, 0.0, 0.0, 0.0)


class Ui:
    """Overlays and controls by name. `prims`: paths of the scene, told anew by each call, for what names one."""

    def __init__(self, prims: Callable[[], Collection[str]]) -> None:
        self._prims = prims
        self.board = Board()
        self._failures: deque[str] = deque(maxlen=20)
        self.callbacks = Callbacks(self._failures.append)

    def tell(self, hub: "Hub", now_ns: int) -> None:
        """What changed, to all viewers; called by each tick."""
        while self._failures:
            hub.notice("error", self._failures.popleft())
        changes = self.board.changes(now_ns)
        if changes is not None:
            hub.event("overlay", changes)

    # ------------------------------------------------------------------ drawn

    def points(
        self,
        name: str,
        positions: ArrayLike,
        colors: "str | ArrayLike" = "#4cc2e6",
        *,
        size: float = 0.03,
        parent: str = "",
    ) -> Overlay:
        """Points f[n, 3] [m], `size` across [m]; `parent`: the prim in whose frame they are and with which they move."""
        array = shapes.floats(positions, (-1, 3), f"the positions of {name!r}")
        origin, data = shapes.spread(array)
        color, each = shapes.colors_of(colors, len(array), repr(name))
        item = {"kind": "points", "origin": origin, "size": shapes.positive(size, "the size"), **color}
        return self._draw(name, item, parent, {"positions": data, **each})

    def lines(
        self,
        name: str,
        positions: ArrayLike,
        colors: "str | ArrayLike" = "#4cc2e6",
        *,
        parent: str = "",
    ) -> Overlay:
        """A line through f[n, 3], or segments f[n, 2, 3] [m]; `colors`: one for all, or one for each segment."""
        array = np.asarray(positions)
        if array.ndim == 2:
            path = shapes.floats(array, (-1, 3), f"the positions of {name!r}")
            array = np.stack([path[:-1], path[1:]], axis=1)
        else:
            array = shapes.floats(array, (-1, 2, 3), f"the positions of {name!r}")
        origin, data = shapes.spread(array)
        color, each = shapes.colors_of(colors, len(array), repr(name))
        return self._draw(
            name, {"kind": "lines", "origin": origin, **color}, parent, {"positions": data, **each}
        )

    def frame(
        self,
        name: str,
        *,
        position: Sequence[float] = (0, 0, 0),
        rotation: Sequence[float] = _AHEAD,
        length: float = 0.3,
        parent: str = "",
    ) -> Overlay:
        """Axes x (red), y (green), z (blue) of that length [m]."""
        pose = shapes.pose_of(position, rotation, repr(name))
        return self._draw(
            name, {"kind": "frame", "pose": pose, "length": shapes.positive(length, "the length")}, parent
        )

    def text(
        self,
        name: str,
        text: object,
        *,
        position: Sequence[float] = (0, 0, 0),
        color: str = "#d9dee3",
        parent: str = "",
    ) -> Overlay:
        """A label that stands at a place."""
        told = shapes.text_of(text, f"the text of {name!r}")
        pose = shapes.pose_of(position, what=repr(name))
        item = {"kind": "text", "text": told, "pose": pose, "color": shapes.color_of(color, repr(name))}
        return self._draw(name, item, parent)

    def image(
        self,
        name: str,
        image: "bytes | ArrayLike",
        *,
        position: Sequence[float] = (0, 0, 0),
        rotation: Sequence[float] = _AHEAD,
        width: float = 1.0,
        parent: str = "",
    ) -> Overlay:
        """A picture, `width` [m] across: middle at the position, right is +x, up is +y. PNG or JPEG bytes, or u8[h, w, 3]."""
        data, aspect = shapes.picture(image, repr(name))
        pose = shapes.pose_of(position, rotation, repr(name))
        item = {"kind": "image", "pose": pose, "width": shapes.positive(width, "the width"), "aspect": aspect}
        return self._draw(name, item, parent, {"image": data})

    def frustum(
        self,
        name: str,
        *,
        position: Sequence[float] = (0, 0, 0),
        rotation: Sequence[float] = _AHEAD,
        fov: float = 0.8,
        aspect: float = 1.5,
        depth: float = 0.5,
        color: str = "#e0a63c",
        image: "bytes | ArrayLike | None" = None,
        parent: str = "",
    ) -> Overlay:
        """What a camera sees, drawn to `depth` [m]: it looks along its -z, +y is up, as in USD. `fov`: vertical [rad]."""
        if not 0 < fov < 3.1:
            raise UserError(f"the fov of {name!r} is an angle from 0 to 3.1 rad, not {fov!r}")
        data: dict[str, Data] = {}
        if image is not None:
            data["image"], aspect = shapes.picture(image, repr(name))
        item = {
            "kind": "frustum",
            "pose": shapes.pose_of(position, rotation, repr(name)),
            "fov": float(fov),
            "aspect": shapes.positive(aspect, "the aspect"),
            "depth": shapes.positive(depth, "the depth"),
            "color": shapes.color_of(color, repr(name)),
        }
        return self._draw(name, item, parent, data)

    def ghost(
        self,
        name: str,
        prim: str,
        poses: Mapping[str, Sequence[float]] | Sequence[float],
        *,
        color: str = "#4cc2e6",
        opacity: float = 0.35,
    ) -> Overlay:
        """A second, translucent picture of a prim and all below it, with other poses: a prediction beside what is.

        `poses`: x, y, z [m], qw, qx, qy, qz of the prim, local to its parent; or of several prims, by path. What is not named
        stands to its parent as it really does.
        """
        self._known(prim)
        by_path = dict(poses) if isinstance(poses, Mapping) else {prim: poses}
        for path in by_path:
            self._known(path)
            if path != prim and not path.startswith(f"{prim}/"):
                raise UserError(f"{path} is not below {prim}, so it is no part of the ghost {name!r}")
        if not 0 < opacity <= 1:
            raise UserError(f"the opacity of {name!r} is above 0 and at most 1, not {opacity!r}")
        item = {
            "kind": "ghost",
            "prim": prim,
            "poses": shapes.poses_of(by_path, repr(name)),
            "color": shapes.color_of(color, repr(name)),
            "opacity": float(opacity),
        }
        return self._draw(name, item, "")

    def remove(self, name: str) -> None:
        """Take an overlay or a control away."""
        self.callbacks.forget(name)
        self.board.drop(name)

    def clear(self) -> None:
        """Take everything away."""
        for item in self.board.document()["items"]:
            self.remove(item["name"])

    # ------------------------------------------------------------------ used

    def slider(
        self,
        name: str,
        *,
        min: float = 0.0,
        max: float = 1.0,
        step: float | None = None,
        value: float | None = None,
        label: str = "",
        unit: str = "",
        group: str = "",
        role: Role = "operator",
    ) -> Control:
        """A number in a range."""
        if not min < max:
            raise UserError(f"the slider {name!r} goes from {min!r} to {max!r}: that is no range")
        start = float(min if value is None else value)
        if not min <= start <= max:
            raise UserError(f"the slider {name!r} stands at {start:g}, which is not in {min:g} to {max:g}")
        # A power of ten, so that round numbers can be set.
        fine = (
            10.0 ** np.floor(np.log10((max - min) / 100))
            if step is None
            else shapes.positive(step, "the step")
        )
        item = {"min": float(min), "max": float(max), "step": float(fine), "value": start, "unit": unit}
        return self._control("slider", name, label, group, role, item)

    def button(self, name: str, *, label: str = "", group: str = "", role: Role = "operator") -> Control:
        """A button."""
        return self._control("button", name, label, group, role, {})

    def checkbox(
        self, name: str, *, value: bool = False, label: str = "", group: str = "", role: Role = "operator"
    ) -> Control:
        """Yes or no."""
        return self._control("checkbox", name, label, group, role, {"value": bool(value)})

    def dropdown(
        self,
        name: str,
        options: Sequence[str],
        *,
        value: str | None = None,
        label: str = "",
        group: str = "",
        role: Role = "operator",
    ) -> Control:
        """One of a few texts."""
        choices = [shapes.text_of(option, f"an option of {name!r}") for option in options]
        if not choices:
            raise UserError(f"the dropdown {name!r} has no options")
        if value is not None and value not in choices:
            raise UserError(f"the dropdown {name!r} has no option {value!r}{did_you_mean(value, choices)}")
        item = {"options": choices, "value": value or choices[0]}
        return self._control("dropdown", name, label, group, role, item)

    def textbox(
        self, name: str, *, value: str = "", label: str = "", group: str = "", role: Role = "operator"
    ) -> Control:
        """A line of text."""
        told = shapes.text_of(value, f"the text of {name!r}")
        return self._control("textbox", name, label, group, role, {"value": told})

    def on_click(
        self, prim: str, function: "Callback | None" = None, *, role: Role = "viewer"
    ) -> "Callback | Callable[[Callback], Callback]":
        """Call `function(use)` when somebody clicks a prim or what is below it; without a function, a decorator."""
        if prim != "/":
            self._known(prim)
        name = f"click {prim}"
        if self.board.get(name) is None:
            self._control("click", name, "", "", role, {"prim": prim})

        def register(callback: "Callback") -> "Callback":
            self.callbacks.add(name, callback)
            return callback

        return register if function is None else register(function)

    # ------------------------------------------------------------------

    def _draw(
        self, name: str, item: dict[str, Any], parent: str, data: Mapping[str, Data] | None = None
    ) -> Overlay:
        if parent:
            self._known(parent)
        old = self.board.get(shapes.checked_name(name))
        shown = {"visible": False} if old is not None and old.get("visible") is False else {}
        self.board.put(name, {**item, **({"parent": parent} if parent else {}), **shown}, data)
        return Overlay(self, name)

    def _control(
        self, kind: str, name: str, label: str, group: str, role: str, item: dict[str, Any]
    ) -> Control:
        if role not in ("viewer", "operator", "engineer"):
            raise UserError(f"there is no role {role!r}; viewer, operator and engineer are")
        shown = {
            "label": shapes.text_of(label or name, f"the label of {name!r}"),
            "group": shapes.text_of(group, f"the group of {name!r}"),
            "role": role,
        }
        self.board.put(shapes.checked_name(name), {"kind": kind, **shown, **item})
        return Control(self, name)

    def _known(self, prim: str) -> None:
        paths = self._prims()
        if prim not in paths:
            raise UserError(f"there is no prim {prim}{did_you_mean(prim, paths)}")
