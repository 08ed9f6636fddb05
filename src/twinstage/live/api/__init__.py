"""What a live twin answers to the HTTP API and to gRPC: the sources of `sync.api`, one a file. `sources_of` puts them together.

`history`, `past`, `datasets`, `browse`, `catalogue` and `package` touch files, `attributes` and `package` touch pxr,
`catalogue` and `package` child processes.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.sync.api.calls import Sources


def sources_of(live: "LiveTwin", datasets: Path | None = None) -> "Sources":
    """Who answers for a twin. `datasets`: the folder whose datasets are shown. UserError where it is none."""
    from twinstage.live.api.bindings import BindingDesk
    from twinstage.live.api.browse import BrowseDesk
    from twinstage.live.api.catalogue import CatalogueDesk, placed_by_people
    from twinstage.live.api.datasets import DatasetShelf
    from twinstage.live.api.health import HealthDesk
    from twinstage.live.api.history import HistoryDesk
    from twinstage.live.api.package import Packager
    from twinstage.live.api.past import PastDesk
    from twinstage.live.api.prims import PrimDesk
    from twinstage.live.api.records import open_assets
    from twinstage.live.api.values import ValueDesk
    from twinstage.sync.api.calls import Sources

    values = None if live.ingest is None or live.contract is None else ValueDesk(live)
    assets = open_assets(live)
    desk = live.desk
    catalogue = CatalogueDesk(
        live.library,
        live.opened.path,
        [Path(prefix) for prefix in live.opened.allowed.prefixes],
        lambda: () if desk is None else placed_by_people(desk.ledger.values()),
    )
    if live.recorder is not None and live.past is None:
        live.past = PastDesk(live, live.recorder.folder)
    shelf = None if datasets is None else DatasetShelf(datasets)
    return Sources(
        prims=PrimDesk(live, values, assets),
        health=HealthDesk(live),
        values=values,
        bindings=None if values is None or live.bindings is None else BindingDesk(live, values),
        history=None if live.recorder is None else HistoryDesk(live.recorder.folder),
        past=live.past,
        assets=assets,
        datasets=shelf,
        browse=None if shelf is None else BrowseDesk(shelf),
        package=Packager(live),
        catalogue=catalogue,
    )
