"""Whether the server lives, and whether the twin is ready."""

from typing import Any, Literal, Protocol

from pydantic import ConfigDict, Field

from twinstage.sync.api.operation import Model, Operation


class Health(Model):
    """The server answers."""

    status: Literal["ok"] = "ok"


class Check(Model):
    """One thing that the twin needs."""

    name: str = Field(description="stage, history, or source and its name.", examples=["source plc"])
    ok: bool
    text: str = Field(description="How it is.", examples=["connected, heard 0.2 s ago"])


_EXAMPLE: dict[str, Any] = {
    "ready": True,
    "checks": [
        {"name": "stage", "ok": True, "text": "workcell.usda, 812 prims"},
        {"name": "source plc", "ok": True, "text": "connected, heard 0.2 s ago"},
    ],
}


class Readiness(Model):
    """Whether everything is there. A source that is silent is told and counts as there; one that fails does not."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    ready: bool
    checks: tuple[Check, ...]


class HealthSource(Protocol):
    """Who knows how the twin is. Belongs to the server's event loop."""

    def readiness(self) -> Readiness:
        """How it is now."""
        ...


OPERATIONS = (
    Operation(
        "getHealth",
        "/healthz",
        "Server",
        "Whether the server lives",
        role="anyone",
        answer=Health,
        description="Restart what does not answer this.",
    ),
    Operation(
        "getReadiness",
        "/readyz",
        "Server",
        "Whether the twin is ready",
        role="anyone",
        answer=Readiness,
        errors=(503,),
        description="Answers 503 with the same body while something is missing: send no users there yet.",
    ),
)
