"""What people do with controls: checked against the set, told to everybody, and handed to the program.

A control is used by those who have at least its role; a value is of the control's kind and range. What is refused is told to
the one who tried, in a sentence.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twinstage.sync.access.access import Access
from twinstage.sync.access.buckets import AddressBuckets
from twinstage.sync.access.roles import ROLES, Identity, Role
from twinstage.sync.overlay.board import Board

USES_PER_SECOND, USE_BURST = 60.0, 60.0
"""Of one token, or of one address without tokens."""
MOST_TEXT: Final = 1000


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody used a control or clicked a prim.

    Attributes:
        name: of the control.
        value: what it stands at now; None for a button or a click.
        by: the name of the token, `local` where none is asked for.
        role: viewer, operator or engineer.
        prim: path of what was clicked; "" otherwise.
        position: where, in the scene's world [m].
    """

    name: str
    value: Any
    by: str
    role: str
    prim: str = ""
    position: tuple[float, float, float] | None = None


class Controls:
    """The door of all uses. `told` gets each use that is right; it must not wait."""

    def __init__(self, board: Board, access: Access, told: Callable[[Use], None]) -> None:
        self._board, self._access, self._told = board, access, told
        self._rate = AddressBuckets(USES_PER_SECOND, USE_BURST)

    def take(self, raw: Mapping[str, Any], who: Identity, refuse: Callable[[str], None], now_ns: int) -> None:
        """What a client said of a control."""
        name = str(raw.get("name", ""))[:200]
        if not self._rate.take(who.token_id or who.address, now_ns):
            refuse(f"more than {USES_PER_SECOND:g} uses of controls a second came from you")
            return
        item = self._board.get(name)
        if item is None or item["kind"] not in KINDS:
            refuse(f"there is no control {name!r} any more")
            return
        needed = ROLES.get(item.get("role", ""), Role.OPERATOR)
        if not who.may(needed):
            self._access.changed(who, f"CONTROL {name}", "forbidden")
            refuse(
                f"{item.get('label') or name!r} needs the role {needed.word}; you have the role {who.role.word}"
            )
            return
        try:
            use = _use(item, raw, who)
        except ValueError as error:
            refuse(f"{item.get('label') or name!r}: {error}")
            return
        if use.value is not None:
            self._board.change(name, value=use.value)
        self._access.changed(who, f"CONTROL {name}")
        self._told(use)


def _use(item: Mapping[str, Any], raw: Mapping[str, Any], who: Identity) -> Use:
    """ValueError with what is wrong."""
    name, value = item["name"], KINDS[item["kind"]](item, raw.get("value"))
    if item["kind"] != "click":
        return Use(name, value, who.name, who.role.word)
    path = raw.get("path")
    if not isinstance(path, str) or len(path) > 2000 or not is_under(path, item["prim"]):
        raise ValueError(f"a click is on {item['prim']} or below it")
    place = raw.get("position")
    position = None
    if place is not None:
        if not isinstance(place, list) or len(place) != 3 or not all(_finite(x) for x in place):
            raise ValueError("a position is three numbers")
        position = (float(place[0]), float(place[1]), float(place[2]))
    return Use(name, None, who.name, who.role.word, path, position)


def is_under(path: str, prim: str) -> bool:
    """Whether a path is that of a prim, of something below it, or of one of its points."""
    return prim == "/" or path == prim or path.startswith((f"{prim}/", f"{prim}["))


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _no_value(item: Mapping[str, Any], value: Any) -> None:
    return None


def _number(item: Mapping[str, Any], value: Any) -> float:
    low, high = item["min"], item["max"]
    if not _finite(value) or not low <= value <= high:
        raise ValueError(f"a number from {low:g} to {high:g} is wanted, not {str(value)[:40]}")
    return float(value)


def _switch(item: Mapping[str, Any], value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")
    return value


def _choice(item: Mapping[str, Any], value: Any) -> str:
    if value not in item["options"]:
        raise ValueError(f"{str(value)[:40]!r} is none of its options")
    return str(value)


def _words(item: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise ValueError(f"a text of at most {MOST_TEXT} characters is wanted")
    return value


KINDS: Final[Mapping[str, Callable[[Mapping[str, Any], Any], Any]]] = {
    "slider": _number,
    "button": _no_value,
    "checkbox": _switch,
    "dropdown": _choice,
    "textbox": _words,
    "click": _no_value,
}
"""What checks the value of each kind of control."""
