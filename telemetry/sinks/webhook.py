"""Alarms as HTTP POSTs of JSON: one request for all messages that are due.

    {"twinstage": 1, "messages": [
        {"id": ..., "at": ..., "what": "raised", "alarm": ..., "priority": ..., "text": ..., "data": {...}}]}

With a `secret`, `X-Twinstage-Signature: sha256=<hex>` is the HMAC-SHA-256 of the body, so that the receiver knows its sender.
Redirects are not followed: what was meant for one address goes to no other.
"""

import hashlib
import hmac
import http.client
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec
from pydantic import AfterValidator, Field

from twinstage.telemetry.sinks.base import SINKS, Message, SendError, Sink
from twinstage.telemetry.sinks.secret import SecretRef, read_secret


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is no address; https://HOST/PATH was expected")
    if parts.username or parts.password:
        raise ValueError("an address holds no password; use secret or bearer with a reference")
    return text


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


@SINKS.register
class WebhookSink(Sink):
    """A POST to `url`. `secret`: signs the body; `bearer`: token for the Authorization header; `timeout` [s]."""

    kind: Literal["webhook"] = "webhook"
    url: Annotated[str, AfterValidator(_check_url)]
    secret: SecretRef | None = None
    bearer: SecretRef | None = None
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0

    def check(self) -> None:
        """Secrets must be there."""
        for reference in (self.secret, self.bearer):
            if reference is not None:
                read_secret(reference)

    def send(self, messages: Sequence[Message]) -> None:
        """One request; an answer of 2xx means that they have it."""
        body = msgspec.json.encode({"twinstage": 1, "messages": list(messages)})
        try:
            with build_opener(_NoRedirects).open(self._request(body), timeout=self.timeout) as answer:
                answer.read(65_536)
        except HTTPError as error:
            with error:
                # too many requests, or trouble over there: later; whatever else it says will not change by itself
                again = error.code in (408, 425, 429) or error.code >= 500
                raise SendError(f"{self._host} answered with status {error.code}", again=again) from None
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error or type(error).__name__
            raise SendError(f"{self._host} cannot be reached: {reason}", again=True) from None

    @property
    def _host(self) -> str:
        return str(urlsplit(self.url).hostname)

    def _request(self, body: bytes) -> Request:
        request = Request(self.url, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("User-Agent", "twinstage")
        if self.secret is not None:
            digest = hmac.new(read_secret(self.secret).encode(), body, hashlib.sha256).hexdigest()
            request.add_header("X-Twinstage-Signature", f"sha256={digest}")
        if self.bearer is not None:
            request.add_header("Authorization", f"Bearer {read_secret(self.bearer)}")
        return request
