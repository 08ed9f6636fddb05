"""The client for programs without an event loop: it runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

from twinstage.scene.columns import F8
from twinstage.sync import messages as m
from twinstage.sync.client import Client, Digests, connect
from twinstage.sync.model import Tick, Value

P = ParamSpec("P")
T = TypeVar("T")


class SyncClient:
    """`with SyncClient("http://127.0.0.1:8000") as client: client.frame(); client.world("/Cell/AGV1")`.

    The same as `client.Client`, call by call; each call runs on the client's own loop, so it sees whole ticks
    only.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        token: str | None = None,
        ca_file: str | Path | None = None,
        interest: m.Interest | None = None,
        rate: float | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="twinstage client", daemon=True)
        self._thread.start()
        self._link: AbstractAsyncContextManager[Client] = connect(
            url, timeout=timeout, interest=interest, rate=rate, token=token, ca_file=ca_file
        )
        try:
            self._client = self._call(self._link.__aenter__())
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the link and its thread."""
        if self._thread.is_alive():
            self._call(self._link.__aexit__(None, None, None))
            self._end()

    @property
    def scene(self) -> dict[str, Any]:
        """The document of `/api/scene`."""
        return self._client.scene

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return self._client.connected

    @property
    def away(self) -> m.Away | None:
        """Since when a relay cannot reach its twin; None while it can."""
        return self._client.away

    def frame(self, timeout: float | None = None) -> Tick:
        """The newest tick applied since the last call, or the next one; TimeoutError after `timeout` [s]."""
        return self._call(self._client.frame(timeout))

    def local(self, path: str, point_id: int | None = None) -> F8:
        """parent_from_node f8[4, 4] [m]."""
        return self._call(_later(self._client.local, path, point_id))

    def world(self, path: str, point_id: int | None = None) -> F8:
        """world_from_node f8[4, 4] [m]."""
        return self._call(_later(self._client.world, path, point_id))

    def value(self, signal_id: str) -> Value:
        """Newest value of a signal."""
        return self._call(_later(self._client.value, signal_id))

    def age(self) -> float | None:
        """Age of the newest pose change that is shown, by its source time [s]; None before the first."""
        return self._call(_later(self._client.age))

    def interest(
        self,
        *,
        prims: list[str] | None = None,
        labels: list[str] | None = None,
        signals: list[str] | None = None,
    ) -> None:
        """From now on only of those prims (globs), class labels and signals (globs); None: no filter."""
        self._call(self._client.interest(prims=prims, labels=labels, signals=signals))

    def rate(self, hz: float | None) -> None:
        """No more ticks a second than that; None: as many as there are."""
        self._call(self._client.rate(hz))

    def digest(self, timeout: float | None = 10.0) -> Digests:
        """What the server and this client hold, hashed at the same tick."""
        return self._call(self._client.digest(timeout))

    def command(
        self, kind: str, *, base: int | None = None, timeout: float | None = 10.0, **fields: Any
    ) -> m.Answer:
        """Have something changed (docs/commands.md); CommandError where it is not done."""
        return self._call(self._client.command(kind, base=base, timeout=timeout, **fields))

    def move(
        self,
        path: str,
        *,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        frame: Literal["parent", "world"] = "parent",
        base: int | None = None,
    ) -> m.Answer:
        """Move a prim: x, y, z [m], w, x, y, z, factors; what is left out stays."""
        work = self._client.move(
            path, position=position, rotation=rotation, scale=scale, frame=frame, base=base
        )
        return self._call(work)

    def set(
        self, path: str, property: str, value: Any, *, value_type: str | None = None, base: int | None = None
    ) -> m.Answer:
        """Set a property, in SI; `value_type`: USD type of a new one."""
        return self._call(self._client.set(path, property, value, value_type=value_type, base=base))

    def place(
        self,
        asset: str,
        *,
        parent: str | None = None,
        name: str | None = None,
        path: str | None = None,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        frame: Literal["parent", "world"] = "parent",
        label: str | None = None,
        base: int | None = None,
        twin: str | None = None,
    ) -> m.Answer:
        """Place an asset of a library (`LIBRARY/file`): x, y, z [m], w, x, y, z; `answer.placed` has its path."""
        work = self._client.place(
            asset,
            parent=parent,
            name=name,
            path=path,
            position=position,
            rotation=rotation,
            frame=frame,
            label=label,
            base=base,
            twin=twin,
        )
        return self._call(work)

    def remove(self, path: str, *, base: int | None = None) -> m.Answer:
        """Take away what was placed, with all edits at and below it."""
        return self._call(self._client.remove(path, base=base))

    def undo(self, of: int | None = None) -> m.Answer:
        """Take back the newest of one's own transactions, or that of version `of`."""
        return self._call(self._client.undo(of))

    def redo(self, of: int | None = None) -> m.Answer:
        """Do again what was taken back last, or version `of`."""
        return self._call(self._client.redo(of))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _later(method: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    return method(*arguments, **named)
