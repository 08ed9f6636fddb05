"""Alarms as e-mail over SMTP: one mail for all messages that are due."""

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from twinstage.base.errors import UserError
from twinstage.telemetry.sinks.base import SINKS, Message, Security, SendError, Sink
from twinstage.telemetry.sinks.secret import SecretRef, read_secret

Address = Annotated[str, StringConstraints(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$", max_length=254)]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@SINKS.register
class EmailSink(Sink):
    """A mail to `to`. `port`: the usual one of `security` where 0; `password`: with `user`, by reference; `ca`: a PEM file
    of whom to trust for the server's certificate, in place of the system's authorities; `timeout` [s]."""

    kind: Literal["email"] = "email"
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    security: Security = "starttls"
    user: str | None = None
    password: SecretRef | None = None
    ca: str | None = None
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=100)]
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0

    @model_validator(mode="after")
    def _both(self) -> "EmailSink":
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password come together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent in the clear: security must be starttls or tls")
        if self.ca is not None and self.security == "none":
            raise ValueError("without TLS there is no certificate to check, so ca says nothing")
        return self

    def check(self) -> None:
        """The password must be there, and the certificates of `ca`."""
        if self.password is not None:
            read_secret(self.password)
        if self.ca is not None:
            try:
                self._trust()
            except (OSError, ssl.SSLError):
                raise UserError(f"ca {self.ca!r} is no readable PEM file of certificates") from None

    def send(self, messages: Sequence[Message]) -> None:
        """One mail, taken over by the mail server."""
        try:
            with self._connected() as server:
                server.send_message(self.mail(messages))
        except smtplib.SMTPResponseException as error:
            again = 400 <= error.smtp_code < 500  # the server's "try again later"
            raise SendError(f"{self.host} refused a mail with code {error.smtp_code}", again=again) from None
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message.rstrip(".")
            raise SendError(f"the certificate of {self.host} is not trusted: {why}", again=True) from None
        except (smtplib.SMTPException, OSError) as error:
            again = not isinstance(error, smtplib.SMTPRecipientsRefused)
            raise SendError(f"{self.host} did not take a mail: {type(error).__name__}", again=again) from None

    def mail(self, messages: Sequence[Message]) -> EmailMessage:
        """The mail for those messages; its Message-ID is the same at every attempt."""
        mail = EmailMessage()
        first = messages[0].text
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        mail["Subject"] = " ".join(f"[twinstage] {first}{more}".split())[:200]
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        digest = hashlib.sha256("\n".join(message.id for message in messages).encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{self.sender.partition('@')[2]}>"
        mail.set_content("\n\n".join(_paragraph(message) for message in messages) + "\n")
        return mail

    def _connected(self) -> smtplib.SMTP:
        port = self.port or _PORTS[self.security]
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, port, timeout=self.timeout, context=self._trust()
            )
        else:
            server = smtplib.SMTP(self.host, port, timeout=self.timeout)
        try:
            if self.security == "starttls":
                server.starttls(context=self._trust())
            if self.user is not None and self.password is not None:
                server.login(self.user, read_secret(self.password))
        except BaseException:
            server.close()
            raise
        return server

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def _paragraph(message: Message) -> str:
    lines = [f"{message.at}  {message.text}"]
    if message.data.get("response"):
        lines.append(f"What to do: {message.data['response']}")
    return "\n".join(lines)
