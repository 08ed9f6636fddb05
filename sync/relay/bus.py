"""The connection to NATS: comes back by itself, never keeps old messages, and says in one sentence what is wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from twinstage.base.errors import UserError
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.envelope import CHUNK, pack

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

log = logging.getLogger("twinstage.relay")
Hear = Callable[[bytes], None]
Answer = Callable[[bytes], Awaitable[bytes]]
LEAST_PAYLOAD = CHUNK + (1 << 16)
"""Longest message that NATS has to take [B]."""
MOST_AT_ONCE = 64
"""Questions that are answered at the same time; more get no answer."""
_PENDING_BYTES = 64 << 20
"""What may wait to be heard here before messages are dropped, which is noticed by their numbers [B]."""


class NoAnswer(Exception):
    """Nobody answered in time, or there is no connection."""


class Bus(Protocol):
    """Publish and ask; what `NatsBus` does."""

    @property
    def connected(self) -> bool: ...

    async def publish(self, subject: str, data: bytes) -> None:
        """Lost where there is no connection."""
        ...

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Raises NoAnswer."""
        ...


class NatsBus:
    """One connection. `hear`: what takes the messages of a subject; `answer`: who answers the questions of one."""

    def __init__(
        self,
        choices: NatsChoices,
        *,
        name: str,
        hear: tuple[str, Hear] | None = None,
        answer: tuple[str, Answer] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        _need_nats()
        choices.check()
        self._choices, self._name = choices, name
        self._hear, self._answer, self._changed = hear, answer, changed
        self._client: Client | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self.problem = "not connected yet"
        """Why there is no connection; "" where there is one."""
        self.reconnects = 0
        self._ending = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def run(self) -> None:
        """Connects, and stays connected until cancelled."""
        from nats.aio.client import Client

        client = Client()
        try:
            await client.connect(
                self._choices.url,
                name=self._name,
                error_cb=self._failed,
                disconnected_cb=self._gone,
                reconnected_cb=self._back,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,  # type: ignore[arg-type]
                connect_timeout=2,
                ping_interval=5,
                max_outstanding_pings=2,
                **self._choices.options(),
            )
            if client.max_payload < LEAST_PAYLOAD:
                raise UserError(
                    f"NATS at {self._choices.url} takes messages of {client.max_payload} bytes at most; "
                    f"`max_payload` must be {LEAST_PAYLOAD} or more (1MB is its usual value)"
                )
            if self._hear is not None:
                subject, hear = self._hear

                async def heard(message: "Msg") -> None:
                    hear(message.data)

                await client.subscribe(subject, cb=heard, pending_bytes_limit=_PENDING_BYTES)
            if self._answer is not None:
                await self._alone(client, self._answer[0])
                await client.subscribe(self._answer[0], cb=self._asked)
            await client.flush()
            self._client = client
            self._now("")
            await asyncio.Event().wait()
        finally:
            self._client, self._ending = None, True
            for task in self._answering:
                task.cancel()
            with suppress(Exception):  # whatever it is, it must not hide why we end
                await asyncio.wait_for(client.close(), 2)

    async def publish(self, subject: str, data: bytes) -> None:
        if self._client is not None and self._client.is_connected:
            with suppress(_errors()):
                await self._client.publish(subject, data)

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        if self._client is None or not self._client.is_connected:
            raise NoAnswer(f"there is no connection to NATS: {self.problem}")
        try:
            answer: bytes = (await self._client.request(subject, data, timeout=timeout_s)).data
        except (TimeoutError, _errors()) as error:
            reason = (
                "nobody publishes there"
                if "Responders" in type(error).__name__
                else f"{timeout_s:g} s passed"
            )
            raise NoAnswer(f"the twin does not answer on {subject}: {reason}") from None
        return answer

    # ------------------------------------------------------------------ inside

    async def _alone(self, client: "Client", subject: str) -> None:
        """UserError where somebody answers there already: relays must not hear two twins as one."""
        with suppress(_errors(), asyncio.TimeoutError):
            await client.request(subject, pack({"op": "clock"}), timeout=1)
            name = subject.rpartition(".")[0]
            raise UserError(
                f"another twin publishes as {name!r} already; give this one another --publish-subject"
            )

    async def _asked(self, message: "Msg") -> None:
        if message.reply and len(self._answering) < MOST_AT_ONCE:
            task = asyncio.create_task(self._reply(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _reply(self, message: "Msg") -> None:
        assert self._answer is not None
        try:
            data = await self._answer[1](message.data)
        except Exception:
            log.exception("a relay's question was not answered")
            return
        await self.publish(message.reply, data)

    async def _failed(self, error: Exception) -> None:
        if not self.connected:
            self._now(str(error) or type(error).__name__)

    async def _gone(self) -> None:
        self._now("the connection was lost")

    async def _back(self) -> None:
        self.reconnects += 1
        self._now("")

    def _now(self, problem: str) -> None:
        if problem != self.problem and not self._ending:
            self.problem = problem
            where = self._choices.url
            if problem:
                log.warning("no connection to NATS at %s: %s", where, problem)
            else:
                log.info("connected to NATS at %s", where)
            if self._changed is not None:
                self._changed()


def _need_nats() -> None:
    try:
        import nats  # noqa: F401
    except ImportError:
        raise UserError("relays need the package nats-py: pip install 'twinstage[nats]'") from None


def _errors() -> Any:
    from nats.errors import Error

    return Error
