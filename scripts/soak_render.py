"""Labels of every USD file of the shared assets, judged by Mitsuba's first hits, by Blender's import and by their own promises.

A worker process opens each file and takes three views; a second one, on one core with one thread, must give the same bytes.
One JSON line a file goes to out/soak/render.jsonl; started again, it goes on with the files that are missing there
(--fresh begins anew). Then instance masks of real stages are compared with those of Blender's own import, and
docs/exactness.md can be made from the log (--page). Exit 1 if anything differs, fails or takes too long.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
LOG = ROOT / "out" / "soak" / "render.jsonl"
ASSETS = ROOT.parent / "shared" / "assets"
LIMIT_S = 90.0
"""For one file, with all its views."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS", "EMBREE_NUM_THREADS")


def work(pipe: Connection, alone: bool) -> None:
    """A worker: gets (file, size), gives one dict each; None ends it. `alone`: one core, one thread, digests only."""
    if alone:
        for name in THREADS:
            os.environ[name] = "1"
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    from exactness.survey import digests, survey

    from twinstage.base.errors import UserError

    while (job := pipe.recv()) is not None:
        name, size = job
        begin = time.process_time()
        row: dict[str, Any] = {"file": name, "state": "equal", "views": [], "problems": []}
        try:
            if alone:
                row["digests"] = digests(ASSETS / name, ASSETS, size)
            else:
                views = survey(ASSETS / name, ASSETS, size)
                row["views"] = [view.as_dict() for view in views]
                row["problems"] = [f"{name} | {text}" for view in views for text in view.problems]
                row["state"] = "different" if row["problems"] else "equal" if views else "empty"
        except UserError as refusal:
            row |= {"state": "refused", "reason": str(refusal).replace(str(ASSETS), "...")}
        row["seconds"] = round(time.process_time() - begin, 3)
        pipe.send(row)


class Worker:
    """A worker process, made when it is needed, and anew after a file that crashed it or ran out of time."""

    def __init__(self, alone: bool) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._alone = alone
        self._process: Any = None

    def _start(self) -> None:
        self._pipe, far = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(far, self._alone), daemon=False)
        self._process.start()
        far.close()

    def ask(self, name: str, size: tuple[int, int]) -> None:
        """Begin with one file."""
        if self._process is None:
            self._start()
        self._pipe.send((name, size))

    def answer(self, name: str) -> dict[str, Any]:
        """The row of that file; a state of `crashed` or `late` where there is none."""
        state = "late"
        if self._pipe.poll(LIMIT_S):
            try:
                return dict(self._pipe.recv())
            except EOFError:
                state = "crashed"
        self._process.kill()
        self._process.join()
        self._process = None
        return {
            "file": name,
            "state": state,
            "views": [],
            "problems": [f"{name} | {state} within {LIMIT_S:.0f} s"],
        }

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._pipe.send(None)
            self._process.join(30)


def examine(worker: Worker, second: Worker, name: str, size: tuple[int, int]) -> dict[str, Any]:
    """One file by both workers."""
    worker.ask(name, size)
    second.ask(name, size)
    row, other = worker.answer(name), second.answer(name)
    same = {view["view"]: view["digest"] for view in row["views"]} == other.get("digests", {})
    if row["state"] in ("equal", "different") and not same:
        row["problems"].append(f"{name} | labels of another process with one thread have other bytes")
        row["state"] = "different"
    return row


def done(log: Path) -> dict[str, dict[str, Any]]:
    """What the log holds, by file."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return {row["file"]: row for row in map(json.loads, lines)}


def analytic(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each scene of known answer."""
    from exactness.cases import CASES, run
    from exactness.flow_cases import FLOW_CASES, run_flow

    jobs = [
        (f"analytic:{kind}, {place}, {eye}", place, eye, partial(run, kind, place, eye))
        for kind, place, eye in CASES
    ]
    jobs += [
        (f"analytic:flow, {eye}, {move}", move, eye, partial(run_flow, eye, move)) for eye, move in FLOW_CASES
    ]
    for name, place, eye, job in jobs:
        if name not in known:
            report = job()
            problems = [f"{name} | {text}" for text in report.problems]
            state = "different" if problems else "equal"
            row = {"file": name, "state": state, "views": [], "place": place, "eye": eye}
            yield row | {"figures": report.figures, "problems": problems}


def files(only: str) -> list[str]:
    """The files of the manifest whose name holds one of the words."""
    from conformance.files import manifest

    words = only.split(",")
    return [row.file for row in manifest(ASSETS) if any(word in row.file for word in words)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="forget the log")
    parser.add_argument("--no-blender", action="store_true", help="leave Blender out")
    parser.add_argument("--no-analytic", action="store_true", help="leave the scenes of known answers out")
    parser.add_argument("--page", action="store_true", help="write docs/exactness.md from the log")
    parser.add_argument("--log", type=Path, default=LOG, help="the JSON lines that it goes on from")
    parser.add_argument("--only", default="", help="files whose name holds this, or one of these (a,b)")
    parser.add_argument("--size", default="320x240", help="of the pictures [px]")
    arguments = parser.parse_args()
    if not ASSETS.is_dir():
        print("soak: the shared asset folder ../shared is absent", file=sys.stderr)
        return 2
    from exactness.page import summary, write_page

    width, height = map(int, arguments.size.split("x"))
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    if arguments.fresh:
        arguments.log.unlink(missing_ok=True)
    known, names = done(arguments.log), files(arguments.only)
    worker, second = Worker(False), Worker(True)
    with arguments.log.open("a", encoding="utf-8") as log:

        def keep(row: dict[str, Any]) -> None:
            known[row["file"]] = row
            log.write(json.dumps(row) + "\n")
            log.flush()

        for name in names:
            if name not in known:
                keep(examine(worker, second, name, (width, height)))
        worker.close()
        second.close()
        if not arguments.no_analytic:
            for row in analytic(known):
                keep(row)
        if not arguments.no_blender:
            from exactness.blender import compared, fitting

            drawn = [n for n in names if f"blender:{n}" not in known and known[n]["views"]]
            for row in compared(ASSETS, fitting(ASSETS, drawn), (width, height)):
                keep(row)
    wanted = {*names, *(f"blender:{name}" for name in names)}
    rows = [row for row in known.values() if row["file"] in wanted or row["file"].startswith("analytic:")]
    if arguments.page:
        write_page(ROOT / "docs" / "exactness.md", rows)
    return summary(rows)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
