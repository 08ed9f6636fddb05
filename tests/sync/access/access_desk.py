"""A token file, and a server that asks for tokens."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from twinstage.base.clock import NS, ManualClock
from twinstage.sync.access.access import Access
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.origins import Origins
from twinstage.sync.access.roles import Role
from twinstage.sync.access.store import WatchedTokens, change_tokens
from twinstage.sync.access.tokens import issue, revoke
from twinstage.sync.hub import Hub
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass
class Desk:
    """A token file with one token a role, its clock, and what the audit log was told."""

    path: Path
    clock: ManualClock
    lines: list[dict[str, Any]] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    def create(self, name: str, role: Role, lifetime: timedelta | None = None) -> str:
        made = change_tokens(
            self.path,
            lambda held: issue(
                held, name, role, now=self.now(), lifetime=lifetime, random_bytes=secrets.token_bytes
            ),
            create=True,
        )
        return str(made[2])

    def revoke(self, which: str) -> None:
        change_tokens(self.path, lambda held: revoke(held, which, now=self.now()), create=False)

    def access(self, *, origins: tuple[str, ...] = (), **limits: Any) -> Access:
        return Access(
            WatchedTokens(self.path),
            key=b"k" * 32,
            limits=Limits(**limits),
            origins=Origins(origins),
            clock=self.clock,
            audit=lambda line: self.lines.append(json.loads(line)),
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "tokens.json", ManualClock(int(NOON.timestamp()) * NS))


Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def serve(make: ModuleType) -> Serve:
    """`async with serve(access) as url:` a small twin behind that access."""

    @asynccontextmanager
    async def serving(access: Access | None, tls: Any = None, **more: Any) -> AsyncIterator[str]:
        hub = Hub(make.snapshot(["/World", "/World/A"]), epoch="e1")
        hub.publish(make.tick(make.poses([1], [[1, 0, 0]])))
        async with running(create_app(hub, access=access, **more), port=0, tls=tls) as url:
            yield url

    return serving


def run(work: Callable[[], Any], seconds: float = 200) -> None:
    asyncio.run(asyncio.wait_for(work(), seconds))


def subprotocol_of(token: str) -> str:
    """A token as a client says it beside the protocol's name (docs/protocol.md, Access)."""
    return "twin.token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
