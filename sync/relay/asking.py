"""Questions to the twin, and long answers put together from their pieces."""

from collections.abc import Callable, Mapping
from typing import Any

from twinstage.sync.relay.bus import Bus, NoAnswer
from twinstage.sync.relay.envelope import CHUNK, EnvelopeError, pack, unpack

TIMEOUT_S = 5.0
MOST_BYTES = 512 << 20
"""Longest answer that is put together [B]."""


class Refusal(Exception):
    """The twin does not give what was asked; `status` as in HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Asker:
    """Asks one twin."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus, self._subject = bus, f"{subject}.ask"

    async def ask(
        self,
        head: Mapping[str, Any],
        body: bytes = b"",
        *,
        timeout_s: float = TIMEOUT_S,
        most: int = MOST_BYTES,
        on_first: Callable[[dict[str, Any]], None] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Head and body of the answer. Raises NoAnswer, Refusal."""
        answer, data = await self._once(pack(head, body), timeout_s)
        if on_first is not None:
            on_first(answer)
        size = int(answer["size"])
        if size > most:
            raise Refusal(503, f"the twin's answer has {size} bytes, more than a relay takes")
        parts, have = [data], len(data)
        while have < size:
            question = pack({"id": answer["id"], "offset": have})
            _, data = await self._again(question, timeout_s)
            if not data or len(data) > CHUNK:
                raise NoAnswer("the twin's answer is not whole")
            parts.append(data)
            have += len(data)
        return answer, parts[0] if len(parts) == 1 else b"".join(parts)

    async def _again(self, question: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """A lost piece is asked for once more; the last one is kept no longer than it was answered."""
        try:
            return await self._once(question, timeout_s)
        except NoAnswer:
            return await self._once(question, timeout_s)

    async def _once(self, question: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        try:
            answer, data = unpack(await self._bus.ask(self._subject, question, timeout_s))
        except EnvelopeError as error:
            raise NoAnswer(f"the twin's answer made no sense: {error}") from None
        if "error" in answer:
            raise Refusal(int(answer.get("status", 500)), str(answer["error"]))
        return answer, data
