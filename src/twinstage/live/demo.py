"""The demo: the bundled work cell, moved by its plant, and a labelled dataset from the same scene.

The dataset is written by a child process, as a user would write it with `twinstage synth generate`, so that the server
keeps its rhythm. A dataset that is whole already is left as it is; a half-written one is resumed.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.assets.library import bundled
from twinstage.base.clock import SystemClock
from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.server import announce, serve_live
from twinstage.live.twin import TwinFiles, open_twin

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.sync.access.choices import AccessChoices


def run_demo(
    *,
    host: str,
    port: int,
    out: Path,
    duration: float | None,
    wait: bool,
    seed: int,
    access: "AccessChoices | None" = None,
) -> None:
    """Serve the work cell and write the dataset.

    With `duration` [s] it ends after that time, but not before the dataset is written; with `wait=False` alone it ends
    as soon as the dataset is written; otherwise Ctrl-C ends it.
    """
    if access is not None:
        access.check(host)
    cell = bundled("workcell")
    there = _is_there(out, seed)
    with tempfile.TemporaryDirectory(prefix="twinstage-demo-") as kept:
        # A history, so that viewers have charts and can go back in time; it goes with the demo.
        files = TwinFiles(
            stage=cell / "workcell.usda", bindings=cell / "bindings.yaml", history=Path(kept) / "history"
        )
        live = open_twin(files, clock=SystemClock(), seed=seed)
        _serve(live, host, port, (cell / "recipe.yaml", out, seed, there), duration, wait, access)


def _serve(
    live: "LiveTwin",
    host: str,
    port: int,
    dataset_of: tuple[Path, Path, int, bool],
    duration: float | None,
    wait: bool,
    access: "AccessChoices | None",
) -> None:
    over = asyncio.Event()
    least = duration if duration is not None else (None if wait else 0.0)

    async def beside() -> None:
        dataset = asyncio.create_task(_write_dataset(*dataset_of))
        if least is None:
            await dataset
            return
        await asyncio.gather(dataset, asyncio.sleep(least))
        over.set()

    serve_live(live, host=host, port=port, on_ready=announce(live), beside=beside, stop=over, access=access)


async def _write_dataset(recipe: Path, out: Path, seed: int, there: bool) -> None:
    if there:
        print(
            f"dataset: {out / 'contact_sheet.png'} (already there; remove {out} to write it again)",
            flush=True,
        )
        return
    arguments = ["synth", "generate", str(recipe), "--out", str(out), "--seed", str(seed)]
    code = await _run_child(arguments)
    if code == 0:
        print(f"dataset: {out / 'contact_sheet.png'}", flush=True)
    elif code == UserError.exit_code:
        raise UserError(f"the demo's dataset was not written to {out}; the sentence above says why")
    else:
        raise TwinstageError(f"writing the demo's dataset to {out} failed with exit code {code}")


def _is_there(out: Path, seed: int) -> bool:
    """Whether an earlier demo of the same recipe finished its dataset here; UserError if `out` holds anything else."""
    from twinstage.synth.generation import check_out, resolved
    from twinstage.synth.recipe import load_recipe

    if not (out / "manifest.json").exists():
        check_out(out)
        return False
    try:
        manifest = json.loads((out / "manifest.json").read_bytes())
        found = manifest["recipe_hash"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{out / 'manifest.json'} is damaged; remove {out} or choose another folder with --out"
        ) from None
    if found != resolved(load_recipe(bundled("workcell") / "recipe.yaml"), seed=seed).hash:
        raise UserError(
            f"{out} holds another finished dataset; remove it or choose another folder with --out"
        )
    return True


async def _run_child(arguments: Sequence[str]) -> int:
    # A session of its own: Ctrl-C in the terminal reaches only us, and we end the child in an orderly way.
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "twinstage", *arguments, start_new_session=True, preexec_fn=_be_nice
    )
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            await child.wait()


def _be_nice() -> None:
    os.nice(5)
