"""`twinstage synth ...`: labelled datasets."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import DataError, UserError
from twinstage.cli.common import AssetRoots, At, Json, print_json, sigterm_stops
from twinstage.cli.frame_progress import frame_progress
from twinstage.cli.synth_convert import convert
from twinstage.cli.synth_frame import frame
from twinstage.cli.synth_merge import merge
from twinstage.cli.synth_preview import preview
from twinstage.cli.synth_report import report
from twinstage.cli.synth_schema import schema
from twinstage.cli.synth_view import view

if TYPE_CHECKING:
    from twinstage.synth.generation import Generated

app = typer.Typer(
    name="synth",
    no_args_is_help=True,
    help="Labelled datasets from a recipe, and their proof.",
    rich_markup_mode="rich",
)
for _command in (convert, frame, merge, preview, report, schema, view):
    app.command()(_command)


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
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Recompute every number when all frames are there.")
    ] = True,
    at: At = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Write a labelled dataset, and check it.

    The same recipe and seed give the same bytes. A run that was stopped goes on where it was: give the same command again.
    """
    from twinstage.live.datasets import generate_dataset

    with sigterm_stops(), frame_progress() as told:
        done = generate_dataset(
            recipe,
            out=out,
            frames=frames,
            seed=seed,
            workers=workers,
            shard=shard,
            overrides=tuple(set_ or ()),
            asset_roots=tuple(asset_root or ()),
            judged=verify,
            progress=told.update,
            on_frame=told.frame,
            at=at,
        )
    if json_:
        print_json(asdict(done))
    else:
        print_generated(done, shard)
    fail_if_wrong(done)


def fail_if_wrong(done: "Generated") -> None:
    """Raise DataError for a dataset without a picture, or in which the judge found something."""
    out = done.out
    if done.frames > 0 and done.images == 0:
        reason, times = Counter(done.rejected.values()).most_common(1)[0]
        raise DataError(
            f"{out} has no image: all {done.frames} frames were rejected, {times} of them: {reason}"
        )
    if done.findings:
        more = f" (and {len(done.findings) - 1} more)" if len(done.findings) > 1 else ""
        raise DataError(f"{out} does not verify: {done.findings[0]}{more}; its report.html lists them")


def print_generated(done: "Generated", shard: str = "") -> None:
    """What was made, refused and confirmed, for people."""
    out = done.out
    if done.frames == 0:
        print(f"{out}: no frames: shard {shard} of {done.of} frames is empty")
        return
    print(f"{out}: {done.frames} frames, {done.images} images, {done.annotations} annotations")
    if done.unseen and done.images:
        print(f"in no image: {', '.join(done.unseen)}")
    if done.idle:
        print(f"did nothing in {done.of} frames, by their own when: {', '.join(done.idle)}")
    for rule, times in sorted(done.refusals.items(), key=lambda item: (-item[1], item[0])):
        print(f"refused: {times} attempts by {rule}")
    for number, reason in done.rejected.items():
        print(f"rejected: frame {number}: {reason}")
    if done.checks is None:
        print(f"not verified; twinstage synth verify {out} recomputes every number")
    else:
        print(f"verified: {done.checks} checks, {len(done.findings)} findings")
        print(done.redrawn)


@app.command()
def verify(
    dataset: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of a dataset, ours or anybody's (COCO, YOLO, KITTI, BOP, Replicator, BlenderProc), or one file.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="Check it as this format, instead of what is found.", show_default=False
        ),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules of the formats, and stop.")] = False,
    json_: Json = False,
) -> None:
    """Recompute every number of a dataset from its files alone; exit 1 if one is wrong."""
    from twinstage.synth.verify import formats
    from twinstage.synth.verify import verify as check
    from twinstage.synth.verify.rules import RULES

    if rules:
        chosen = {} if format_ not in (None, "native") else dict(RULES)
        chosen |= {} if format_ == "native" else formats.rules_of(format_)
        print_json(chosen) if json_ else print("\n".join(f"{code}: {text}" for code, text in chosen.items()))
        return
    if dataset is None:
        raise UserError("name a dataset: its folder or one of its files (or --rules)")
    ours = format_ is None and dataset.is_dir() and formats.is_native(dataset)
    report = check(dataset) if ours or format_ == "native" else formats.verify_format(dataset, format_)
    if json_:
        print_json(report.as_dict())
    else:
        for finding in report.findings:
            print(finding)
        print(f"{dataset}: {report.checks} checks, {len(report.findings)} findings")
        if report.redrawn is not None:
            print(report.redrawn_line)
    if report.findings:
        raise typer.Exit(1)
