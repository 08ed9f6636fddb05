"""`twinstage render`: pictures, films, contact sheets and labels of a stage."""

from pathlib import Path
from typing import Annotated, Any

import typer

from twinstage.cli.common import (
    AssetRoots,
    Json,
    Variants,
    print_json,
    print_notes,
    progress,
    sigterm_stops,
    variant_choices,
)

LOOK, MAKE, WRITE, STAGE = "Where to look from", "How to render", "What to write", "The stage"


def render(
    stage: Annotated[Path, typer.Argument(help="The USD stage.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="A picture (.png .jpg .exr .npy), a film (.mp4 .gif .webp .apng), labels (.json) or a folder.",
            rich_help_panel=WRITE,
        ),
    ] = Path("render.png"),
    aov: Annotated[
        list[str] | None,
        typer.Option(
            "--aov",
            help="What a pixel holds: rgb, depth, normal, semantic, ...; several with commas.",
            rich_help_panel=WRITE,
            show_default=False,
        ),
    ] = None,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="AOVs as pictures: ids in colours, depth on a ramp.", rich_help_panel=WRITE
        ),
    ] = False,
    labels: Annotated[
        bool,
        typer.Option("--labels", help="Also labels.json: objects, boxes, K, pose.", rich_help_panel=WRITE),
    ] = False,
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay", help="Draw masks, boxes and names over the picture.", rich_help_panel=WRITE
        ),
    ] = False,
    sheet: Annotated[
        bool,
        typer.Option("--sheet", help="All pictures on one contact sheet.", rich_help_panel=WRITE),
    ] = False,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            help="Pictures a second of films; the stage's rate, if you name none.",
            rich_help_panel=WRITE,
        ),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera",
            help="Name or path of a camera, or a .json of one; once for each. Without it the first, or the whole scene.",
            rich_help_panel=LOOK,
            show_default=False,
        ),
    ] = None,
    eye: Annotated[
        str | None,
        typer.Option(
            "--eye", help="Look from x,y,z in metres, Z up.", rich_help_panel=LOOK, show_default=False
        ),
    ] = None,
    look_at: Annotated[
        str | None,
        typer.Option(
            "--look-at",
            help="With --eye: look at x,y,z; the middle of the scene, if you name none.",
            rich_help_panel=LOOK,
            show_default=False,
        ),
    ] = None,
    fov: Annotated[
        float,
        typer.Option("--fov", help="With --eye: field of view across, in degrees.", rich_help_panel=LOOK),
    ] = 60.0,
    square_pixels: Annotated[
        bool,
        typer.Option(
            "--square-pixels/--fill-aperture",
            help="With --camera: square pixels, or both apertures of the camera on the picture, stretched if need be.",
            rich_help_panel=LOOK,
        ),
    ] = True,
    turntable: Annotated[
        int | None,
        typer.Option(
            "--turntable", help="That many views round the scene.", rich_help_panel=LOOK, show_default=False
        ),
    ] = None,
    elevation: Annotated[
        float,
        typer.Option("--elevation", help="With --turntable: degrees above the ground.", rich_help_panel=LOOK),
    ] = 25.0,
    lens: Annotated[
        str | None,
        typer.Option(
            "--lens",
            help="Another lens: a .json or .yaml file, or kind:coefficients.",
            rich_help_panel=LOOK,
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="path (global light), direct (fast), raycast (needs no compiler), null, or bpy (Cycles).",
            rich_help_panel=MAKE,
        ),
    ] = "path",
    spp: Annotated[
        int, typer.Option("--spp", min=1, max=65536, help="Samples a pixel.", rich_help_panel=MAKE)
    ] = 64,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Pixels, as in 1280x720.", rich_help_panel=MAKE, show_default=False),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", min=1, max=16384, help="Pixels.", rich_help_panel=MAKE)
    ] = None,
    height: Annotated[
        int | None, typer.Option("--height", min=1, max=16384, help="Pixels.", rich_help_panel=MAKE)
    ] = None,
    exposure: Annotated[
        float, typer.Option("--exposure", help="Brightness in stops (EV).", rich_help_panel=MAKE)
    ] = 0.0,
    tone_map: Annotated[
        str | None,
        typer.Option(
            "--tone-map", help="How light becomes colour.", rich_help_panel=MAKE, show_default=False
        ),
    ] = None,
    denoise: Annotated[
        bool, typer.Option("--denoise", help="Take the noise out.", rich_help_panel=MAKE)
    ] = False,
    sensor: Annotated[
        str | None,
        typer.Option(
            "--sensor",
            help="Sensor effects: a .yaml file, or a kind.",
            rich_help_panel=MAKE,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            help="Seed of the samples: the same seed gives the same bytes.",
            rich_help_panel=MAKE,
        ),
    ] = 0,
    time: Annotated[
        float | None,
        typer.Option(
            "--time",
            help="Time code of animated values; the start, if you name none.",
            rich_help_panel=STAGE,
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames",
            help="Time codes: 0:48 (both included), 0:48:2, 1,5,9, or all.",
            rich_help_panel=STAGE,
            show_default=False,
        ),
    ] = None,
    refine: Annotated[
        int | None,
        typer.Option(
            "--refine",
            min=0,
            max=6,
            help="Levels of subdivision; 0 draws cages, 2 if you name none.",
            rich_help_panel=STAGE,
        ),
    ] = None,
    asset_root: AssetRoots = None,
    variant: Variants = None,
    json_: Json = False,
) -> None:
    """Render pictures, films, contact sheets and labels of a stage.

    [bold]twinstage render cell.usda --camera Main --out main.png[/bold]
    [bold]twinstage render cell.usda --camera Main --aov rgb,depth,semantic --labels --out views[/bold]
    [bold]twinstage render cell.usda --frames all --out film.mp4[/bold]
    [bold]twinstage render pot.usda --turntable 48 --out pot.mp4[/bold]
    """
    from twinstage.live.pictures import Job, render_job
    from twinstage.live.pictures.job import parse_names, parse_point
    from twinstage.render.outputs import check_aovs

    names = [name for text in aov or () for name in parse_names(text)]

    job = Job(
        stage=stage,
        out=out,
        cameras=tuple(camera or ()),
        engine=engine,
        spp=spp,
        size=_size(size, width, height),
        aovs=() if aov is None else check_aovs(names),
        time=time,
        frames=frames,
        eye=None if eye is None else parse_point("--eye", eye),
        look_at=None if look_at is None else parse_point("--look-at", look_at),
        fov=fov,
        square_pixels=square_pixels,
        turntable=turntable,
        elevation=elevation,
        seed=seed,
        exposure=exposure,
        tone_map=tone_map,
        denoise=denoise,
        lens=lens,
        sensor=sensor,
        sheet=sheet,
        preview=preview,
        labels=labels,
        overlay=overlay,
        fps=fps,
        refine=refine,
        asset_roots=tuple(asset_root or ()),
        variants=variant_choices(variant),
    )
    with sigterm_stops(), progress("pictures") as update:
        done = render_job(job, update)
    if json_:
        print_json(done)
    else:
        print_notes([row["message"] for row in done["findings"]], f"`twinstage assets check {stage}`")
        print(
            f"{_files(done)}: {_cameras(done)}, {job.size[0]} x {job.size[1]}, {engine}, {done['seconds']:.1f} s"
        )


def _size(size: str | None, width: int | None, height: int | None) -> tuple[int, int]:
    from twinstage.base.errors import UserError
    from twinstage.live.pictures.job import parse_size

    if size is not None and (width is not None or height is not None):
        raise UserError("--size and --width or --height both say how large; give one of them")
    if size is not None:
        return parse_size(size)
    return 1280 if width is None else width, 720 if height is None else height


def _files(done: dict[str, Any]) -> str:
    files = done["files"]
    return files[0] if len(files) == 1 else f"{done['out']} ({len(files)} files)"


def _cameras(done: dict[str, Any]) -> str:
    names, frames = done["cameras"], done["frames"]
    told = names[0] if len(names) == 1 else f"{len(names)} cameras"
    return told if frames == 1 else f"{told}, {frames} frames"
