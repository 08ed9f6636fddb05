"""What a program gets back for each overlay and control."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.sync.overlay.controls import KINDS

if TYPE_CHECKING:
    from twinstage.live.ui.callbacks import Callback
    from twinstage.live.ui.ui import Ui


class Overlay:
    """Something drawn; calling the method that made it again, with its name, draws it anew."""

    def __init__(self, ui: "Ui", name: str) -> None:
        self._ui, self.name = ui, name

    def _item(self) -> dict[str, Any]:
        item = self._ui.board.get(self.name)
        if item is None:
            raise UserError(f"there is no overlay {self.name!r} any more")
        return item

    @property
    def visible(self) -> bool:
        """Whether viewers draw it."""
        return bool(self._item().get("visible", True))

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._ui.board.change(self.name, visible=bool(visible))

    def remove(self) -> None:
        """Take it away, with its callbacks."""
        self._ui.remove(self.name)


class Control(Overlay):
    """A control in the viewer's panel, or a prim that can be clicked."""

    @property
    def value(self) -> Any:
        """What it stands at, for all viewers alike; None for a button."""
        return self._item().get("value")

    @value.setter
    def value(self, value: Any) -> None:
        item = self._item()
        if "value" not in item:
            raise UserError(f"{self.name!r} is a {item['kind']}, which has no value")
        try:
            checked = KINDS[item["kind"]](item, value)
        except ValueError as error:
            raise UserError(f"{self.name!r}: {error}") from None
        self._ui.board.change(self.name, value=checked)

    @property
    def enabled(self) -> bool:
        """Whether viewers may use it."""
        return bool(self._item().get("enabled", True))

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._ui.board.change(self.name, enabled=bool(enabled))

    def on_use(self, function: "Callback") -> "Callback":
        """Call `function(use)` when somebody uses it; as a decorator, too. Not called for what the program sets."""
        self._ui.callbacks.add(self.name, function)
        return function

    on_update: Callable[["Control", "Callback"], "Callback"] = on_use
    on_click: Callable[["Control", "Callback"], "Callback"] = on_use
