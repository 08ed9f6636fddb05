"""One alarm's states (ISA-18.2-2016, figure 3), as a pure function of what happens to it.

    normal      --raise-->  unacknowledged --acknowledge-->  acknowledged  --return--> normal
    unacknowledged  --return-->  returned (unacknowledged)  --acknowledge-->  normal      with `latch`; else normal at once
    returned    --raise-->  unacknowledged

Beside these an alarm may be shelved (by an operator, for a time), suppressed by design (in an operating mode) or out of
service: then it follows its condition silently, is in no list of active alarms, and is judged anew when that ends.
"""

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["normal", "unacknowledged", "acknowledged", "returned"]
Happening = Literal["raised", "returned", "acknowledged"]
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Where an alarm stands.

    condition: whether it holds now; since_ns: since when the condition is what it is; state; raised_ns: when it was raised
    last; shelved_until_ns: 0 where it is not shelved; suppressed: by design; out_of_service.
    """

    condition: bool = False
    since_ns: int = 0
    state: State = "normal"
    raised_ns: int = 0
    shelved_until_ns: int = 0
    suppressed: bool = False
    out_of_service: bool = False

    @property
    def silent(self) -> bool:
        """Whether it is shelved, suppressed or out of service."""
        return bool(self.shelved_until_ns) or self.suppressed or self.out_of_service

    @property
    def active(self) -> bool:
        """Whether it is in the list of active alarms."""
        return self.state != "normal" and not self.silent


def follow(
    alarm: AlarmState, condition: bool, at_ns: int, *, on_ns: int, off_ns: int, latch: bool
) -> tuple[AlarmState, Happening | None]:
    """The alarm with its condition as it is at `at_ns`; what came of it, if anything. `on_ns`, `off_ns`: its delays."""
    if condition != alarm.condition:
        alarm = replace(alarm, condition=condition, since_ns=at_ns)
    held = at_ns - alarm.since_ns
    if alarm.silent:
        return alarm, None
    if condition and alarm.state in ("normal", "returned") and held >= on_ns:
        return replace(alarm, state="unacknowledged", raised_ns=at_ns), "raised"
    if not condition and alarm.state in ("unacknowledged", "acknowledged") and held >= off_ns:
        after: State = "returned" if latch and alarm.state == "unacknowledged" else "normal"
        return replace(alarm, state=after), "returned"
    return alarm, None


def due_ns(alarm: AlarmState, *, on_ns: int, off_ns: int) -> int:
    """When its delay ends, if one runs; else NEVER."""
    if alarm.condition:
        return alarm.since_ns + on_ns if alarm.state in ("normal", "returned") else NEVER
    return alarm.since_ns + off_ns if alarm.state in ("unacknowledged", "acknowledged") else NEVER


def acknowledge(alarm: AlarmState) -> AlarmState | None:
    """The alarm after someone has seen it; None where there was nothing to acknowledge."""
    after: dict[State, State] = {"unacknowledged": "acknowledged", "returned": "normal"}
    return replace(alarm, state=after[alarm.state]) if alarm.state in after else None


def quieted(alarm: AlarmState) -> AlarmState:
    """The alarm as silence begins, or ends: judged anew, its condition counts from when it last changed."""
    return replace(alarm, state="normal")
