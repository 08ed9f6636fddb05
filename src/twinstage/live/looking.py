"""Servers without a twin: datasets to look through, and a recipe's ranges to try. The same gate, the same page, one port."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.clock import Clock, SystemClock
from twinstage.base.errors import UserError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from twinstage.sync.access.access import Access
    from twinstage.sync.access.choices import AccessChoices

PAGE = "datasets.html"
PREVIEW_PAGE = "preview.html"


def datasets_app(
    root: Path,
    *,
    recipe: Path | None = None,
    hosts: Collection[str] = (),
    access: "Access | None" = None,
    clock: Clock | None = None,
) -> "FastAPI":
    """The app that shows the datasets in a folder, or the folder's own. UserError where there is none.

    `recipe`: the file that they were made from, for the commands that the page offers.
    """
    from twinstage.live.api.browse import BrowseDesk
    from twinstage.live.api.datasets import DatasetShelf
    from twinstage.live.server import viewer_dir
    from twinstage.sync.access.access import Access
    from twinstage.sync.api.calls import alive, dataset_calls
    from twinstage.sync.api.datasets import DatasetsAsk
    from twinstage.sync.api.files import add_dataset_files
    from twinstage.sync.shell import plain_app

    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; expected a dataset, or a folder of datasets")
    if recipe is not None and not recipe.is_file():
        raise UserError(f"--recipe {recipe}: there is no such file")
    shelf = DatasetShelf(root)
    if not shelf.list_datasets(DatasetsAsk(limit=1, after=None)).total:
        raise UserError(
            f"{root} holds no finished dataset: neither it nor a folder in it has a manifest.json"
        )
    desk = BrowseDesk(shelf, recipe)
    return plain_app(
        access or Access(clock=clock or SystemClock()),
        {"getHealth": alive, **dataset_calls(shelf, desk)},
        viewer_dir=viewer_dir(),
        page=PAGE,
        allowed_hosts=hosts,
        more=lambda app: add_dataset_files(app, shelf, desk),
    )


def serve_datasets(
    root: Path,
    *,
    host: str,
    port: int,
    recipe: Path | None = None,
    duration: float | None = None,
    hosts: Collection[str] = (),
    access: "AccessChoices | None" = None,
    on_ready: Callable[[str], None],
) -> None:
    """Shows them until Ctrl-C or the end of `duration` [s]."""
    _serve(
        lambda door: datasets_app(root, recipe=recipe, hosts={host, *hosts}, access=door),
        host=host,
        port=port,
        duration=duration,
        access=access,
        on_ready=on_ready,
    )


def preview_app(
    recipe: Path,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    hosts: Collection[str] = (),
    access: "Access | None" = None,
    clock: Clock | None = None,
) -> "FastAPI":
    """The app that tries a recipe. UserError for one that is none. `out`: the file that other ranges may be saved to."""
    from twinstage.live.api.preview import PreviewDesk
    from twinstage.live.server import viewer_dir
    from twinstage.sync.access.access import Access
    from twinstage.sync.api.calls import alive, preview_calls
    from twinstage.sync.api.files import add_preview_files
    from twinstage.sync.shell import plain_app

    desk = PreviewDesk(recipe, overrides, out)
    app = plain_app(
        access or Access(clock=clock or SystemClock()),
        {"getHealth": alive, **preview_calls(desk)},
        viewer_dir=viewer_dir(),
        page=PREVIEW_PAGE,
        allowed_hosts=hosts,
        more=lambda app: add_preview_files(app, desk),
    )
    app.state.desk = desk
    return app


def serve_preview(
    recipe: Path,
    *,
    host: str,
    port: int,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    duration: float | None = None,
    hosts: Collection[str] = (),
    access: "AccessChoices | None" = None,
    on_ready: Callable[[str], None],
) -> None:
    """Tries a recipe until Ctrl-C or the end of `duration` [s]."""
    made: list[FastAPI] = []

    def make(door: "Access") -> "FastAPI":
        made.append(preview_app(recipe, overrides=overrides, out=out, hosts={host, *hosts}, access=door))
        return made[0]

    try:
        _serve(make, host=host, port=port, duration=duration, access=access, on_ready=on_ready)
    finally:
        for app in made:
            app.state.desk.close()


def _serve(
    make: "Callable[[Access], FastAPI]",
    *,
    host: str,
    port: int,
    duration: float | None,
    access: "AccessChoices | None",
    on_ready: Callable[[str], None],
) -> None:
    from twinstage.observe import configure_logging
    from twinstage.sync.access.access import open_access
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.serve import serve

    doors = access or AccessChoices()
    doors.check(host)
    configure_logging()
    app = make(open_access(doors, clock=SystemClock()))
    serve(app, host=host, port=port, on_ready=on_ready, duration=duration, tls=doors.tls())
