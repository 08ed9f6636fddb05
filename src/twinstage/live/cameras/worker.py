"""The rendering process seen from the server: started when it is needed, one job at a time, ended when it is not."""

import asyncio
import logging
import pickle
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from twinstage.base.errors import TwinstageError
from twinstage.live.cameras.child import FAILED, HEAD, JOB, JPEG, REFUSED, SCENE, Job

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot

log = logging.getLogger("twinstage.live")

PATIENCE_S = 120.0
"""The longest that a picture may take, the first one with its kernels included [s]."""


class Refused(TwinstageError):
    """The scene or the camera cannot be rendered; a sentence for the client."""


class Worker:
    """A child process with one engine. Belongs to one event loop; callers wait for each other."""

    def __init__(self, engine: str) -> None:
        self._command = [sys.executable, "-m", "twinstage.live.cameras.child", engine]
        self._child: asyncio.subprocess.Process | None = None
        self._scene: Snapshot | None = None
        self._turn = asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.returncode is None

    async def picture(self, scene: "Snapshot", job: Job) -> bytes:
        """A JPEG of the scene; it travels to the child where that has another one.

        Raises:
            Refused: the job cannot be done, in one sentence.
            TwinstageError: the child ended or did not answer; the next job gets a new one.
        """
        async with self._turn:
            try:
                return await asyncio.wait_for(self._picture(scene, job), PATIENCE_S)
            except (OSError, EOFError, TimeoutError) as error:
                code = None if self._child is None else self._child.returncode
                await self.stop()
                how = f"ended with code {code}" if code is not None else "does not answer"
                raise TwinstageError(f"the process that renders cameras {how}") from error
            except asyncio.CancelledError:
                await self.stop()  # it is in the middle of an answer that nobody would read
                raise

    async def _picture(self, scene: "Snapshot", job: Job) -> bytes:
        child = await self._started()
        assert child.stdin is not None and child.stdout is not None
        if self._scene is not scene:
            # Off the loop: a large scene takes a while to put into bytes.
            data = await asyncio.to_thread(pickle.dumps, scene, pickle.HIGHEST_PROTOCOL)
            child.stdin.write(HEAD.pack(SCENE, len(data)))
            child.stdin.write(data)
            await child.stdin.drain()
            self._scene = scene
        data = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
        child.stdin.write(HEAD.pack(JOB, len(data)) + data)
        await child.stdin.drain()
        kind, length = HEAD.unpack(await child.stdout.readexactly(HEAD.size))
        answer = await child.stdout.readexactly(length)
        if kind == JPEG:
            return answer
        if kind == REFUSED:
            raise Refused(answer.decode())
        assert kind == FAILED
        log.error("a camera could not be rendered:\n%s", answer.decode())
        raise Refused("this camera could not be rendered; the server's log says why")

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is None or self._child.returncode is not None:
            self._scene = None
            pipe = asyncio.subprocess.PIPE
            # A session of its own: Ctrl-C in the terminal reaches only us, and we end the child in an orderly way.
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, start_new_session=True
            )
        return self._child

    async def stop(self) -> None:
        """End the child, if there is one; it holds nothing that would have to be saved."""
        child, self._child, self._scene = self._child, None, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
