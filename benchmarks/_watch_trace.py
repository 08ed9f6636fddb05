"""Where the time of a save goes: moments of the twin and of a follower on one clock, the wall clock of this machine.

The twin's come from `/api/status` (`watch.last`), a Python client's from its requests, a page's from the browser's own
Resource Timing and Long Tasks.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

Moment = tuple[float, str]
"""Wall clock [s], and what has just ended then."""

NOTED = """() => { window.tasks = []; performance.clearResourceTimings(); performance.setResourceTimingBufferSize(5000);
  if (window.observing) window.observing.disconnect();
  window.observing = new PerformanceObserver((list) => { for (const one of list.getEntries())
    window.tasks.push([one.startTime, one.duration]); });
  window.observing.observe({ type: 'longtask' }); }"""
HEARD = """() => { const at = (t) => (performance.timeOrigin + t) / 1000;
  const files = performance.getEntriesByType('resource').filter((one) => /api.scene|glb|texture/.test(one.name))
    .map((one) => [new URL(one.name).pathname, at(one.startTime), at(one.responseStart), at(one.responseEnd),
      one.encodedBodySize]);
  return { files, tasks: window.tasks.map(([t, ms]) => [at(t), ms]) }; }"""


def of_twin(last: dict[str, Any]) -> list[Moment]:
    """What the twin says of its newest save."""
    at = last["seenMs"] / 1000
    moments = [(at, "twin: seen")]
    for name, ms in last["steps"].items():
        at += ms / 1000
        moments.append((at, f"twin: {name}"))
    return moments


def of_page(told: dict[str, Any]) -> list[Moment]:
    """What a page's browser noted."""
    moments: list[Moment] = []
    for path, start, answered, ended, size in told["files"]:
        name = path if len(path) < 24 else f"{path[:14]}..."
        moments += [(start, f"page: asks for {name}"), (answered, f"page: first byte of {name}")]
        moments.append((ended, f"page: has {name}, {size / 1000:.0f} kB"))
    moments += [(at + ms / 1000, f"page: was busy for {ms:.0f} ms") for at, ms in told["tasks"]]
    return moments


class Requests:
    """Notes the requests of a Python client."""

    def __init__(self, client: Any) -> None:
        self.moments: list[Moment] = []
        get: Callable[[str], bytes] = client._get

        def noted(path: str) -> bytes:
            name = path if len(path) < 24 else f"{path[:14]}..."
            self.moments.append((time.time(), f"client: asks for {name}"))
            body = get(path)
            self.moments.append((time.time(), f"client: has {name}, {len(body) / 1000:.0f} kB"))
            return body

        client._get = noted


def table(title: str, began: float, moments: Iterable[Moment], ended: float, what: str) -> str:
    """Milliseconds since the save and since the line before."""
    lines, before = [f"{title}:  ms since the save, since the line before"], began
    for at, name in sorted([*moments, (ended, what)]):
        lines.append(f"{1000 * (at - began):8.0f} {1000 * (at - before):7.0f}  {name}")
        before = at
    return "\n".join(lines)
