"""The canvas is never left empty: a new size or quality empties it, and what the browser shows next has to be drawn already.

Under load, frames come late. A page that was opened with `#selected=PATH` once stood empty then: the canvas had got its new
size (a panel opened for the selection, or the quality fell because frames were slow), and the frame that fills it waited.
"""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# Frames come 400 ms late, as under load. After each task that emptied the canvas, somebody must have drawn into it.
SLOW = """
const late = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (then) => late(() => setTimeout(() => then(performance.now()), 400));
window.emptied = { times: 0, left: 0 };
let drawn = true;
for (const name of ["width", "height"]) {
  const own = Object.getOwnPropertyDescriptor(HTMLCanvasElement.prototype, name);
  Object.defineProperty(HTMLCanvasElement.prototype, name, { ...own, set(value) {
    own.set.call(this, value);
    if (this.id !== "canvas" || !window.twinstage || !window.twinstage.ready) return;
    window.emptied.times++;
    drawn = false;
    const look = new MessageChannel();
    look.port1.onmessage = () => { if (!drawn) window.emptied.left++; };
    look.port2.postMessage(0);
  } });
}
for (const name of ["drawElements", "drawElementsInstanced", "drawArrays", "drawArraysInstanced"]) {
  const own = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...rest) {
    if (this.canvas.id === "canvas") drawn = true;
    return own.apply(this, rest);
  };
}
"""


def test_a_selected_prim_in_the_address_and_slow_frames_leave_no_empty_picture(
    browser: Any, live: Any, until: Callable[..., Any]
) -> None:
    context = browser.new_context(viewport={"width": 860, "height": 480})
    page = context.new_page()
    page.add_init_script(SLOW)
    page.goto(f"{live.url}#selected=/Cell/Belt/Motor")
    page.set_viewport_size({"width": 820, "height": 460})  # while it loads
    until(page, "!!(window.twinstage && twinstage.ready)", 60)
    assert page.evaluate("twinstage.selected") == "/Cell/Belt/Motor"
    page.set_viewport_size({"width": 700, "height": 420})
    page.evaluate("twinstage.select('/Cell/Agv1')")
    # Frames this slow lower the quality, which is a new size as well.
    for turn in range(12):
        live.say(belt_speed=1.0 + 0.1 * turn)
        page.wait_for_timeout(400)
    until(page, "emptied.times >= 4")
    assert page.evaluate("emptied.left") == 0
    assert page.evaluate("twinstage.selected") == "/Cell/Agv1"
    live.rest()
    context.close()
