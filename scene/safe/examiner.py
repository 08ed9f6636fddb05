"""The parent's side of the child that tries foreign files: requests out, outcomes in, another child after a fault.

One child serves any number of files, so a file costs a fork and not a new interpreter. `shared_examiner` is the one that
opening a stage uses; it starts at the first file, and its child ends by itself when nothing comes for a while.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Literal, Protocol

from twinstage.base.errors import TwinstageError

SCENE_TASK = "twinstage.scene.safe.child:scene_task"
KEPT = (
    *("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    *("DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "MUJOCO_GL"),
)
KEPT_STARTS = ("LC_", "PXR_", "PYTHON")
"""Variables of the environment that children which read foreign files are given, and how the names of others begin."""
START_S = 120.0
"""A child that is not ready by then is given up [s]."""
GRACE_S = 5.0
"""Time beyond its limit after which a child that should have ended its fork is itself ended [s]."""

Outcome = Literal["ok", "refused", "time", "memory", "crash", "failure"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "refused", "time", "memory", "crash", "failure")


class Limits(Protocol):
    """What a file may use: wall-clock time [s] and address space [bytes]."""

    @property
    def time_s(self) -> float: ...

    @property
    def memory(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Examination:
    """What became of one file.

    outcome: "ok"; "refused" (a user's sentence in `message`); ended by the limit of "time" or "memory"; "crash" of the
    USD library; "failure", a defect of ours. `seconds` of wall-clock time; `peak_memory` resident [bytes], 0 if unknown.
    """

    outcome: Outcome
    message: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0


class Examiner:
    """One reused child. Safe to call from several threads; calls wait for each other.

    The child ends with `close`, and with an examiner that nobody holds any more.
    """

    def __init__(self, *, fork: bool | None = None, landlock: bool = True) -> None:
        # Forking after loading large libraries is sound on Linux alone.
        self.fork = sys.platform.startswith("linux") if fork is None else fork
        self.landlock = landlock
        self.started = 0
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ending: weakref.finalize[..., Examiner] | None = None
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._owner = os.getpid()

    def examine(self, task: str, request: dict[str, Any], limits: Limits) -> Examination:
        """Run a task of the child over a request. Raises TwinstageError only where no child can be started."""
        line = {
            **request,
            "task": task,
            "time_s": limits.time_s,
            "memory": limits.memory,
            "landlock": self.landlock,
        }
        with self._lock:
            for again in (True, False):
                self._ensure()
                begun = time.monotonic()
                answer = self._ask(json.dumps(line).encode() + b"\n", limits.time_s)
                if answer is not None:
                    return _examination(answer)
                # It may have ended for idleness just before it was asked; then a new one is asked once more.
                early = time.monotonic() - begun < min(limits.time_s, 0.5) and self._ended_well()
                outcome = self._give_up()
                if not (again and early):
                    return Examination(*outcome, seconds=time.monotonic() - begun)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the child."""
        with self._lock:
            if self._owner == os.getpid():
                self._kill()
            self._child = None

    def __enter__(self) -> "Examiner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ensure(self) -> None:
        if self._owner != os.getpid():  # after a fork of ours the child belongs to the other process
            self._child, self._owner = None, os.getpid()
        if self._child is not None and self._child.poll() is None:
            return
        self._kill()
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "twinstage.scene.safe.child", "fork" if self.fork else "plain"]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        self._ending = weakref.finalize(self, _end_of, self._child, os.getpid())
        self.started += 1
        self._lines = SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._child, self._lines), daemon=True).start()
        try:
            ready = self._lines.get(timeout=START_S)
        except Empty:
            ready = b""
        if not ready:
            self._kill()
            raise TwinstageError("the process that tries foreign files does not start")

    def _ask(self, line: bytes, seconds: float) -> dict[str, Any] | None:
        """The child's answer; None where it ended, or did not answer in time."""
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line)
            self._child.stdin.flush()
            answer = self._lines.get(timeout=seconds + (GRACE_S if self.fork else 0.0))
            return dict(json.loads(answer)) if answer else None
        except (OSError, Empty, ValueError):
            return None

    def _ended_well(self) -> bool:
        try:
            return self._child is not None and self._child.wait(0.1) == 0
        except subprocess.TimeoutExpired:
            return False

    def _give_up(self) -> tuple[Outcome, str]:
        assert self._child is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0.1)
        code = self._child.poll()
        self._kill()
        if code is None:
            return "time", ""
        return ("crash", f"signal {-code}") if code < 0 else ("failure", f"exit {code}")

    def _kill(self) -> None:
        self._child = None
        if self._ending is not None:
            self._ending()  # once


def _end_of(child: "subprocess.Popen[bytes]", owner: int) -> None:
    """End the child of the process `owner`, and take its exit status: what is never asked for it stays a zombie."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()


def _examination(answer: dict[str, Any]) -> Examination:
    outcome: Outcome = next((name for name in OUTCOMES if name in answer), "failure")
    value = answer.get(outcome, "no outcome")
    return Examination(
        outcome,
        value if isinstance(value, str) else "",
        value if isinstance(value, dict) else {"value": value},
        float(answer.get("seconds", 0.0)),
        int(answer.get("peak_memory", 0)),
    )


def _read_lines(child: "subprocess.Popen[bytes]", lines: "SimpleQueue[bytes]") -> None:
    assert child.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        for line in child.stdout:
            lines.put(line)
    lines.put(b"")


def kept_environment() -> dict[str, str]:
    """What a child that reads foreign files may know of this process's environment: no tokens, no passwords."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in KEPT or name.startswith(KEPT_STARTS)
    }


def _environment() -> dict[str, str]:
    """The environment for a child that is to import this package."""
    # The child must find this package also where the parent was started with a changed sys.path. One thread: forks of
    # a process that has others may wait for them for ever.
    paths = [p for p in sys.path if p]
    return {
        **kept_environment(),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONIOENCODING": "utf-8",
        "PXR_WORK_THREAD_LIMIT": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PXR_USDC_EMIT_DEPRECATION_WARNINGS": "0",
    }


_shared: Examiner | None = None
_shared_lock = threading.Lock()


def shared_examiner() -> Examiner:
    """The examiner that opening stages uses in this process."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Examiner()
            atexit.register(_shared.close)
        return _shared
