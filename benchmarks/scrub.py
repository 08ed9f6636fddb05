"""What going through the past costs a twin: seeks on its time bar, one JSON line a figure.

    python benchmarks/scrub.py [--quick] [--history DIR]

The history is that of the bundled work cell, whose grips have a memory: ten minutes of it (`--quick`: three), made in virtual
time and kept in DIR where one is named, so that it is made once. All figures are processor time of the whole process [ms a
seek].
first: the first seek of a twin that has just been started, to the middle of its history, before it went through it by itself.
ready: what going through all of it costs, which a served twin does beside, and first_ready: the first seek after that.
near: a drag along the bar, 0.2 s a step, back and on; far: moments anywhere.
fresh: what the same moments cost without anything that is kept between two seeks; the answers are compared.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _common import figure

from twinstage.assets.library import bundled
from twinstage.base.clock import NS
from twinstage.live.api.past import PastDesk
from twinstage.live.replay import ReplayClock, replay
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.sync.api.past import PastAsk, PastTicks
from twinstage.telemetry.history.moments import iso_ns
from twinstage.telemetry.history.query import History

if TYPE_CHECKING:
    from collections.abc import Sequence

START_NS = 1_764_000_000 * NS


def files(history: Path) -> TwinFiles:
    """The work cell with a history."""
    cell = bundled("workcell")
    return TwinFiles(stage=cell / "workcell.usda", bindings=cell / "bindings.yaml", history=history)


def made(folder: Path, seconds: int) -> Path:
    """A history of that many seconds of the work cell, where there is none yet."""
    history = folder / f"workcell-{seconds}"
    if not (history / "made").exists():
        clock = ReplayClock(START_NS)
        live = open_twin(files(history), clock=clock)
        recorder = live.recorder
        assert recorder is not None
        replay(live, clock, [float(k) for k in range(1, seconds + 1)], lambda frame, at: recorder.commit())
        live.let_go()
        (history / "made").touch()
    return history


def seeks(desk: PastDesk, moments: "Sequence[int]") -> tuple[list[float], list[PastTicks]]:
    """Processor time of each [ms], and what it answered."""
    taken, answers = list[float](), list[PastTicks]()
    for moment in moments:
        begin = time.process_time()
        answers.append(asyncio.run(desk.ticks(PastAsk(at=iso_ns(moment)))))
        taken.append((time.process_time() - begin) * 1000)
    return taken, answers


def measure(live: LiveTwin, history: Path, seconds: int) -> None:
    """All figures."""
    with History(history) as opened:
        first, last = opened.span() or (0, 0)
    middle = (first + last) // 2
    where = f"{seconds} s of the work cell, {len(live.contract.quantities) if live.contract else 0} signals"
    desk = PastDesk(live, history)
    begin, _ = seeks(desk, [middle])
    figure("scrub.first", begin, "ms", where)
    begun = time.process_time()
    desk = PastDesk(live, history)
    while desk.go_on():
        pass
    gone = (time.process_time() - begun) * 1000
    figure("scrub.ready", [gone], "ms", where)
    begin, _ = seeks(desk, [middle])
    figure("scrub.first_ready", begin, "ms", where)
    steps = [middle + k * NS // 5 for k in (*range(0, -40, -1), *range(-40, 40))]
    near, answers = seeks(desk, steps)
    figure("scrub.near", near, "ms", f"{where}, 0.2 s a step, back and on", worst=round(max(near), 1))
    anywhere = np.random.default_rng(7).integers(first, last, 20).tolist()
    far, more = seeks(desk, anywhere)
    figure("scrub.far", far, "ms", f"{where}, moments anywhere", worst=round(max(far), 1))
    some = [*range(0, len(steps), 16), *range(len(steps), len(steps) + 20, 5)]
    fresh, told = list[float](), list[PastTicks]()
    for k in some:
        one, answer = seeks(PastDesk(live, history), [[*steps, *anywhere][k]])
        fresh, told = fresh + one, told + answer
    same = sum([*answers, *more][k].data == one.data for k, one in zip(some, told, strict=True))
    figure("scrub.fresh", fresh, "ms", f"{where}, nothing kept", same=f"{same} of {len(some)} to the byte")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--history", type=Path)
    asked = parser.parse_args()
    seconds = 180 if asked.quick else 600
    with tempfile.TemporaryDirectory() as name:
        history = made(asked.history or Path(name), seconds)
        live = open_twin(files(history), clock=ReplayClock(START_NS + (seconds + 1) * NS))
        measure(live, history, seconds)
        live.let_go()


if __name__ == "__main__":
    main()
