"""Who answers which operation: one async function for each, whatever asks (HTTP, gRPC)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel

from twinstage.sync.api.bindings import BindingSource
from twinstage.sync.api.browse import BrowseSource
from twinstage.sync.api.catalogue import CatalogueSource
from twinstage.sync.api.datasets import DatasetSource
from twinstage.sync.api.health import Health, HealthSource
from twinstage.sync.api.history import HistorySource
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import PastSource
from twinstage.sync.api.playback import PlaybackSource
from twinstage.sync.api.preview import PreviewSource
from twinstage.sync.api.prims import PrimSource
from twinstage.sync.api.records import AssetSource
from twinstage.sync.api.values import ValueSource
from twinstage.sync.messages import SERVES

if TYPE_CHECKING:
    from twinstage.sync.alarms import AlarmSource

T = TypeVar("T")
AGAIN_S = 1
"""After so long it is worth asking again where too many asked [s]."""
Call = Callable[..., Awaitable[BaseModel]]
"""Takes what is asked, and the body where there is one."""
Calls = Mapping[str, Call]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PackageFile:
    """A file that is there as long as someone holds this. `tag`: the same for the same content."""

    path: Path
    tag: str


class PackageSource(Protocol):
    """Who makes packages of the stage. Belongs to the server's event loop."""

    async def package(self) -> PackageFile:
        """The stage as it is now. Raises Refused (413, 503)."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Who answers; None where this twin has nothing of the kind."""

    prims: PrimSource | None
    health: HealthSource
    values: ValueSource | None = None
    bindings: BindingSource | None = None
    history: HistorySource | None = None
    assets: AssetSource | None = None
    datasets: DatasetSource | None = None
    browse: BrowseSource | None = None
    package: PackageSource | None = None
    playback: PlaybackSource | None = None
    past: PastSource | None = None
    catalogue: CatalogueSource | None = None


_NO = {
    "prims": "a recording answers nothing about prims; `/api/v1/scene` has them all",
    "playback": "this server plays no recording; `twinstage open` does",
    "values": "this twin has no telemetry; `twinstage serve --bindings` connects some",
    "bindings": "this twin has no bindings; `twinstage serve --bindings` names some",
    "history": "this server keeps no history; `twinstage serve --history` makes one",
    "past": "this server keeps no history; `twinstage serve --history` makes one",
    "assets": "the contract of this twin names no asset records",
    "datasets": "this server shows no datasets; `twinstage serve --datasets` names their folder",
    "catalogue": "this server has no libraries; `twinstage serve --library` names some",
    "preview": "this server tries no recipe; `twinstage synth preview` does",
    "alarms": "the contract of this twin has no alarms",
}


def served(sources: Sources | None, **more: bool) -> tuple[str, ...]:
    """Parts of the interface that are there, as `messages.SERVES` names them; `more`: those that are no source."""
    here = set() if sources is None else {name for name in SERVES if getattr(sources, name, None) is not None}
    return tuple(name for name in SERVES if name in here or more.get(name))


def calls_of(sources: Sources, alarms: "AlarmSource | None" = None) -> dict[str, Call]:
    """Operations whose answer is a model."""
    s, history = sources, Gate()
    return {
        "getHealth": alive,
        "getReadiness": _here(s.health, "readiness", "", takes=0),
        "listPrims": _here(s.prims, "list_prims", "prims"),
        "getPrim": _here(s.prims, "get_prim", "prims"),
        "listValues": _here(s.values, "list_values", "values"),
        "getValue": _here(s.values, "get_value", "values"),
        "listBindings": _here(s.bindings, "list_bindings", "bindings"),
        "getBinding": _here(s.bindings, "get_binding", "bindings"),
        "listAssetRecords": _here(s.assets, "list_assets", "assets"),
        "getAssetRecord": _here(s.assets, "get_asset", "assets"),
        "getHistory": _away(history, s.history, "get_history", "history", takes=0),
        "getReadings": _away(history, s.history, "get_range", "history"),
        "getReadingsAsOf": _away(history, s.history, "get_as_of", "history"),
        "getChart": _away(history, s.history, "get_chart", "history"),
        "listPastAlarms": _here(s.past, "alarms", "past"),
        **dataset_calls(s.datasets, s.browse),
        **preview_calls(None),
        "listCatalogue": _away(Gate(most_waiting=100), s.catalogue, "search", "catalogue"),
        "getCatalogueAsset": _here(s.catalogue, "describe", "catalogue"),
        "getPlayback": _here(s.playback, "get_playback", "playback", takes=0),
        "controlPlayback": _ordered(s.playback),
        **_alarm_calls(alarms),
    }


