"""Processor time of the page's own script, told by the browser's trace.

`performance.now()` also counts while the main thread waits for a core, and with SwiftShader the threads that draw take the same
cores. A user-timing mark in a trace carries the time of its thread's own clock (`tts`), so the page marks where its steps begin
and end (viewer/src/core/meter.ts), and what lies between is processor time of the main thread. A mark costs some 40 us itself,
and each step bears one of its two: the figures are a little too high, not too low.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PREFIX = "twin:"
ENDS = {"decoded": "decode", "applied": "apply", "drawn": "draw"}


@dataclass(frozen=True)
class Step:
    """From one mark to its other [ms]."""

    name: str
    cpu: float
    wall: float


@contextmanager
def traced(page: Any) -> Iterator[list[Any]]:
    """The events of the browser's user timing; there once the block has ended."""
    events: list[Any] = []
    ended: list[bool] = []
    cdp = page.context.new_cdp_session(page)
    cdp.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: ended.append(True))
    config = {"includedCategories": ["blink.user_timing"]}
    cdp.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    page.evaluate(f"twinstage.test.meter.step = (name) => performance.mark('{PREFIX}' + name)")
    yield events
    page.evaluate("twinstage.test.meter.step = null; performance.clearMarks()")
    cdp.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    cdp.detach()


def steps(events: Sequence[Any]) -> list[Step]:
    """In the order in which they ended; a tick is one without length, and a frame is drawn from where it was applied."""
    marks = sorted(
        (event["ts"], event["tts"], event["name"].removeprefix(PREFIX))
        for event in events
        if event["name"].startswith(PREFIX) and "tts" in event
    )
    began: dict[str, tuple[int, int]] = {}
    found = []
    for wall, cpu, name in marks:
        if name == "tick":
            found.append(Step(name, 0.0, 0.0))
        elif name in ENDS and ENDS[name] in began:
            first = began.pop(ENDS[name])
            found.append(Step(ENDS[name], (cpu - first[1]) / 1000, (wall - first[0]) / 1000))
        began["draw" if name == "applied" else name] = wall, cpu
    return found


def frames_with_a_tick(found: Sequence[Step]) -> list[tuple[float, float]]:
    """(processor, wall) time of frames before which ticks came: taking in what came since the frame before, and applying."""
    out = []
    cpu = wall = 0.0
    has_tick = False
    for step in found:
        if step.name == "draw":
            continue
        cpu, wall = cpu + step.cpu, wall + step.wall
        has_tick |= step.name == "tick"
        if step.name == "apply":
            if has_tick:
                out.append((cpu, wall))
            cpu, wall, has_tick = 0.0, 0.0, False
    return out


def whole_frames(found: Sequence[Step]) -> list[float]:
    """Processor time of frames: applying what came, and the calls that draw."""
    out = []
    apply = 0.0
    for step in found:
        if step.name == "apply":
            apply = step.cpu
        elif step.name == "draw":
            out.append(apply + step.cpu)
    return out
