"""Whom to tell of alarms. A sink sends messages; an outlet queues them on a thread of its own.

Kinds that ship: `webhook`, `email`, `fake` (remembers; for tests). Other distributions register theirs with `SINKS.register`
or the entry point `twinstage.sinks`. Effects: `webhook` and `mail` (sockets), `secret` (environment and files), `outlet` (a
thread); the rest is pure.
"""

from twinstage.telemetry.sinks.base import SINKS, Message, SendError, Sink
from twinstage.telemetry.sinks.fake import FakeSink
from twinstage.telemetry.sinks.mail import EmailSink
from twinstage.telemetry.sinks.outlet import Outlet
from twinstage.telemetry.sinks.settings import load_sinks
from twinstage.telemetry.sinks.webhook import WebhookSink

__all__ = [
    "SINKS",
    "EmailSink",
    "FakeSink",
    "Message",
    "Outlet",
    "SendError",
    "Sink",
    "WebhookSink",
    "load_sinks",
]
