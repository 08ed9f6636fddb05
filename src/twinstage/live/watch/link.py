"""The twin's end of the watching process: messages out, answers in, with a limit of time for each reading."""

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twinstage.live.watch.messages import Begin, Told, read_frame, to_bytes
from twinstage.scene.safe.examiner import kept_environment

log = logging.getLogger("twinstage.watch")

READ_S = 30.0
"""A saved stage that is not read by then is given up [s]."""
PRIME_S = 600.0
"""The same of the first reading, which the twin itself has done before [s]."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The child has ended. `text`: why the stage is to blame, "" where it is not known to be."""

    text: str = ""


class Idle:
    """Nothing is being read, and there is something else to do."""


IDLE = Idle()
LOOK_S = 0.025
"""Between two looks for something else [s]."""


class ChildLink:
    """One watching process."""

    def __init__(self, begin: Begin, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._stage = begin.source.stage
        self._until: float | None = None
        """When a reading that goes on has to be done."""
        environment = {**kept_environment(), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "PXR_USDC_EMIT_DEPRECATION_WARNINGS": "0"}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "twinstage.live.watch.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the twin, which then ends it
        )
        self.send(begin)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def send(self, message: Any) -> None:
        """To the child; nothing happens where it has ended."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.write(to_bytes(message))
            self._child.stdin.flush()

    def receive(
        self, limit: float = READ_S, other: Callable[[], bool] | None = None
    ) -> Told | Gone | Idle | None:
        """The next answer, however long nothing is saved; None where the twin ends.

        `limit`: how long one reading may take [s]. `other`: asked while nothing is read; IDLE once it says so.
        """
        assert self._child.stdout is not None
        end = self._child.stdout.fileno()
        until = self._until
        self._until = None
        while not self._stopped():
            left = 0.2 if until is None else min(0.2, until - time.monotonic())
            if until is None and other is not None:
                left = LOOK_S
            if left <= 0:
                self.kill()
                return Gone(f"stage {self._stage} was still not composed and read after {limit:g} s")
            if not select.select([end], [], [], left)[0]:
                if until is None and other is not None and other():
                    return IDLE
                continue
            told = read_frame(end)
            if told is None:
                return self._ended(until is not None)
            if not isinstance(told, Told):
                return Gone()
            if told.kind == "failed":
                log.error("the process that watches the stage failed: %s", told.text)
                return Gone()
            if told.kind == "composed":
                self._until = until
            if told.kind != "reading":
                return told
            until = time.monotonic() + limit
        return None

    def _ended(self, reading: bool) -> Gone:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(5)
        code = self._child.poll()
        self.kill()
        if not reading:
            return Gone()
        if code is not None and code < 0:
            return Gone(f"stage {self._stage} makes the USD library crash (signal {-code})")
        return Gone(f"stage {self._stage} could not be read by the process that watches it (exit {code})")

    def kill(self) -> None:
        """End the child."""
        with contextlib.suppress(OSError):
            os.killpg(self._child.pid, signal.SIGKILL)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._child.wait()
