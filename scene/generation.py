"""A stage opened again beside itself, from files that changed since, while the first one goes on. Touches pxr and files.

The USD library shares layers by the names of their files, so an open stage and its next generation cannot hold different
states of one file. A link to the root folder makes another name for every file: `LINK/plant/cell.usda` is `/plant/cell.usda`,
and relative paths lead on below the link. So nothing of the old stage is touched, opening does not hold the interpreter's
lock, and who looks at the old one meanwhile finds it whole.
"""

import atexit
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import check_used_layers
from twinstage.scene.pause import no_cycle_search
from twinstage.scene.stage import OpenedStage

_PREFIX = "twinstage-watch-"
_LINK = re.compile(rf"^.*?/{_PREFIX}[^/]+/\d+(?=/)")


def keep_bytes() -> None:
    """Layers that are opened from now on hold their files' bytes: else a file that is cut short under a mapping ends us."""
    from pxr import Sdf

    Sdf.Layer.SetDetachedLayerRules(Sdf.Layer.DetachedLayerRules().IncludeAll())


def plain_name(path: str) -> str:
    """The file's own name, where it has that of a generation."""
    return _LINK.sub("", path)


def link_of(stage: Any) -> str:
    """What stands before the names of a generation's files; "" for the first one's."""
    found = _LINK.match(str(stage.GetRootLayer().identifier))
    return found.group(0) if found else ""


class Links:
    """Names for generations: links to the root folder, in a folder of our own that goes with them."""

    def __init__(self) -> None:
        # No TemporaryDirectory: where a link cannot be removed, its clean-up of older Pythons would change what it leads to.
        self._folder = tempfile.mkdtemp(prefix=_PREFIX)
        atexit.register(self.close)
        self._number = 0

    def next(self) -> str:
        """Another name of the root folder. UserError where the system makes no links."""
        self._number += 1
        link = os.path.join(self._folder, str(self._number))
        try:
            os.symlink("/", link, target_is_directory=True)
        except OSError as error:
            raise UserError(f"--watch needs links, which cannot be made here: {error.strerror}") from None
        return link

    def __len__(self) -> int:
        return len(os.listdir(self._folder)) if os.path.isdir(self._folder) else 0

    def drop(self, link: str) -> None:
        """No stage of that name is left."""
        if os.path.islink(link):
            os.unlink(link)

    def close(self) -> None:
        """Drop all."""
        atexit.unregister(self.close)
        with suppress(OSError):
            for name in os.listdir(self._folder):
                self.drop(os.path.join(self._folder, name))
            os.rmdir(self._folder)


@no_cycle_search()
def open_again(
    first: OpenedStage, link: str, *, clean: Any, digest: str, population: Iterable[str] | None = None
) -> OpenedStage:
    """The stage of `first` as its files are now, with empty session layers.

    `clean`: stamps of files in which a reading just before found nothing to screen out, or None; `digest`: its hash.
    Raises UserError as `open_stage` does, without the child process.
    """
    from pxr import Tf, Usd, UsdUtils

    from twinstage.scene import stage as opening
    from twinstage.scene.probe import tell_reason

    file = Path(link + str(first.path))
    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    population = None if population is None else list(population)
    try:
        screened = opening.screened_stage(file, first.allowed, opening.own_mtlx_text(), clean)
        session, layers = opening.session_layers()
        stage = opening.compose(screened.root, session, Usd.Stage.LoadAll, population)
    except Tf.ErrorException as problem:
        raise UserError(f"stage {first.path} cannot be read: {tell_reason(problem)}") from None
    except UserError as problem:
        raise UserError(str(problem).replace(link, "")) from None
    check_used_layers(stage, first.allowed)
    stage.SetEditTarget(session)
    found = (*screened.findings, *opening.diagnostics(quiet))
    return replace(
        first,
        stage=stage,
        layers=layers,
        meters_per_unit=opening.meters_per_unit(screened.root, first.path),
        up_axis=opening.up_axis(screened.root, first.path),
        time_codes_per_second=opening.time_codes(screened.root, first.path),
        hash=digest,
        findings=tuple(_named(finding, link) for finding in found),
        kept=(*screened.layers, *screened.made),
        clean=screened.clean,
    )


def _named(finding: Finding, link: str) -> Finding:
    """The finding with the files' own names."""
    return replace(finding, message=finding.message.replace(link, ""), path=finding.path.replace(link, ""))


def edits_overlay(opened: OpenedStage, values: Any) -> str:
    """Placed assets, variants and labels among the edits of people, as the usda text of a layer, under the files' own names."""
    from pxr import Sdf

    from twinstage.scene.ui_layer import UiLayer, ordered
    from twinstage.scene.ui_scene import is_structural

    layer = Sdf.Layer.CreateAnonymous("ui.usda")
    writer = UiLayer(opened, layer)
    with Sdf.ChangeBlock():
        for (path, name), value in ordered(values):
            if is_structural(name):
                writer.put(path, name, value)
    for named in layer.GetCompositionAssetDependencies():
        if plain_name(named) != named:
            layer.UpdateCompositionAssetDependency(named, plain_name(named))
    return str(layer.ExportToString())
