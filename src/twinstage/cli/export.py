"""`twinstage export`: a twin's state, or a recorded window of it, as USD or GLB."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import AssetRoots, Json, Variants, print_json, variant_choices


def export(
    stage: Annotated[
        Path, typer.Argument(help="The USD stage of the twin, or a recording (.twinrec).", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The file to write: .usda, .usdc, .usdz or .glb; of a recording .html or .mcap.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Of a recording: one page that plays it without a server.", show_default=False
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            "--rate", min=0.1, max=1000, help="Of a recording as .mcap: transforms a second at most."
        ),
    ] = 10.0,
    bindings: Annotated[
        Path | None, typer.Option("--bindings", help="bindings.yaml of the twin.", show_default=False)
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            help="contract.yaml, if it is not the one that the bindings name.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option(
            "--at", help="Export the state that many seconds into the recording.", show_default=False
        ),
    ] = None,
    window: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--window",
            metavar="START END",
            help="Export that span of the recording \\[s] as time samples.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Frames a second of a window; the stage's time codes, if you give none."),
    ] = None,
    clips: Annotated[
        bool, typer.Option("--clips", help="Write the window as value clips beside a small root file.")
    ] = False,
    clip_seconds: Annotated[float, typer.Option("--clip-seconds", help="Length of a clip.")] = 10.0,
    layer: Annotated[
        bool | None,
        typer.Option(
            "--layer/--flatten",
            help="Only what the twin changed, over the stage (.usda does so), or one file with everything.",
            show_default=False,
        ),
    ] = None,
    copy_assets: Annotated[
        bool, typer.Option("--copy-assets", help="With --flatten: copy images beside the file.")
    ] = False,
    instancing: Annotated[
        bool,
        typer.Option(
            "--instancing", help="In a GLB: point instances in few nodes (EXT_mesh_gpu_instancing)."
        ),
    ] = False,
    still: Annotated[
        bool, typer.Option("--still", help="In a GLB: one moment only, no animations and no skins.")
    ] = False,
    compress: Annotated[
        str | None, typer.Option("--compress", help="Not offered yet; says what to do instead.", hidden=True)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of simulated sources.")] = 0,
    asset_root: AssetRoots = None,
    variant: Variants = None,
    json_: Json = False,
) -> None:
    """Write the state of a twin, or a recorded window, to a file that plain OpenUSD or any glTF viewer opens.

    [bold]twinstage export shift.twinrec --html shift.html[/bold] writes a page that plays a recording without a server.

    [bold]twinstage export cell.usda --bindings bindings.yaml --at 12.5 --out state.usda[/bold]
    [bold]twinstage export cell.usda --bindings bindings.yaml --window 0 60 --clips --out hour.usda[/bold]

    The designers' files are never written.
    """
    from twinstage.live.export import ExportOptions, export_files
    from twinstage.live.twin import TwinFiles

    if html is not None or stage.suffix in (".twinrec", ".mcap"):
        _export_recording(stage, html, out, window, rate, force, json_)
        return
    if out is None:
        raise UserError("--out is missing: the file to write")
    if compress is not None:
        raise UserError(
            f"--compress {compress}: GLB files are written without meshopt or KTX2; compress {out.name} afterwards, for "
            "example with `npx @gltf-transform/cli optimize`"
        )
    options = ExportOptions(
        out=out,
        form=None if layer is None else "layer" if layer else "flat",
        copy_assets=copy_assets,
        instancing=instancing,
        still=still,
        clips=clips,
        clip_seconds=clip_seconds,
        force=force,
    )
    files = TwinFiles(
        stage=stage,
        bindings=bindings,
        contract=contract,
        asset_roots=tuple(asset_root or ()),
        variants=variant_choices(variant),
    )
    done = export_files(files, options, at=at, window=window, fps=fps, seed=seed)
    if json_:
        print_json(done.as_dict())
        return
    for finding in done.findings:
        print(f"note: {finding}")
    frames = f", {done.frames} frame{'s' * (done.frames > 1)}" if done.frames else ""
    chunks = f" in {done.clips} clip{'s' * (done.clips > 1)}" if done.clips else ""
    print(f"{done.path}: {done.form}{frames}{chunks}, {done.bytes / 1024:.1f} kB")


def _export_recording(
    recording: Path,
    html: Path | None,
    out: Path | None,
    window: tuple[float, float] | None,
    rate: float,
    force: bool,
    json_: bool,
) -> None:
    from twinstage.live.recording.convert import convert

    if html is not None and html.suffix != ".html":
        raise UserError(f"--html {html}: the page's name should end in .html")
    wanted = [path for path in (html, out) if path is not None]
    if not wanted:
        raise UserError("a recording becomes --html FILE.html or --out FILE.mcap")
    made = [convert(recording, path, window=window, rate=rate, force=force) for path in wanted]
    if json_:
        files = [{"path": one.path, "bytes": one.bytes, "notes": one.notes} for one in made]
        print_json({"files": files})
        return
    for one in made:
        for note in one.notes:
            print(f"note: {note}")
        print(f"{one.path}: {one.bytes / 1024:.1f} kB")
