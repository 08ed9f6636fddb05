"""A sink that remembers what it was told, and fails when it is asked to: for tests and for trying settings out."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PrivateAttr

from twinstage.telemetry.sinks.base import SINKS, Message, SendError, Sink


@SINKS.register
class FakeSink(Sink):
    """Keeps messages in `sent`. `fail`: that many attempts fail first; `final`: they say that trying again is no use."""

    kind: Literal["fake"] = "fake"
    fail: int = 0
    final: bool = False
    _sent: list[Message] = PrivateAttr(default_factory=list)
    _attempts: list[int] = PrivateAttr(default_factory=list)

    @property
    def sent(self) -> list[Message]:
        """What was taken, in order."""
        return self._sent

    @property
    def attempts(self) -> list[int]:
        """How many messages each attempt had."""
        return self._attempts

    def send(self, messages: Sequence[Message]) -> None:
        """Remember them, or fail."""
        self._attempts.append(len(messages))
        if len(self._attempts) <= self.fail:
            raise SendError("asked to fail", again=not self.final)
        self._sent.extend(messages)
