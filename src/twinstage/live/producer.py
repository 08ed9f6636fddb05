"""The Python producer: a twin in five lines, for users who never see a YAML.

    import twinstage

    twin = twinstage.open("cell.usda")
    twin.serve()
    twin.set("/Cell/AGV1", position=(1, 2, 0))
    twin.wait()                                     # until Ctrl-C

`serve` runs the server in a thread of its own; `set` may be called from any thread, as often as you like: between two
ticks the newest value of each prim wins.
"""

import concurrent.futures
import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from twinstage.base.clock import SystemClock
from twinstage.base.errors import UserError
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

if TYPE_CHECKING:
    from twinstage.live.notebook.widget import View
    from twinstage.live.recording.beside import Beside
    from twinstage.live.server import ServerThread
    from twinstage.live.ui.ui import Ui
    from twinstage.scene.columns import TickColumns
    from twinstage.scene.export.own import OwnLayer
    from twinstage.sync.access.choices import AccessChoices


class Twin:
    """A stage that can be served and moved. Also a context manager, which closes the server."""

    def __init__(self, live: LiveTwin, files: TwinFiles | None = None) -> None:
        """`files`: what it was opened from, for `serve(watch=True)`."""
        self.live = live
        self._files = files
        self._server: ServerThread | None = None
        self._recording: tuple[Beside, concurrent.futures.Future[None]] | None = None

    @property
    def ui(self) -> "Ui":
        """Overlays on the scene and controls in the viewer (docs/overlays.md)."""
        return self.live.ui

    @property
    def url(self) -> str:
        """Where the viewer is; UserError before `serve`."""
        if self._server is None:
            raise UserError("this twin is not served yet: call serve() first")
        return self._server.url

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        access: "AccessChoices | None" = None,
        watch: bool | float = False,
    ) -> str:
        """Start the server and return its address; port 0 takes a free one.

        `access`: tokens and certificate, which every address but this machine's own needs (docs/access.md). `watch`: follow
        what is saved, as `twinstage serve --watch` does (docs/designers.md); a number says how often to look [s].
        UserError if the port is in use, or what `access` needs is missing.
        """
        from twinstage.live.server import ServerThread, watch_files

        if self._server is not None:
            raise UserError(f"this twin is already served at {self._server.url}")
        if watch is not False and self.live.watch is None:
            if self._files is None:
                raise UserError("this twin was not opened from files that could be watched")
            watch_files(self.live, self._files, 0.0 if watch is True else float(watch), open_already=True)
        self._server = ServerThread(self.live, host=host, port=port, access=access)
        self._server.start()
        return self._server.url

    @property
    def port(self) -> int:
        """Where it is served on this machine; it is served now, at a free port, if it was not."""
        if self._server is None:
            self.serve(port=0)
        assert self._server is not None
        return self._server.port

    def view(
        self,
        *,
        height: int = 480,
        panels: Sequence[str] = (),
        url: str = "",
        token: str = "",
        selected: str | None = None,
    ) -> "View":
        """A view for a notebook (docs/embedding.md); as many as you like. A twin as a cell's last line shows one, too.

        Args:
            height: of the view [px].
            panels: what stands beside the picture: "tree", "properties", "alarms", "charts", "values", "time".
            url: where the browser reaches the twin, where that is not the usual way; `{port}` in it is the twin's port.
            token: for a twin that asks for one.
            selected: path of a prim.

        Raises:
            UserError: the extra `jupyter` is not installed, or there is no such prim.
        """
        from twinstage.live.notebook.shown import view_of

        return view_of(self, height=height, panels=panels, url=url, token=token, selected=selected)

    def knows(self, prim: str) -> bool:
        """Whether the stage has that prim, or that point of an instancer ("/Cell/Parcels[3]")."""
        path = prim.partition("[")[0]
        return path in self.live.snapshot.prims.path

    def embed_in(self, origin: str, host: str = "") -> None:
        """Let pages of that origin show this twin in a frame, and proxies beside them ask it under that name.

        UserError for what is no origin.
        """
        assert self.port and self._server is not None
        self._server.access.embed.allow(origin)
        if host:
            self._server.access.embed.hosts.add(host.lower())

    def __repr__(self) -> str:
        where = "" if self._server is None else f" at {self._server.url}"
        return f"<Twin {Path(self.live.snapshot.stage.path).name}{where}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> object:
        from twinstage.live.notebook.shown import mime_bundle

        return mime_bundle(self)

    def set(
        self,
        prim: str,
        *,
        pose: Sequence[float] | None = None,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        visible: bool | None = None,
        color: str | None = None,
    ) -> None:
        """Change a prim: all of it in one tick.

        Args:
            prim: its Sdf path.
            pose: x, y, z [m], qw, qx, qy, qz, local to the parent prim; or `position` and `rotation` alone.
            position: x, y, z [m] in the parent prim.
            rotation: quaternion w, x, y, z.
            scale: factors along x, y, z.
            visible: show or hide it and all below.
            color: "#rrggbb" paints it and all below; "" gives the authored look back.

        Raises:
            UserError: no such prim, a prim inside a native instance, or numbers that are no pose.
        """
        edits = self.live.edits
        if pose is not None:
            if len(pose) != 7:
                raise UserError(
                    f"a pose is x, y, z, qw, qx, qy, qz, but {prim} was given {len(pose)} numbers"
                )
            position, rotation = pose[:3], pose[3:]
        rgba = None if color is None else _rgba(color, prim)
        with edits.together():
            if position is not None or rotation is not None or scale is not None:
                edits.set_pose(prim, position=position, rotation=rotation, scale=scale)
            if visible is not None:
                edits.set_visible(prim, visible)
            if rgba is not None:
                edits.set_color(prim, rgba)

    def publish(self, columns: "TickColumns") -> None:
        """Hand over many poses, colours and visibilities at once, as columns (see `scene.columns`)."""
        self._still_served()
        self.live.edits.push(columns)

    def export(
        self,
        out: str | Path,
        *,
        form: Literal["layer", "flat"] | None = None,
        copy_assets: bool = False,
        force: bool = False,
    ) -> Path:
        """Write the twin as it is now to a .usda, .usdc, .usdz or .glb file; returns its path.

        Args:
            out: the file; its ending says the format.
            form: `layer` for only what the twin changed, over the stage (.usda does so if you say nothing), `flat` for one
                file with everything.
            copy_assets: with `flat`, copy images beside the file.
            force: replace a file that is there.

        Raises:
            UserError: a file that is there or belongs to the stage, or an ending that is none of these.
        """
        from twinstage.live.export import ExportOptions, freeze, write_own

        options = ExportOptions(Path(out), form=form, copy_assets=copy_assets, force=force)
        options.check(window=False)
        self._still_served()

        def state() -> "OwnLayer":
            self.live.tick(self.live.clock.now_ns())  # what was set a moment ago is in the file, too
            return freeze(self.live)

        own = state() if self._server is None else self._server.call(state)
        return write_own(own, options).path

    def record(self, out: str | Path, *, force: bool = False) -> None:
        """Keep all that viewers are told from now on in one file, until `stop_recording` or `close`.

        `twinstage open FILE` plays it. `force`: replace a file that is there. UserError before `serve`, where a recording runs
        already, or the file cannot be made.
        """
        from twinstage.live.recording.beside import record_live

        if self._server is None:
            raise UserError("this twin is not served yet: call serve() first")
        if self._recording is not None and not self._recording[1].done():
            raise UserError("this twin is being recorded already: call stop_recording() first")
        server = self._server
        beside = record_live(self.live, Path(out), force=force)
        self._recording = beside, server.start_task(beside.run)

    def stop_recording(self) -> None:
        """End the recording, if there is one; its file is whole then."""
        recording, self._recording = self._recording, None
        if recording is None or self._server is None:
            return
        beside, task = recording
        beside.started.wait(60)
        task.cancel()
        beside.closed.wait(60)

    def wait(self, seconds: float | None = None) -> None:
        """Keep the program alive until Ctrl-C, or for `seconds`; then close. Raises what ended the server, if it failed."""
        if self._server is None:
            raise UserError("this twin is not served yet: call serve() first")
        with contextlib.suppress(KeyboardInterrupt):
            self._server.join(seconds)
        self.close()

    def close(self) -> None:
        """Stop the server, if it runs. Raises what ended it, if it had failed."""
        self.stop_recording()
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _still_served(self) -> None:
        if self._server is not None:
            self._server.raise_failure()

    def __enter__(self) -> "Twin":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rgba(color: str, prim: str) -> tuple[int, int, int, int]:
    if color == "":
        return 0, 0, 0, 0
    try:
        digits = color.removeprefix("#")
        if len(digits) != 6 or not color.startswith("#"):
            raise ValueError
        red, green, blue = bytes.fromhex(digits)
    except (AttributeError, ValueError):
        raise UserError(f"the colour of {prim} must look like #ff8800, got {color!r}") from None
    return red, green, blue, 255


def open(
    stage: str | Path,
    *,
    bindings: str | Path | None = None,
    contract: str | Path | None = None,
    asset_roots: Sequence[str | Path] = (),
    seed: int = 0,
) -> Twin:
    """Open a stage as a twin; with `bindings`, telemetry moves it, too. Every mistake in the files is a UserError."""
    files = TwinFiles(
        stage=Path(stage),
        bindings=Path(bindings) if bindings else None,
        contract=Path(contract) if contract else None,
        asset_roots=tuple(Path(root) for root in asset_roots),
    )
    return Twin(open_twin(files, clock=SystemClock(), seed=seed), files)
