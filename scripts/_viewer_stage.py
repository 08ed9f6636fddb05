"""A browser for scripts/viewer_pictures.py: pages that draw only when a picture is taken, and what must not be seen in one.

Without a GPU one whole frame takes seconds, and a page that draws all the time falls behind the twin. So pages draw nothing
until `shoot`: script, stream and layout run at full speed meanwhile, and the picture is one frame of high quality.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 150_000
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
WIDE = (1280, 760)
CONTENT = "!!(window.twinstage && twinstage.ready)"
OLDEST_S = 240
FULL_RATE = "twinstage.stats.hz >= 60 && twinstage.stats.latency < 200"

# `pictures.still`: the screen is not drawn to; images that later frames need (surroundings, shadows) are, until the page is
# complete.
# `pictures.halted`: frames, timers and messages wait, so that words and picture are of one moment.
INIT = """(() => {
  const pictures = (window.pictures = { still: true, halted: false, asked: 0, waiting: [] });
  const gl = WebGL2RenderingContext.prototype;
  let target = null;
  const bind = gl.bindFramebuffer;
  gl.bindFramebuffer = function (kind, buffer) {
    if (kind !== this.READ_FRAMEBUFFER) target = buffer;
    bind.call(this, kind, buffer);
  };
  const skipped = () => pictures.still && (target === null || (window.twinstage && window.twinstage.ready));
  for (const name of ["drawElements", "drawArrays", "drawElementsInstanced", "drawArraysInstanced", "clear"]) {
    const draw = gl[name];
    gl[name] = function (...all) { if (!skipped()) draw.apply(this, all); };
  }
  const later = (run) => (...all) => (pictures.halted ? pictures.waiting.push(() => run(...all)) : run(...all));
  const { requestAnimationFrame: frame, setTimeout: timeout, setInterval: interval, fetch: ask } = window;
  window.requestAnimationFrame = (run) => frame.call(window, later(run));
  window.setTimeout = (run, ms, ...all) => timeout.call(window, typeof run === "function" ? later(() => run(...all)) : run, ms);
  window.setInterval = (run, ms, ...all) => interval.call(window, () => { if (!pictures.halted) run(...all); }, ms);
  window.fetch = async (...all) => {
    pictures.asked++;
    try { return await ask.apply(window, all); } finally { pictures.asked--; }
  };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...all) {
      super(...all);
      this.addEventListener("message", (event) => {
        if (!pictures.halted) return;
        event.stopImmediatePropagation();
        pictures.waiting.push(() => this.dispatchEvent(new MessageEvent("message", { data: event.data })));
      });
    }
  };
  pictures.draw = () => {
    pictures.still = false;
    window.twinstage?.drawing?.draw();
    pictures.still = true;
    pictures.halted = true;
  };
  pictures.go = () => {
    pictures.halted = false;
    for (const run of pictures.waiting.splice(0)) run();
  };
})()"""
CLOSE_BANNER = """() => {
  for (let k = 0; k < 9; k++) document.querySelector('.alarm-banner:not([hidden]) .alarm-banner-close')?.click();
}"""

# What a person would see of trouble: [where, text].
SEEN = """() => {
  const there = (e) => e.getClientRects().length > 0 && e.innerText.trim() !== "";
  const all = ["#banner", "#card", "#notices > *", ".alarm-banner", ".label[data-look=alarm]", "#link-text", ".watch-bar"];
  return all.flatMap((where) => [...document.querySelectorAll(where)].filter(there).map((e) => [where, e.innerText.trim()]));
}"""
UNWANTED = {
    "#banner": ".",
    "#card": ".",
    "#notices > *": ".",
    "#link-text": "^(?!Live|Recording)",
    "": "silent",
}
"""What no picture shows unless it is its subject: where ("": anywhere), and which text."""


class Unfit(Exception):
    """What is seen is not what the picture is about; the message says what."""


class Missing(Exception):
    """What the picture needs is not on this machine; the message names it."""


def wait(page: Any, expression: str, seconds: float = 90.0) -> None:
    """Polls from outside: the page's policy forbids what Playwright does inside it. Unfit when the time is over."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise Unfit(f"still not after {seconds:.0f} s: {expression}")
        page.wait_for_timeout(60)