async def alive(*asked: Any) -> Health:
    """Whether the server lives."""
    return Health()


def dataset_calls(datasets: DatasetSource | None, browse: BrowseSource | None) -> dict[str, Call]:
    """Operations about datasets whose answer is a model."""
    gate = Gate()
    return {
        "listDatasets": _away(gate, datasets, "list_datasets", "datasets"),
        "getDataset": _away(gate, datasets, "get_dataset", "datasets"),
        "listRecords": _away(gate, datasets, "list_records", "datasets"),
        "getRecord": _away(gate, datasets, "get_record", "datasets"),
        "describeDataset": _away(gate, browse, "describe", "datasets"),
        "searchPictures": _away(gate, browse, "search", "datasets"),
        "getFacets": _away(gate, browse, "facets", "datasets"),
        "listFrameNumbers": _away(gate, browse, "numbers", "datasets"),
        "getFrameNotes": _away(gate, browse, "notes", "datasets"),
        "verifyFrame": _away(Gate(at_once=1), browse, "findings", "datasets"),
    }


def preview_calls(preview: PreviewSource | None) -> dict[str, Call]:
    """Operations about a recipe that is tried, whose answer is a model."""
    frames = Gate(at_once=2, most_waiting=200)

    async def save(*asked: Any) -> BaseModel:
        made: BaseModel = await asyncio.to_thread(_method(preview, "save", "preview"), asked[-1])
        return made

    return {
        "getPreview": _away(Gate(), preview, "describe", "preview"),
        "getPreviewFrame": _away(frames, preview, "frame", "preview"),
        "savePreview": save,
    }


def _alarm_calls(alarms: "AlarmSource | None") -> dict[str, Call]:
    if alarms is None:
        return {name: _here(None, "", "alarms") for name in ("listAlarms", "listAlarmRecords", "actOnAlarms")}
    from twinstage.sync.alarms import alarm_calls

    return alarm_calls(alarms)


def _here(source: object | None, method: str, what: str = "", *, takes: int = 1) -> Call:
    """On the server's event loop, and so between two ticks. `takes`: how many of (asked, body) the method takes."""

    async def call(*asked: Any) -> BaseModel:
        answer: Any = _method(source, method, what)(*asked[:takes])
        made: BaseModel = await answer if isawaitable(answer) else answer
        return made

    return call


def _ordered(playback: PlaybackSource | None) -> Call:
    async def call(*asked: Any) -> BaseModel:
        made: BaseModel = await _method(playback, "control_playback", "playback")(asked[-1])
        return made

    return call


class Gate:
    """Lets few through at a time, on threads of its own, and few wait.

    asyncio's own threads are few, and journals are written on them: no subject that many ask for may take those.
    """

    def __init__(
        self, *, at_once: int = 2, most_waiting: int = 32, subject: str = "the same kind of thing"
    ) -> None:
        """`subject`: what is asked for, as a refusal names it."""
        self._places = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(
            at_once, "twinstage-gate"
        )  # started one by one, when they are needed
        self._most = at_once + most_waiting
        self._subject = subject
        self._inside = 0

    async def run(self, work: Callable[..., T], *asked: Any) -> T:
        """The answer of `work`, which runs on another thread. Raises Refused (503)."""
        if self._inside >= self._most:
            raise Refused(
                503, f"too many ask for {self._subject} at the same time; ask again", retry_after=AGAIN_S
            )
        self._inside += 1
        try:
            async with self._places:
                inside = partial(copy_context().run, work, *asked)
                return await asyncio.get_running_loop().run_in_executor(self._threads, inside)
        finally:
            self._inside -= 1


def _away(gate: Gate, source: object | None, method: str, what: str, *, takes: int = 1) -> Call:
    """On another thread."""

    async def call(*asked: Any) -> BaseModel:
        return await gate.run(_method(source, method, what), *asked[:takes])

    return call


def _method(source: object | None, method: str, what: str) -> Callable[..., Any]:
    """Raises Refused (404) where there is nobody to ask."""
    if source is None:
        raise Refused(404, _NO[what])
    found: Callable[..., Any] = getattr(source, method)
    return found
