"""What moves what."""

from typing import Any, Literal, Protocol

from pydantic import Field

from twinstage.sync.api.operation import Glob, Model, Operation, Page, PageAsk, Text
from twinstage.sync.api.values import Value

BindingState = Literal["active", "waiting", "uncertain", "bad"]


class Binding(Model):
    """One binding of the file."""

    index: int = Field(ge=0, description="Its place in the file.")
    kind: str = Field(
        description="joint, pose, attribute, visibility, style, attach, entity, instance or label."
    )
    target: str = Field(description="Path of the prim, or the pattern of paths.", examples=["/Cell/AGV1"])
    prims: tuple[str, ...] = Field(description="Prims that it moves or changes; at most 1000 of them.")
    prim_count: int = Field(ge=0)
    signals: tuple[str, ...] = Field(description="Ids of the signals that it reads; at most 1000 of them.")
    signal_count: int = Field(ge=0)
    state: BindingState = Field(
        description="waiting: a signal has no value yet; bad or uncertain: the worst quality of its signals; else active."
    )
    description: str = ""
    key: str = Field(default="", description="By which it is changed or taken away (docs/commands.md).")


class BindingDetail(Binding):
    """One binding with everything that the file says of it."""

    where: str = Field(description="File and line.")
    definition: dict[str, Any] = Field(description="As the file has it.")
    values: tuple[Value, ...] = Field(description="Values of its signals now; at most 1000 of them.")


class BindingsAsk(PageAsk):
    """Which bindings."""

    prim: Glob | None = Field(None, description="Pattern of paths: those that move such a prim.")
    signal: Text | None = Field(None, description="Those that read this signal.")
    kind: Text | None = Field(None, description="Those of this kind.")
    state: BindingState | None = None


class BindingAsk(Model):
    """Which binding."""

    index: int = Field(ge=0, le=10_000_000, description="Its place in the file.")


class BindingPage(Page):
    """Bindings in the order of the file."""

    bindings: tuple[Binding, ...]


class BindingSource(Protocol):
    """Who knows the bindings. Belongs to the server's event loop."""

    async def list_bindings(self, asked: BindingsAsk) -> BindingPage:
        """A page of bindings."""
        ...

    async def get_binding(self, asked: BindingAsk) -> BindingDetail:
        """One binding. Raises Refused (404)."""
        ...


OPERATIONS = (
    Operation(
        "listBindings",
        "/api/v1/bindings",
        "Bindings",
        "What moves what, and whether it does",
        asks=BindingsAsk,
        answer=BindingPage,
    ),
    Operation(
        "getBinding",
        "/api/v1/bindings/{index}",
        "Bindings",
        "One binding",
        asks=BindingAsk,
        answer=BindingDetail,
        errors=(404,),
    ),
)