def soon(page: Any, expression: str, seconds: float) -> bool:
    """Whether that is so within the time; for what a picture is better with, and good enough without."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            return False
        page.wait_for_timeout(60)
    return True


def still(page: Any, expression: str, seconds: float = 0.4) -> None:
    """Waits until what it gives has not changed for that long; what follows something never stands still."""
    before, since, deadline = page.evaluate(expression), time.monotonic(), time.monotonic() + 4
    while time.monotonic() - since < seconds and time.monotonic() < deadline:
        page.wait_for_timeout(80)
        if (now := page.evaluate(expression)) != before:
            before, since = now, time.monotonic()


@dataclass
class Stage:
    """A browser and, from its first use on, a running demo; `page` opens one, `shoot` keeps what is seen."""

    browser: Any
    folder: Path
    begin_demo: Callable[[ExitStack, bool], str]
    """Starts a demo, in which something has happened if that is asked for; its address."""
    calm: Callable[[str, bool], None] = lambda url, loud: None
    """Acknowledges the demo's alarms, or only those that come from a busy machine."""
    loud: bool = False
    """The state is about alarms, or better with some."""
    made: list[Path] = field(default_factory=list)
    held: ExitStack = field(default_factory=ExitStack)
    begun: float = 0.0
    running: str = ""

    def begin(self, loud: bool) -> None:
        """Before each state. A demo that is so old that it has had more alarms than people can follow is ended."""
        self.loud = loud
        if self.running and time.monotonic() - self.begun > OLDEST_S:
            self.held.close()
            self.running = ""
        if self.running:
            try:
                self.calm(self.running, loud)
            except OSError:  # it has ended; who needs one gets another
                self.running = ""

    @property
    def url(self) -> str:
        """Address of the demo."""
        if not self.running:
            self.begun = time.monotonic()
            self.running = self.begin_demo(self.held, self.loud)
            self.calm(self.running, self.loud)
        return self.running

    def bare(self, *, size: tuple[int, int] = WIDE, **context: Any) -> Any:
        """A page that has not gone anywhere."""
        made = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        made.add_init_script(INIT)
        page = made.new_page()
        page.set_default_timeout(120_000)
        return page

    def page(
        self,
        fragment: str = "",
        *,
        url: str = "",
        size: tuple[int, int] = WIDE,
        kept: str = "",
        **context: Any,
    ) -> Any:
        """The viewer (of the demo, unless another address is named) at that address part, once all of it is there.

        `kept`: a script that runs before, such as one that fills the browser's storage.
        """
        page = self.bare(size=size, **context)
        if kept:
            page.context.add_init_script(kept)
        page.goto(f"{url or self.url}?quality=high" + (f"#{fragment}" if fragment else ""))
        wait(page, CONTENT)
        return page

    def shoot(
        self, page: Any, name: str, *, wants: Sequence[str] = (), then: bool = False, **clip: Any
    ) -> None:
        """Writes NAME, `viewer-NAME.jpg` unless it has an ending, small enough for the repository, and closes the page.

        `wants`: words of a message that is the picture's subject; any other is Unfit. `then`: the page goes on.
        """
        settle(page, wants)
        if not self.loud:  # an alarm that came since `calm` would lie over the subject
            page.evaluate(CLOSE_BANNER)
        check(page, wants)
        for frame in page.frames:
            frame.evaluate("window.pictures?.draw()")
        path = self.folder / (name if "." in name else f"viewer-{name}.jpg")
        save(page, path, clip)
        check(page, wants)
        self.made.append(path)
        if then:
            for frame in page.frames:
                frame.evaluate("window.pictures?.go()")
        else:
            page.context.close()


def settle(page: Any, wants: Sequence[str]) -> None:
    """Nothing is asked for, the camera stands, the twin's full rate has come back, fonts, images are there, messages gone."""
    if not wants:
        soon(page, "document.querySelectorAll('#notices > :not([data-level=error])').length === 0", 9)
    page.evaluate("document.fonts.ready.then(() => true)")
    for frame in page.frames:
        soon(frame, "!window.pictures || pictures.asked === 0", 6)
        wait(frame, "[...document.images].every((one) => one.complete || one.loading === 'lazy')", 30)
        if frame.evaluate("!!window.twinstage?.cameraView"):
            still(frame, "JSON.stringify(twinstage.cameraView())")
        if frame.evaluate(
            "window.twinstage?.link === 'live' && twinstage.stats.hz > 0 && !twinstage.recorded"
        ):
            soon(frame, FULL_RATE, 12)
            page.wait_for_timeout(600)


def check(page: Any, wants: Sequence[str]) -> None:
    """Unfit where a message is seen that is not what the picture is about."""
    for frame in page.frames:
        for where, text in frame.evaluate(f"({SEEN})()"):
            if any(word in text for word in wants):
                continue
            for place, pattern in UNWANTED.items():
                if place in ("", where) and re.search(pattern, text):
                    raise Unfit(f"it shows {' '.join(text.split())!r}")


def save(page: Any, path: Path, clip: dict[str, Any]) -> None:
    """A JPEG of less than MOST_BYTES, or a PNG of at most 256 colours where that is its name."""
    if path.suffix == ".png":
        from io import BytesIO

        from PIL import Image

        with Image.open(BytesIO(page.screenshot(**clip))) as shot:
            shot.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        return
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(page.screenshot(**clip))) as shot:
        rgb = shot.convert("RGB")
        for quality in (88, 82, 74, 66, 58):
            rgb.save(path, quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
            if path.stat().st_size < MOST_BYTES:
                return
    raise Unfit(f"{path.name} stays larger than {MOST_BYTES} bytes: shoot a smaller part")
