"""`twinstage assets coverage`: how much of what cameras see has a class."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.base.terminal import printable
from twinstage.cli.common import AssetRoots, Json, Variants, print_json, progress, variant_choices

if TYPE_CHECKING:
    from twinstage.assets.coverage import Coverage
    from twinstage.assets.coverage.standing import Standings
    from twinstage.assets.coverage.tally import Count
    from twinstage.assets.coverage.views import Seen


def coverage(
    stage: Annotated[Path, typer.Argument(help="The USD stage.", show_default=False)],
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera",
            help="Name or path of a camera; once for each. Without it, all cameras of the stage.",
            show_default=False,
        ),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            "--views",
            min=1,
            max=1000,
            help="That many views round the scene instead; 8 where the stage has no camera.",
            show_default=False,
        ),
    ] = None,
    taxonomy: Annotated[str, typer.Option("--taxonomy", help="Which labels count.")] = "class",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="A recipe, or a YAML file `class: \\[label, ...]`: only its classes count.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Pixels of a view.")] = "640x480",
    time: Annotated[
        float | None,
        typer.Option(
            "--time", help="Time code of animated values; the start, if you name none.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A folder for a picture of each view and coverage.json.",
            show_default=False,
        ),
    ] = None,
    max_unlabelled: Annotated[
        float | None,
        typer.Option(
            "--max-unlabelled",
            min=0,
            max=100,
            help="Most per cent of the visible pixels that may have no label; more is exit 1.",
            show_default=False,
        ),
    ] = None,
    max_ambiguous: Annotated[
        float | None,
        typer.Option(
            "--max-ambiguous",
            min=0,
            max=100,
            help="The same for pixels of an ambiguous class.",
            show_default=False,
        ),
    ] = None,
    asset_root: AssetRoots = None,
    variant: Variants = None,
    json_: Json = False,
) -> None:
    """Tell how much of what cameras see has no label, which prims that is, and what would label them.

    One exact ray a pixel, as for datasets: no light, no noise, the same numbers each time. Of several views all pixels count
    together.
    """
    from twinstage.assets.coverage import chosen_views, cover
    from twinstage.assets.coverage.text import as_json, report
    from twinstage.assets.label_map import read_label_map
    from twinstage.live.pictures.job import parse_size
    from twinstage.render.api import open as open_scene
    from twinstage.scene.labels import LabelPolicy

    pixels = parse_size(size)
    policy = LabelPolicy.of(read_label_map(labels)) if labels else LabelPolicy()
    snapshot = open_scene(
        stage, asset_roots=asset_root or (), variants=dict(variant_choices(variant)), time=time
    ).snapshot
    chosen = chosen_views(snapshot, camera or (), views, pixels)
    pictures = _Pictures(out)
    with progress("views") as tell:

        def each(seen: "Seen", stand: "Standings", count: "Count") -> None:
            pictures.add(seen, stand, count)
            tell(len(pictures.names), len(chosen))

        found = cover(snapshot, chosen, taxonomy, policy, each)
    told = as_json(found, str(stage), pixels, pictures.names if out else {})
    if out is not None:
        pictures.finish(told)
    if json_:
        print_json(told)
    else:
        print(printable("\n".join(report(found, str(stage), pixels))))
        if out is not None:
            print(f"pictures: {out}")
    if _beyond(found, max_unlabelled, max_ambiguous, say=not json_):
        raise typer.Exit(1)


class _Pictures:
    """A picture a view in a folder, if there is one; a file of an earlier run is replaced."""

    def __init__(self, out: Path | None) -> None:
        from twinstage.render.whole import check_folder

        if out is not None and out.exists() and not out.is_dir():
            raise UserError(f"--out {out} is a file; a folder was expected")
        if out is not None:
            check_folder(out)
        self._out = out
        self.names: dict[str, str] = {}

    def add(self, seen: "Seen", stand: "Standings", count: "Count") -> None:
        from twinstage.assets.coverage.picture import painted
        from twinstage.render.picture import png_bytes
        from twinstage.render.whole import write_whole

        name = f"{seen.view.name}.png"
        self.names[seen.view.name] = name
        if self._out is not None:
            write_whole(self._out / name, png_bytes(painted(seen, stand, count)))

    def finish(self, told: dict[str, object]) -> None:
        import json

        from twinstage.render.whole import write_whole

        if self._out is not None:
            write_whole(self._out / "coverage.json", (json.dumps(told, indent=1) + "\n").encode())


def _beyond(found: "Coverage", unlabelled: float | None, ambiguous: float | None, *, say: bool) -> bool:
    """Whether more has no class than was allowed, in per cent."""
    total, beyond = found.total, False
    for what, most, pixels in (
        ("have no label", unlabelled, total.unlabelled),
        ("have an ambiguous class", ambiguous, total.ambiguous),
    ):
        share = 100 * total.share(pixels)
        if most is not None and share > most:
            beyond = True
            if say:
                print(f"{share:.2f} % of the visible pixels {what}; at most {most:g} % were allowed")
    return beyond
