"""A live twin behind one port: as a whole program, or in a thread of its own."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twinstage.base.clock import SystemClock
from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.metrics import metrics_page, quality_counts
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.observe import configure_logging

if TYPE_CHECKING:
    from fastapi import FastAPI

    from twinstage.live.relay import PublishChoices
    from twinstage.sync.access.access import Access
    from twinstage.sync.access.choices import AccessChoices

log = logging.getLogger("twinstage.live")
T = TypeVar("T")


def viewer_dir() -> Path:
    """The folder of the built viewer; TwinstageError if this installation lacks it."""
    from twinstage.sync.assets import find_viewer

    folder = find_viewer()
    if folder is None:
        raise TwinstageError(
            "this installation lacks the built viewer (viewer/dist); `make viewer` builds it"
        )
    return folder


def make_app(
    live: LiveTwin,
    *,
    hosts: Collection[str] = (),
    camera_engine: str | None = "auto",
    access: "Access | None" = None,
    datasets: Path | None = None,
) -> "FastAPI":
    """The ASGI app of a live twin; `hosts`: names it answers to besides localhost and IP addresses.

    `access`: who may do what; where None, no token is asked for. `camera_engine`: what renders `/camera/...`; None for no
    such pages. `datasets`: the folder whose datasets are shown.
    """
    from twinstage.live.api import sources_of
    from twinstage.live.cameras.streams import CameraStreams
    from twinstage.live.states import state_text
    from twinstage.sync.access.access import Access
    from twinstage.sync.assets import AssetStore
    from twinstage.sync.server import Baked, create_app

    store = AssetStore(live.hub)
    if live.watch is not None:
        live.watch.store = store
    access = access or Access(clock=live.clock)
    return create_app(
        live.hub,
        viewer_dir=viewer_dir(),
        status=lambda: status_of(live),
        clock=live.clock,
        allowed_hosts=hosts,
        state=lambda: state_text(live),
        cameras=None if camera_engine is None else CameraStreams(live.hub, engine=camera_engine),
        alarms=live.alarms,
        metrics=lambda: metrics_page(live, access),
        access=access,
        files=Baked(store),
        api=sources_of(live, datasets),
        edits=live.desk,
        overlays=(live.ui.board, live.ui.callbacks.used),
    )


def status_of(live: LiveTwin) -> Mapping[str, Any]:
    """What `/api/status` says of the sources: counters that add up, watermark and ages [s]; the hash of the state (see
    `StateTable.digest`); qualities, alarms, history."""
    watched = {} if live.watch is None else {"watch": live.watch.status()}
    if live.ingest is None:
        return {"sources": {}, **watched}
    now = live.clock.now_ns()
    return {
        "sources": live.ingest.counters,
        "watermarkNs": str(live.ingest.watermark_ns),
        "stateHash": live.ingest.state.digest(),
        "ages": {name: told.ages(now) for name, told in live.ingest.sources().items()},
        "quality": quality_counts(live),
        **watched,
        **({"drift": {name: dict(kinds) for name, kinds in live.drift.items()}} if live.drift else {}),
        **({} if live.alarms is None else {"alarms": live.alarms.counts()}),
        **({} if live.recorder is None else {"history": live.recorder.status()}),
    }


def serve_twin(
    files: TwinFiles,
    *,
    host: str,
    port: int,
    speed: float = 1.0,
    seed: int = 0,
    duration: float | None = None,
    hosts: Collection[str] = (),
    camera_engine: str | None = "auto",
    access: "AccessChoices | None" = None,
    datasets: Path | None = None,
    grpc_port: int | None = None,
    publish: "PublishChoices | None" = None,
    record: Path | None = None,
    watch: float | None = None,
) -> None:
    """Open the twin and serve it until Ctrl-C or the end of `duration` [s].

    `watch`: how often to look whether files of the stage were saved [s]; 0 for the usual pace, None for never.
    """
    if access is not None:
        access.check(host)
    live = open_watched(files, watch, clock=SystemClock(), seed=seed, past_speed=speed)
    serve_live(
        live,
        host=host,
        port=port,
        speed=speed,
        duration=duration,
        on_ready=announce(live),
        hosts=hosts,
        camera_engine=camera_engine,
        access=access,
        datasets=datasets,
        grpc_port=grpc_port,
        publish=publish,
        record=record,
    )


def open_watched(files: TwinFiles, watch: float | None, **choices: Any) -> LiveTwin:
    """As `open_twin`; with `watch` (see `serve_twin`) the twin follows its files once it runs."""
    if watch is None:
        return open_twin(files, **choices)
    from twinstage.scene.generation import keep_bytes

    keep_bytes()
    live = open_twin(files, **choices)
    watch_files(live, files, watch)
    return live


def watch_files(live: LiveTwin, files: TwinFiles, watch: float, *, open_already: bool = False) -> None:
    """Let a twin follow its files once it runs; `watch`: seconds between two looks, 0 for the usual.

    `open_already`: its layers may not hold their files' bytes, so it is opened anew at first. UserError for what is no pace.
    """
    from twinstage.live.watch.desk import StageWatch
    from twinstage.scene.generation import keep_bytes

    if not 0 <= watch <= 3600:
        raise UserError(f"watch says how often to look, in seconds up to 3600, got {watch:g}")
    keep_bytes()
    live.watch = StageWatch(live, files, watch or None, anew=open_already)


def serve_live(
    live: LiveTwin,
    *,
    host: str,
    port: int,
    speed: float = 1.0,
    duration: float | None = None,
    on_ready: Callable[[str], None],
    beside: Callable[[], Awaitable[None]] | None = None,
    stop: asyncio.Event | None = None,
    hosts: Collection[str] = (),
    camera_engine: str | None = "auto",
    access: "AccessChoices | None" = None,
    datasets: Path | None = None,
    grpc_port: int | None = None,
    publish: "PublishChoices | None" = None,
    record: Path | None = None,
) -> None:
    """Serve an open twin until Ctrl-C, the end of `duration` [s] or `stop`. UserError where `access` does not do for `host`.

    `beside` is one more coroutine function to run on the server's loop; if it raises, the server ends with its error.
    `grpc_port`: where the same may be asked over gRPC, by this machine alone unless there is a certificate; None for nowhere.
    `publish`: where relays hear it.
    `record`: the file that keeps all that viewers are told.
    """
    from twinstage.sync.access.access import open_access
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.serve import serve

    choices = access or AccessChoices()
    choices.check(host)
    configure_logging()
    background: list[Callable[[], Awaitable[None]]] = [lambda: live.run(asyncio.Event(), speed=speed)]
    if beside is not None:
        background.append(beside)
    door = open_access(choices, clock=live.clock)
    app = make_app(live, hosts={host, *hosts}, camera_engine=camera_engine, access=door, datasets=datasets)
    if grpc_port is not None:
        from twinstage.sync.rpc.proto import classes

        classes()  # a UserError where its packages are missing, before anything is served
        pem = choices.pem()
        # Without a certificate it is for this machine alone, whatever the host.
        where = "127.0.0.1" if pem is None else host
        background.append(lambda: _answer_grpc(app, live, where, grpc_port, pem))
    if publish is not None:
        from twinstage.live.relay import publishing

        background.append(publishing(live, app, publish))
    if record is not None:
        from twinstage.live.recording.beside import record_live

        background.append(record_live(live, record).run)
    serve(
        app,
        host=host,
        port=port,
        background=background,
        on_ready=on_ready,
        duration=duration,
        stop=stop,
        tls=choices.tls(),
    )


async def _answer_grpc(
    app: "FastAPI", live: LiveTwin, host: str, port: int, pem: tuple[bytes, bytes] | None
) -> None:
    """Until cancelled."""
    from twinstage.sync.access.rpc import interceptor
    from twinstage.sync.rpc.server import running_rpc

    doors = [interceptor(app.state.access)]
    async with running_rpc(
        app.state.calls, live.hub, live.clock, host=host, port=port, interceptors=doors, pem=pem
    ) as where:
        print(f"gRPC at {where}{'' if pem is None else ' over TLS'}", flush=True)
        await asyncio.Event().wait()


def announce(live: LiveTwin) -> Callable[[str], None]:
    """Says on standard output where the viewer is: the first line that a person, or a script, waits for."""

    def say(url: str) -> None:
        snapshot = live.snapshot
        for finding in live.findings[:5]:
            print(f"note: {finding}", flush=True)
        if len(live.findings) > 5:
            print(f"note: and {len(live.findings) - 5} more; `twinstage doctor` lists them", flush=True)
        print(
            f"serving {Path(snapshot.stage.path).name} ({len(snapshot.prims)} prims) at {url}  (Ctrl-C ends it)",
            flush=True,
        )

    return say


class ServerThread:
    """The server of a twin in a daemon thread, for programs that go on with something else."""

    def __init__(
        self, live: LiveTwin, *, host: str, port: int, access: "AccessChoices | None" = None
    ) -> None:
        from twinstage.sync.access.access import open_access
        from twinstage.sync.access.choices import AccessChoices
        from twinstage.sync.serve import bind, url_of

        choices = access or AccessChoices()
        choices.check(host)
        self._live = live
        self._host = host
        self.access, self._tls = open_access(choices, clock=live.clock), choices.tls()
        self._sock = bind(host, port)
        self.port = int(self._sock.getsockname()[1])
        self.url = url_of(self._sock, secure=self._tls is not None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="twinstage-server", daemon=True)

    def start(self) -> None:
        """Start it and wait until it answers; raises what kept it from that."""
        self._thread.start()
        ready = self._ready.wait(30)
        self.raise_failure()
        if not ready:
            raise TwinstageError(f"the server at {self.url} did not answer within 30 s")

    def stop(self) -> None:
        """Say goodbye to the clients and end the thread; raises what had ended it before."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self.raise_failure()

    def join(self, seconds: float | None) -> None:
        """Wait until the server ends, or for `seconds`."""
        self._thread.join(seconds)

    def call(self, work: Callable[[], T]) -> T:
        """Do something on the server's thread, between two ticks, and wait for it; raises what it raises."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def do() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # for the caller's thread
                done.set_exception(error)

        if self._loop is None or not self._thread.is_alive():
            return work()
        self._loop.call_soon_threadsafe(do)
        return done.result(60)

    def start_task(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "concurrent.futures.Future[None]":
        """Do something beside the server, on its loop, until it ends, the future is cancelled, or the server ends."""
        self.raise_failure()
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def raise_failure(self) -> None:
        """Raise what ended the server, if something did."""
        failure = self._failure
        if isinstance(failure, TwinstageError):
            raise failure
        if failure is not None:
            raise TwinstageError(f"the server ended: {failure!r}") from failure

    def _main(self) -> None:
        from twinstage.sync.serve import loop_factory

        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve())
        except Exception as error:  # for the thread that started us, at its next call
            self._failure = error
            log.error("the server at %s ended: %s", self.url, error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from twinstage.sync.serve import running

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        app = make_app(self._live, hosts={self._host}, access=self.access)
        async with running(app, sock=self._sock, tls=self._tls):
            self._ready.set()
            await self._live.run(self._stop)
