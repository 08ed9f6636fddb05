"""The view of a twin in a notebook: a widget whose selection, camera and time are values of the program.

The notebook's page says where it is shown (`here`); that origin alone may then frame the twin. A view belongs to the kernel's
thread, as all widgets do: callbacks run there, one after the other.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anywidget
import traitlets

from twinstage.base.errors import UserError

if TYPE_CHECKING:
    from twinstage.live.producer import Twin

Then = Callable[..., object]
_STYLE = ".twinstage-note { margin: 0 0 4px; font: 13px/1.5 system-ui, sans-serif; } .twinstage-note[hidden] { display: none; }"


class View(anywidget.AnyWidget):
    """One view; a twin may have any number of them. `selected` may be set and observed, the others tell what is."""

    _css = _STYLE
    selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    """Path of the selected prim or point; None for nothing."""
    height = traitlets.Int(480).tag(sync=True)
    """Of the view [px]."""
    panels = traitlets.Unicode("").tag(sync=True)
    """Names of panels beside the picture: `tree,properties,alarms`."""
    port = traitlets.Int().tag(sync=True)
    url = traitlets.Unicode("").tag(sync=True)
    camera = traitlets.Dict().tag(sync=True)
    """`position` and `target` [m], `fov` [degrees], as they are now; empty before the first picture."""
    alarms: "traitlets.List[dict[str, Any]]" = traitlets.List().tag(sync=True)
    """What is active: `id`, `priority`, `state`, `message`, `value`, `unit`, `raised`, `prim`."""
    ready = traitlets.Bool(False).tag(sync=True)
    now_ms = traitlets.Float(None, allow_none=True).tag(sync=True)
    at_ms = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        twin: "Twin",
        *,
        height: int = 480,
        panels: Sequence[str] = (),
        url: str = "",
        token: str = "",
        selected: str | None = None,
    ) -> None:
        """`url`: where the browser reaches the twin, where that is not the usual way; `{port}` in it is the twin's port."""
        self._twin = twin
        self._token = token
        self._clicks: list[Then] = []
        self._checked(selected)
        super().__init__(
            _esm=_script(), port=twin.port, url=url, height=height, panels=",".join(panels), selected=selected
        )
        self.on_msg(self._hear)

    # ------------------------------------------------------------------ selection

    @traitlets.validate("selected")
    def _known(self, proposal: Any) -> str | None:
        return self._checked(proposal["value"] or None)

    def _checked(self, path: str | None) -> str | None:
        if path is not None and not self._twin.knows(path):
            raise UserError(f"the stage has no prim {path!r}")
        return path

    def on_select(self, then: Then) -> Then:
        """Call `then(path)` whenever another prim, or none (None), is selected, here or by the program. Also a decorator."""
        self.observe(lambda change: then(change["new"]), "selected")
        return then

    def on_click(self, then: Then) -> Then:
        """Call `then(path, position)` for each click in the picture; position [m], both None for a click on nothing."""
        self._clicks.append(then)
        return then

    def on_alarm(self, then: Then) -> Then:
        """Call `then(alarms)` whenever an alarm is raised, acknowledged or gone."""
        self.observe(lambda change: then(change["new"]), "alarms")
        return then

    # ------------------------------------------------------------------ camera and time

    def look(self, position: Sequence[float], target: Sequence[float], *, fov: float | None = None) -> None:
        """Look from a place at another [m]; `fov`: vertical [degrees]."""
        if len(position) != 3 or len(target) != 3:
            raise UserError("look takes two places, each x, y, z in metres")
        places = {"position": [float(x) for x in position], "target": [float(x) for x in target]}
        self._look({**places, **({} if fov is None else {"fov": float(fov)})})

    def frame(self, path: str | None = None) -> None:
        """Bring a prim into the picture; without one, the selection; without that, everything."""
        path = self._checked(path or self.selected)
        self._look({"home": True} if path is None else {"frame": path})

    def through(self, camera: str) -> None:
        """Look through a camera of the stage, and go with it."""
        self._look({"through": self._checked(camera)})

    def _look(self, look: dict[str, Any]) -> None:
        self.send({"type": "look", "look": look})

    @property
    def time(self) -> datetime | None:
        """The twin's time that is shown; None before the first picture."""
        return None if self.now_ms is None else datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def seek(self, moment: datetime | None) -> None:
        """Look at a moment of the past, where the twin keeps a history; None: at what is now."""
        if moment is not None and moment.tzinfo is None:
            raise UserError("seek takes a time with its zone, as in datetime.now(UTC)")
        self.send({"type": "time", "at": None if moment is None else moment.timestamp() * 1000})

    # ------------------------------------------------------------------ the notebook's page

    def _hear(self, _: Any, content: Any, buffers: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "here":
            self._open(str(content.get("origin", "")), str(content.get("host", "")))
        elif kind == "click":
            for then in tuple(self._clicks):
                then(content.get("path"), content.get("position"))

    def _open(self, origin: str, host: str) -> None:
        """The page says where it is: from there the twin may be framed, and asked under that name (by a proxy)."""
        try:
            name = urlsplit(f"//{host}").hostname
            self._twin.embed_in(origin, name or "")
        except (UserError, ValueError) as error:
            self.send({"type": "say", "text": f"{error}. Open {self._twin.url} in a browser instead."})
            return
        self.port = self._twin.port  # another one, where the twin was closed and is served anew
        self.send({"type": "open", "token": self._token})


def _script() -> str:
    from twinstage.live.server import viewer_dir

    path: Path = viewer_dir() / "embed" / "notebook.js"
    return path.read_text("utf-8")
