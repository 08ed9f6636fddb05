"""The operating mode, as a signal of the contract tells it."""

from collections.abc import Callable

from twinstage.telemetry.contract import Contract
from twinstage.telemetry.state import StateTable


def mode_reader(contract: Contract, state: StateTable) -> Callable[[], str | None]:
    """Asks for the mode: an enum's name, a text, `true` or `false`, or a number in digits.

    None before the first value, and where the contract names no mode. A mode of bad quality or a stale one stays what it
    was last: an alarm is not unsuppressed because a wire broke.
    """
    if contract.mode is None:
        return lambda: None
    name, kind = contract.mode, contract.by_id[contract.mode].type
    index = state.index(name)

    def read() -> str | None:
        if not state.usable[index]:
            return None
        if kind in ("enum", "string"):
            return state.text(name)
        number = int(state.numeric[index])
        return str(bool(number)).lower() if kind == "bool" else str(number)

    return read
