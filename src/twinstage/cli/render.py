"""`twinstage render`: one picture of a stage."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import AssetRoots, Json, Variants, print_json, print_notes, variant_choices


def render(
    stage: Annotated[Path, typer.Argument(help="The USD stage.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The PNG file to write.")] = Path("render.png"),
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            help="Name or path of a camera of the stage; without it the first one, or one that frames the scene.",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option("--engine", help="path (global light), direct (fast) or raycast (needs no compiler)."),
    ] = "path",
    spp: Annotated[int, typer.Option("--spp", min=1, help="Samples a pixel.")] = 64,
    width: Annotated[int, typer.Option("--width", min=1, max=16384, help="Pixels.")] = 1280,
    height: Annotated[int, typer.Option("--height", min=1, max=16384, help="Pixels.")] = 720,
    exposure: Annotated[float, typer.Option("--exposure", help="Brightness in stops (EV).")] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the samples: the same seed gives the same bytes.")
    ] = 0,
    time: Annotated[
        float | None,
        typer.Option("--time", help="Time code of animated values; the start, if you name none."),
    ] = None,
    refine: Annotated[
        int | None,
        typer.Option(
            "--refine", min=0, max=6, help="Levels of subdivision; 0 draws cages, 2 if you name none."
        ),
    ] = None,
    asset_root: AssetRoots = None,
    variant: Variants = None,
    json_: Json = False,
) -> None:
    """Render one picture through a camera of the stage, or, where it has none, of the whole scene."""
    from twinstage.live.pictures import render_picture

    done = render_picture(
        stage,
        out=out,
        camera=camera,
        engine=engine,
        spp=spp,
        size=(width, height),
        exposure=exposure,
        seed=seed,
        time_code=time,
        refine=refine,
        asset_roots=tuple(asset_root or ()),
        variants=variant_choices(variant),
    )
    if json_:
        print_json(done)
    else:
        print_notes([row["message"] for row in done["findings"]], f"`twinstage assets check {stage}`")
        print(f"{done['out']}: {done['camera']}, {width} x {height}, {engine}, {done['seconds']:.1f} s")
