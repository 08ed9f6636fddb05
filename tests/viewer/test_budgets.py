"""What the page costs: requests, bytes, tasks, shifts of its layout, elements; and that the picture is never empty."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hubs import HubServer, parts
from twins import LiveServer, opened, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push([one.startTime, one.value]);
}).observe({ type: 'layout-shift', buffered: true });
"""
LIVE_S = 4.0


def _metrics(cdp: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}


@pytest.fixture(scope="module")
def visit(browser: Any, live: LiveServer) -> Any:
    """One page from its first byte to some seconds of live data, and what it cost."""
    live.calm()
    seen: dict[str, Any] = {"requests": [], "bytes": 0, "problems": [], "tasks": []}
    context = browser.new_context(viewport={"width": 1000, "height": 560})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.on("pageerror", lambda error: seen["problems"].append(str(error)))
    page.on("console", lambda one: seen["problems"].append(one.text) if one.type == "error" else None)
    cdp = context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.on("Network.loadingFinished", lambda one: seen.update(bytes=seen["bytes"] + one["encodedDataLength"]))
    page.goto(live.url)
    wait_until(page, "!!(window.twinstage && twinstage.completeMs)", 60)
    seen["ready"], seen["complete"] = page.evaluate("[twinstage.readyMs, twinstage.completeMs]")
    page.wait_for_timeout(1500)
    # From here on it is live: readings ten times a second.
    ended: list[bool] = []
    events: list[Any] = []
    cdp.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: ended.append(True))
    cdp.send("Performance.enable")
    seen["before"], seen["elements"] = _metrics(cdp), page.evaluate("document.querySelectorAll('*').length")
    categories = ["disabled-by-default-devtools.timeline", "blink.user_timing"]
    cdp.send(
        "Tracing.start", {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": categories}}
    )
    page.evaluate("performance.mark('here')")
    for k in range(int(LIVE_S * 10)):
        live.say(
            motor_temperature=40 + k % 7,
            motor_current=3 + 0.1 * (k % 5),
            agv1_x=0.05 * k,
            belt_speed=1 + 0.01 * k,
        )
        page.wait_for_timeout(100)
    cdp.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    seen["after"] = _metrics(cdp)
    seen["grown"] = page.evaluate("document.querySelectorAll('*').length") - seen["elements"]
    seen["shifts"] = page.evaluate("window.shifts")
    here = next(event for event in events if event["name"] == "here")
    # Processor time of the tasks of the page's main thread: how long they waited for a core is not theirs.
    seen["tasks"] = [
        event.get("tdur", 0) / 1000
        for event in events
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) == (here["pid"], here["tid"])
    ]
    context.close()
    return seen


def test_little_is_asked_for_and_nothing_of_others(visit: Any, live: LiveServer) -> None:
    hosts = {urlsplit(url).netloc for url in visit["requests"] if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(live.url).netloc}
    # The page, its script and style, the scene, one file a prototype, and what panels ask for.
    assert len(visit["requests"]) <= 25, visit["requests"]
    assert visit["bytes"] < 600_000
    assert visit["problems"] == []


def test_the_first_picture_comes_before_the_complete_one(visit: Any) -> None:
    assert 0 < visit["ready"] <= visit["complete"]


def _worst_window(shifts: list[tuple[float, float]]) -> float:
    """Cumulative layout shift as browsers define it: the worst run of shifts less than 1 s apart, of at most 5 s."""
    worst = total = 0.0
    begin = last = float("-inf")
    for at, value in shifts:
        if at - last > 1000 or at - begin > 5000:
            begin, total = at, 0.0
        last, total = at, total + value
        worst = max(worst, total)
    return worst


def test_the_layout_does_not_jump(visit: Any) -> None:
    assert _worst_window(visit["shifts"]) < 0.1, visit["shifts"]


def test_live_data_keep_the_main_thread_free(visit: Any) -> None:
    assert len(visit["tasks"]) > 50, "the trace holds no tasks"
    assert max(visit["tasks"]) < 200
    seconds = visit["after"]["Timestamp"] - visit["before"]["Timestamp"]
    assert seconds >= LIVE_S
    # Panels are refreshed eight times a second; each row that asks for its size would lay out the page once more.
    assert (visit["after"]["LayoutCount"] - visit["before"]["LayoutCount"]) / seconds < 40
    busy = visit["after"]["ScriptDuration"] - visit["before"]["ScriptDuration"]
    assert busy < 0.5 * seconds


def test_elements_are_few_and_do_not_grow(visit: Any) -> None:
    assert visit["elements"] < 1500
    assert visit["grown"] < 20


ALPHA = """
window.alpha = () => {
  const canvas = document.getElementById('canvas'), gl = canvas.getContext('webgl2'), pixel = new Uint8Array(4);
  gl.readPixels(canvas.width >> 1, canvas.height >> 1, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  return pixel[3];
};
"""


@pytest.fixture(scope="module")
def still_page(
    browser: Any, serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A box in the middle of the picture."""
    server = serve_stage(parts(tmp_path_factory.mktemp("still") / "parts.usdc", 9))
    with opened(browser, server.url + "#selected=/Site/Parts", forgive=("404",)) as page:
        page.evaluate("twinstage.setCameraView('0,-1.5,0.2,0,0,0,42')")
        page.wait_for_timeout(400)
        page.evaluate(f"() => {{ {ALPHA} }}")
        yield page


def test_a_picture_of_another_size_is_never_empty(still_page: Any) -> None:
    page = still_page
    # An observer that is made later is called later: it sees what the browser is about to show.
    page.evaluate(
        "() => { window.found = []; new ResizeObserver(() => window.found.push(window.alpha()))"
        ".observe(document.getElementById('canvas').parentElement); }"
    )
    wait_until(page, "window.found.length === 1")
    for k, width in enumerate((800, 900, 700)):
        page.set_viewport_size({"width": width, "height": 460})
        wait_until(page, f"window.found.length >= {k + 2}")
    found = page.evaluate("window.found")
    assert found[1:] == [255] * (len(found) - 1)  # the first call comes without a change


def test_a_picture_of_another_quality_is_never_empty(still_page: Any) -> None:
    page = still_page
    found = page.evaluate(
        """async () => {
          const canvas = document.getElementById('canvas'), found = [];
          for (let k = 0; k < 60; k++) {
            await new Promise((then) => setTimeout(then, 85));
            twinstage.drawing.draw();
            found.push([window.alpha(), canvas.width]);
          }
          return found;
        }"""
    )
    assert len({width for _, width in found}) > 1, "the quality did not change"
    assert {alpha for alpha, _ in found} == {255}
