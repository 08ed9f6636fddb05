"""One line an event, as JSON: who came, who was refused, who changed what. A token's text is in none of them."""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from twinstage.sync.access.roles import Identity, Refusal

log = logging.getLogger("twinstage.audit")
Write = Callable[[str], None]


class Audit:
    """Where the lines go is `write`; the product's log where None."""

    def __init__(self, now: Callable[[], datetime], write: Write | None = None) -> None:
        self._now = now
        self._write = write or log.info

    def signed_in(self, who: Identity, via: str) -> None:
        """Somebody came: `via` bearer, hello, subprotocol or form."""
        self._say("signed_in", who=_person(who), via=via, address=who.address)

    def signed_out(self, who: Identity, reason: str) -> None:
        """A session ended because its token does not count any more, or because its owner left."""
        self._say("signed_out", who=_person(who), reason=reason, address=who.address)

    def refused(self, refusal: Refusal, *, address: str, what: str, who: Identity | None = None) -> None:
        """Somebody was not let in, or may not do that. `what`: method and path, without the query."""
        fields: dict[str, Any] = {"reason": refusal.reason, "what": what, "address": address}
        self._say("refused", **fields, **({} if who is None else {"who": _person(who)}))

    def changed(self, who: Identity, what: str, outcome: str = "done", **more: Any) -> None:
        """Somebody changed something, or tried: `outcome` done, or why not."""
        self._say("changed", who=_person(who), what=what, outcome=outcome, address=who.address, **more)

    def tokens_read(self, problem: str) -> None:
        """The token file became unreadable, so that nobody is let in; or readable again (an empty text)."""
        self._say(
            "tokens_unreadable" if problem else "tokens_readable", **({"problem": problem} if problem else {})
        )

    def _say(self, event: str, **fields: Any) -> None:
        stamp = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._write(json.dumps({"at": stamp, "event": event, **fields}, separators=(",", ":")))


def _person(who: Identity) -> dict[str, str]:
    token = {"token": who.token_id} if who.token_id else {}
    return {"name": who.name, "role": who.role.word, **token}
