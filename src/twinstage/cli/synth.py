"""`twinstage synth ...`: labelled datasets."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import DataError
from twinstage.cli.common import AssetRoots, Json, print_json, progress, sigterm_stops

if TYPE_CHECKING:
    from twinstage.synth.generate import Generated

app = typer.Typer(
    name="synth",
    no_args_is_help=True,
    help="Labelled datasets from a recipe, and their proof.",
    rich_markup_mode="rich",
)


@app.command()
def generate(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder of the dataset: a new one, or one to resume.", show_default=False),
    ],
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Number of frames, instead of the recipe's.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed, instead of the recipe's.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Processes; one a core where that is faster, if you name none. The bytes do not depend on it.",
        ),
    ] = None,
    shard: Annotated[
        str, typer.Option("--shard", help="I/N: only frames I, I+N, I+2N, ... (I from 0).")
    ] = "0/1",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a recipe field: --set engine.spp=64", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="Start from this moment of the recording that the recipe's state names: a date and time, or seconds.",
            show_default=False,
        ),
    ] = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Write a labelled dataset.

    The same recipe and seed give the same bytes. A run that was stopped goes on where it was: give the same command again.
    """
    from twinstage.live.datasets import generate_dataset

    with sigterm_stops(), progress("frames") as update:
        done = generate_dataset(
            recipe,
            out=out,
            frames=frames,
            seed=seed,
            workers=workers,
            shard=shard,
            overrides=tuple(set_ or ()),
            asset_roots=tuple(asset_root or ()),
            at=at,
            progress=update,
        )
    if json_:
        print_json(asdict(done))
    else:
        _print(done, out, shard)
    if done.frames > 0 and done.images == 0:
        reason, times = Counter(done.rejected.values()).most_common(1)[0]
        raise DataError(
            f"{out} has no image: all {done.frames} frames were rejected, {times} of them: {reason}"
        )


def _print(done: "Generated", out: Path, shard: str) -> None:
    if done.frames == 0:
        print(f"{out}: no frames: shard {shard} of {done.of} frames is empty")
        return
    print(f"{out}: {done.frames} frames, {done.images} images, {done.annotations} annotations")
    for frame, reason in done.rejected.items():
        print(f"rejected: frame {frame}: {reason}")


@app.command()
def verify(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.", show_default=False)],
    json_: Json = False,
) -> None:
    """Recompute every number of a dataset from its files alone; exit 1 if one is wrong."""
    from twinstage.synth.verify import verify as check

    report = check(dataset)
    if json_:
        print_json(report.as_dict())
    else:
        for finding in report.findings:
            print(finding)
        print(f"{dataset}: {report.checks} checks, {len(report.findings)} findings")
    if report.findings:
        raise typer.Exit(1)
