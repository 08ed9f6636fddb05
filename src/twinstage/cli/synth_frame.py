"""`twinstage synth frame`: one frame of a dataset, alone."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import DataError
from twinstage.cli.common import AssetRoots, At, Json, print_json


def frame(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml.", show_default=False)],
    number: Annotated[int, typer.Argument(help="Which frame, from 0.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for its files; not one of a dataset.", show_default=False)
    ],
    usd: Annotated[
        bool, typer.Option("--usd", help="Also write frame_NUMBER.usda, which usdview opens.")
    ] = False,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Number of frames of the whole dataset.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed, instead of the recipe's.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a recipe field: --set engine.spp=64", show_default=False),
    ] = None,
    at: At = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Make one frame, with the very bytes it has in the whole dataset."""
    from twinstage.live.datasets import single_frame

    done = single_frame(
        recipe,
        number,
        out=out,
        frames=frames,
        seed=seed,
        usd=usd,
        overrides=tuple(set_ or ()),
        asset_roots=tuple(asset_root or ()),
        at=at,
    )
    summary = done.summary
    if json_:
        print_json({"frame": number, "files": done.files, "usd": done.usd, "reason": summary.reason})
    else:
        for name in done.files:
            print(out / name)
        if done.usd is not None:
            print(done.usd)
    if summary.reason is not None:
        raise DataError(f"frame {number} is rejected after {summary.attempts} attempts: {summary.reason}")
