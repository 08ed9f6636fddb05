"""`twinstage bind ...`: propose bindings, prove them, keep them in a stage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import AssetRoots, Json, new_file, print_json, write_text

if TYPE_CHECKING:
    from twinstage.live.bind_check import Effect

app = typer.Typer(
    name="bind",
    no_args_is_help=True,
    help="Say which signal moves what: propose, prove, store.",
    rich_markup_mode="rich",
)

Stage = Annotated[Path, typer.Argument(help="The USD stage.", show_default=False)]
Contract = Annotated[Path | None, typer.Option("--contract", help="contract.yaml.", show_default=False)]
BindingsFile = Annotated[
    Path | None,
    typer.Option("--bindings", help="bindings.yaml; without it, what the stage holds.", show_default=False),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write it there instead of printing it.", show_default=False)
]


@app.command()
def suggest(
    stage: Stage,
    contract: Annotated[Path, typer.Option("--contract", help="contract.yaml.", show_default=False)],
    out: Out = None,
    asset_root: AssetRoots = None,
) -> None:
    """Propose bindings from names, units and types, each with a reason; guesses are commented out."""
    import os

    from twinstage.live.suggest.propose import propose_file
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage
    from twinstage.telemetry.contract import load_contract

    found = load_contract(contract)
    opened = open_stage(stage, asset_roots=tuple(asset_root or ()))
    folder = out.parent if out is not None else contract.parent
    name = Path(os.path.relpath(contract.absolute(), folder.absolute())).as_posix()
    text = propose_file(opened, read_snapshot(opened), found, name)
    guesses = text.count("\n  #- {")
    _write(text, out, f"{text.count(chr(10) + '  - {')} bindings proposed, {guesses} guesses commented out")


@app.command()
def check(
    stage: Stage,
    bindings: BindingsFile = None,
    contract: Contract = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", help="SOURCE=FILE: replay that file for a source; once for each.", show_default=False
        ),
    ] = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Prove that bindings hold: examine the twin, replay its recordings, and say what each binding did.

    Exit 1 if a binding cannot hold, is doubtful, or does nothing.
    """
    from twinstage.live.bind_check import PROOF_CODES, check_bindings
    from twinstage.live.twin import TwinFiles

    proof = check_bindings(TwinFiles(stage, bindings, contract, tuple(asset_root or ())), _data(data or []))
    if not proof.effects and not proof.findings:
        raise UserError(f"stage {stage} holds no bindings; name a file with --bindings")
    told = [f for f in proof.findings if f.code.startswith(PROOF_CODES)]
    if json_:
        print_json(
            {
                "holds": proof.holds, "moments": proof.moments, "seconds": proof.seconds, "unseen": list(proof.unseen),
                "bindings": [effect.as_dict() for effect in proof.effects], "findings": [f.as_dict() for f in told],
            }
        )  # fmt: skip
    else:
        for effect in proof.effects:
            print(_line(effect, proof.moments))
        for f in told:
            print(f"{f.severity:7}  {f.message}{f'; {f.fix}' if f.fix else ''}  [{f.code}]")
        for name in proof.unseen:
            print(f"unseen   signal {name}")
        idle = sum(effect.idle for effect in proof.effects)
        print(
            f"{len(proof.effects)} bindings over {proof.seconds:.1f} s ({proof.moments} moments): {idle} did nothing, "
            f"{sum(f.severity == 'error' for f in told)} errors, {sum(f.severity == 'warning' for f in told)} warnings"
        )
    if not proof.holds:
        raise typer.Exit(1)


@app.command()
def export(
    bindings: Annotated[Path, typer.Argument(help="bindings.yaml.", show_default=False)],
    stage: Stage,
    out: Annotated[
        Path, typer.Option("--out", help="The layer to write (.usda); it opens as the stage with its wiring.")
    ],
    asset_root: AssetRoots = None,
) -> None:
    """Store bindings as `twin:*` attributes and relationships in a layer over the stage."""
    import os

    from twinstage.scene.bindings import load_bindings
    from twinstage.scene.stage import open_stage
    from twinstage.scene.stored import store_bindings

    if out.suffix != ".usda":
        raise UserError(f"{out} is no name for a text layer; it has to end in .usda")
    if out.exists() and out.samefile(stage):
        raise UserError(f"{out} is the stage itself, which is never written; name another file")
    found = load_bindings(bindings)

    def from_out(path: Path) -> str:
        relative = Path(os.path.relpath(path.absolute(), out.parent.absolute())).as_posix()
        return relative if relative.startswith(".") else f"./{relative}"

    opened = open_stage(stage, asset_roots=tuple(asset_root or ()))
    text = store_bindings(found, opened, from_out(bindings.parent / found.contract), over=from_out(stage))
    _write(text, out, f"{len(found.bindings)} bindings stored; open it instead of {stage}")


@app.command("import")
def import_(stage: Stage, out: Out = None, asset_root: AssetRoots = None) -> None:
    """Write the bindings that a stage holds as a bindings file."""
    import os

    from twinstage.scene.stage import open_stage
    from twinstage.scene.stored import as_yaml, read_stored

    opened = open_stage(stage, asset_roots=tuple(asset_root or ()))
    found, contract, findings = read_stored(opened)
    if findings:
        raise UserError(findings[0].message)
    folder = out.parent if out is not None else Path()
    name = Path(os.path.relpath(contract, folder.absolute())).as_posix()
    text = as_yaml(found.model_copy(update={"contract": name}))
    _write(text, out, f"{len(found.bindings)} bindings")


def _data(options: list[str]) -> dict[str, Path]:
    out = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--data {option!r} is no SOURCE=FILE")
        out[name] = Path(path)
    return out


def _write(text: str, out: Path | None, done: str) -> None:
    """Print the text, or write it to a new file and say what was `done`."""
    if out is None:
        print(text, end="")
        return
    new_file(out, "--out")
    write_text(out, text)
    print(f"{out}: {done}")


def _line(e: "Effect", moments: int) -> str:
    from twinstage.telemetry.printed import with_unit

    parts = []
    if e.low is not None and e.high is not None:
        parts.append(f"{e.low:.4g} to {with_unit(f'{e.high:.4g}', e.unit)}")
    if e.moved_m > 1e-6:
        parts.append(f"moved {e.moved_m:.3g} m")
    if e.turned_deg > 1e-6:
        parts.append(f"turned {e.turned_deg:.3g} deg")
    if e.scaled and e.scaled[1] > e.scaled[0]:
        parts.append(f"scaled by {e.scaled[0]:.3g} to {e.scaled[1]:.3g}")
    if e.kind == "attach":
        parts.append(f"took {e.changes}")
    elif e.changes and e.kind != "pose":
        parts.append(f"{e.changes} changes")
    if e.beyond:
        parts.append(f"beyond its limits at {e.beyond} of {moments} moments")
    if e.unseen:
        parts.append(f"no value of {', '.join(e.unseen)}")
    state = "idle" if e.idle else "ok  "
    return f"{state}  {e.kind:10} {e.prim}  <- {', '.join(e.signals) or 'constants'}: {', '.join(parts) or 'nothing happened'}"
