"""The process that watches: `python -m twinstage.live.watch.child`, pickled frames on standard input and output.

It reads the stage once, so that later readings cost only what changed, and then looks at the files until something is
saved. It answers one question at a time: `Wait` with the next scene or complaint, `Again` with the scene of another overlay.
What hangs, crashes or swells here does no harm to the twin.
"""

import os
import select
import sys
import time
import traceback
from typing import Any

from twinstage.live.watch.files import stamp_before
from twinstage.live.watch.messages import Again, Begin, Overlay, Told, Wait, read_frame, to_bytes
from twinstage.live.watch.pack import hashes, pack
from twinstage.live.watch.reading import Broken, StageReader
from twinstage.live.watch.settling import GRACE_S, SETTLE_S, Settling, young_for

LEAST_S = 0.002
"""Between two looks while a change is about to be due [s]."""
BUSY = 20
"""Looking at the files takes at most one part in so many of the time."""


class Watcher:
    """The child's state."""

    def __init__(self, begin: Begin, out: int) -> None:
        self.begin = begin
        self.reader = StageReader(begin.source)
        self.settling = Settling()
        self.known = set(begin.known)
        self.overlay = begin.overlay
        self._out = out

    def prime(self) -> None:
        """The first reading."""
        self.say(Told("reading"))
        if self.begin.tell:
            self.again(self.overlay)
            return
        wall = time.time()
        try:
            opened, snapshot = self.reader.read(self.overlay)
        except Broken as error:
            self.reader.look_around(None)
            self._taken({}, wall)
            self.say(Told("broken", str(error), files=self.reader.files))
            return
        del opened
        self.reader.shown()
        self.reader.look_around(snapshot)
        self._taken({}, wall)
        self.say(Told("ready", files=self.reader.files))

    def wait(self, asked: Wait) -> bool:
        """Look until something is told; False where the twin says something else, or has gone."""
        self.overlay = asked.overlay
        self.settling.read |= {path: stamp for path, stamp in asked.files if path not in self.settling.read}
        self.reader.look_also(tuple(path for path, _ in asked.files))
        while True:
            begun = time.monotonic()
            stamps = self.reader.stamps()
            cost, fresh = time.monotonic() - begun, not self.settling.pending
            due = self.settling.look(stamps, begun)
            soon = self.settling.left(begun)
            if self.settling.pending:
                changed = self._changed(stamps)
                if fresh:
                    self.reader.foresee(changed)
                soon = min(soon, young_for([stamps[path] for path in changed], time.time()))
            if (due or (self.settling.pending and not soon)) and self._try(stamps, self.settling.first):
                return True
            pause = max(self.begin.poll, BUSY * cost)
            if self.settling.pending:
                pause = min(pause, max(LEAST_S, cost, soon))
            if select.select([0], [], [], pause)[0]:
                return False

    def _changed(self, stamps: dict[str, Any]) -> tuple[str, ...]:
        return tuple(path for path, stamp in stamps.items() if self.settling.read.get(path) != stamp)

    def again(self, overlay: Overlay) -> None:
        """Another overlay over the same files."""
        self.overlay = overlay
        while not self._try(self.reader.stamps(), time.monotonic()):
            time.sleep(SETTLE_S)

    def _try(self, stamps: dict[str, Any], seen: float) -> bool:
        """Read and tell; False where it is to be tried again."""
        begun, wall = time.monotonic(), time.time()
        changed = self._changed(stamps)
        self.say(Told("reading"))
        try:
            opened, snapshot = self.reader.read(
                self.overlay, lambda stage: self.say(Told("composed", clean=stage.clean))
            )
        except Broken as error:
            return self._complain(str(error), stamps, changed, seen, wall)
        read = time.monotonic()
        packed = pack(snapshot, self.known)
        if not self._rested(stamps) and read - seen < 5.0:
            self.settling.taken({path: None for path in stamps})  # it went on meanwhile
            return False
        self.known = hashes(snapshot)
        self.reader.shown()
        self.say(
            Told(
                "scene",
                scene=packed,
                overlay=self.overlay,
                clean=opened.clean,
                changed=changed,
                times=(seen, begun, read, time.monotonic()),
                shapes=self.reader.memo.read,
            )
        )
        del opened
        self.reader.look_around(snapshot)
        self._taken(stamps, wall)
        self.say(Told("ready", files=self.reader.files))
        return True

    def _rested(self, stamps: dict[str, Any]) -> bool:
        """Whether nothing changed during the reading, nor until all has rested long enough."""
        while self.reader.stamps() == stamps:
            left = self.settling.left(time.monotonic())
            if not left:
                return True
            time.sleep(min(left, self.begin.poll))
        return False

    def _taken(self, stamps: dict[str, Any], wall: float) -> None:
        """Those states were read. A file that nobody looked at before may have been saved since the reading began."""
        new = {path: stamp_before(path, wall) for path in self.reader.files if path not in stamps}
        self.settling.taken({**{path: stamps[path] for path in self.reader.files if path in stamps}, **new})

    def _complain(
        self, text: str, stamps: dict[str, Any], changed: tuple[str, ...], seen: float, wall: float
    ) -> bool:
        """After a while in which nobody goes on writing."""
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until:
            if self.reader.stamps() != stamps:
                self.settling.taken({path: None for path in stamps})
                return False
            time.sleep(min(0.05, self.begin.poll))
        self.reader.look_around(None)
        self._taken(stamps, wall)
        self.say(
            Told("broken", text, changed=changed, times=(seen, time.monotonic()), files=self.reader.files)
        )
        return True

    def say(self, told: Told) -> None:
        """To the twin."""
        view = memoryview(to_bytes(told))
        while view:
            view = view[os.write(self._out, view) :]


def main() -> int:
    """Entry point."""
    from twinstage.scene.generation import keep_bytes
    from twinstage.scene.safe.child import limit_address_space
    from twinstage.scene.safe.landlock import restrict_reads

    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    begin = read_frame(0)
    if not isinstance(begin, Begin):
        return 0
    limit_address_space(begin.memory)
    keep_bytes()
    stage = str(begin.source.stage.absolute())
    restrict_reads([os.path.dirname(stage), os.path.realpath(stage), *map(str, begin.source.roots)])
    watcher = Watcher(begin, out)
    try:
        return answer(watcher)
    except Exception as error:  # the twin logs it, and starts another of us
        place = traceback.extract_tb(error.__traceback__)[-1]
        watcher.say(Told("failed", f"{error!r} ({os.path.basename(place.filename)}:{place.lineno})"))
        return 1


def answer(watcher: Watcher) -> int:
    """Messages until the twin has gone."""
    watcher.prime()
    while True:
        asked = read_frame(0)
        if isinstance(asked, Wait):
            while not watcher.wait(asked):
                asked = read_frame(0)
                if asked is None:
                    return 0
                if isinstance(asked, Again):
                    watcher.again(asked.overlay)
                    break
        elif isinstance(asked, Again):
            watcher.again(asked.overlay)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main())
