"""The state that a dataset starts from: of a running twin, or of a recording at a moment. As one layer without files.

What the twin had is what `export` writes; here it is the text of a layer that stands alone (`synth.start`).
"""

import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twinstage.base.clock import NS
from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.export import freeze
from twinstage.live.replay import LONGEST_S, ReplayClock, paced, recording_start_ns, replay
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

if TYPE_CHECKING:
    from twinstage.synth.recipe import Recipe
    from twinstage.synth.start import Start
    from twinstage.synth.state_spec import StateSpec

ROUTE = "/api/state"
_WAIT_S = 30.0


def state_text(live: LiveTwin, note: dict[str, Any] | None = None) -> str:
    """The twin's own opinions as the text of a layer. In a served twin: on the server's thread.

    `note`: what the layer says of its moment; by default the time up to which telemetry is complete, or now.
    """
    from pxr import Sdf

    if note is None:
        known = live.ingest.watermark_ns if live.ingest is not None else 0
        note = {"time": iso(known if known > 0 else live.clock.now_ns())}
    layer = Sdf.Layer.CreateAnonymous("state.usda")
    layer.TransferContent(freeze(live, note).layer)
    layer.subLayerPaths = []
    _by_name(live, layer)
    return str(layer.ExportToString())


def _by_name(live: LiveTwin, layer: Any) -> None:
    """What was placed refers to `./LIBRARY/file`: where a library lies on this machine is nobody's business."""
    from pxr import UsdUtils

    def named(path: str) -> str:
        told = live.library.told(path)
        return path if told == path else f"./{told}"

    UsdUtils.ModifyAssetPaths(layer, named)


def iso(ns: int) -> str:
    """`2026-11-24T09:14:00.000Z`."""
    moment = datetime.fromtimestamp(ns / NS, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start_of(recipe: "Recipe", folder: Path, asset_roots: tuple[Path, ...] = ()) -> "Start | None":
    """The state that a recipe in that folder starts from; None where it names none."""
    spec = recipe.state
    if spec is None:
        return None
    if spec.url is not None:
        return _of_url(spec.url)
    roots = (*(folder / root for root in recipe.asset_roots), *asset_roots)
    if spec.history is not None:
        return _of_history(spec, folder / spec.history, folder / recipe.stages[0], folder, roots)
    return _of_recording(spec, folder / recipe.stages[0], folder, roots)


def _of_url(url: str) -> "Start":
    from twinstage.synth.start import MOST_BYTES, checked_start

    whole = url.rstrip("/") + ROUTE
    request = urllib.request.Request(whole)
    token = _token_for(url)
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener()
    try:
        with opener.open(
            request, timeout=_WAIT_S
        ) as answer:  # http and https only: the recipe's model says so
            data = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise UserError(
                f"{whole} asks for a token: set TWINSTAGE_TOKEN, and TWINSTAGE_SERVER={url.rstrip('/')}"
            ) from None
        raise TwinstageError(
            f"{whole} answered {error.code}; a running twin of this version was expected there"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TwinstageError(
            f"no twin answers at {url} ({reason}); start it with `twinstage serve`"
        ) from None
    return checked_start(data.decode("utf-8", "replace"), f"the state of {url}")


def _token_for(url: str) -> str | None:
    """The environment's TWINSTAGE_TOKEN, for the very server that TWINSTAGE_SERVER names: a recipe may come from anybody."""
    from twinstage.sync.access.credentials import token_text

    named = os.environ.get("TWINSTAGE_SERVER", "")
    if not os.environ.get("TWINSTAGE_TOKEN") or urlsplit(named)[:2] != urlsplit(url)[:2]:
        return None
    return token_text("env:TWINSTAGE_TOKEN")


def _of_recording(spec: "StateSpec", stage: Path, folder: Path, roots: tuple[Path, ...]) -> "Start":
    from twinstage.synth.start import checked_start

    if spec.at is None:
        raise UserError("state: which moment of the recording? Give at, or --at")
    files = TwinFiles(
        stage=stage,
        bindings=None if spec.bindings is None else folder / spec.bindings,
        contract=None if spec.contract is None else folder / spec.contract,
        asset_roots=roots,
        recordings=_recordings(spec, folder),
    )
    clock = ReplayClock(0)
    live = open_twin(files, clock=clock)
    if live.contract is None:
        raise UserError(
            "state: neither the recipe nor the stage has bindings, so no recording moves anything"
        )
    began = recording_start_ns(live.contract, live.base_dir)
    clock.start_ns = began or 0
    seconds = _seconds(spec.at, began)
    live.settings = paced(live.settings, seconds)
    replay(live, clock, [seconds], lambda frame, time: None)
    note: dict[str, Any] = {"seconds": seconds}
    if began is not None:
        note["time"] = iso(began + round(seconds * NS))
    text = state_text(live, note)
    return checked_start(text, "the state of the recording")


def _of_history(
    spec: "StateSpec", history: Path, stage: Path, folder: Path, roots: tuple[Path, ...]
) -> "Start":
    """The twin as it was, see `past`."""
    from twinstage.base.clock import ManualClock
    from twinstage.synth.start import checked_start
    from twinstage.telemetry.history.moments import moment_ns
    from twinstage.telemetry.history.query import History

    if spec.at is None:
        raise UserError("state: which moment of the history? Give at, or --at")
    with History(history) as opened:
        span = opened.span()
    if span is None:
        raise UserError(f"state.history: {str(history)!r} has no readings")
    text = spec.at.isoformat() if isinstance(spec.at, datetime) else str(spec.at)
    at_ns = moment_ns(text, span[0], where="state.at")
    files = TwinFiles(
        stage=stage,
        bindings=None if spec.bindings is None else folder / spec.bindings,
        contract=None if spec.contract is None else folder / spec.contract,
        asset_roots=roots,
        past=history,
        past_from=at_ns,
    )
    live = open_twin(files, clock=ManualClock(at_ns))
    assert live.ingest is not None  # without bindings open_twin refuses a past
    live.ingest.close()
    state = state_text(live, {"seconds": (at_ns - span[0]) / NS, "time": iso(at_ns)})
    return checked_start(state, "the state of the history")


def _recordings(spec: "StateSpec", folder: Path) -> tuple[tuple[str, Path], ...]:
    if spec.telemetry is None:
        return ()
    named = {"": spec.telemetry} if isinstance(spec.telemetry, str) else spec.telemetry
    return tuple((source, (folder / path).absolute()) for source, path in named.items())


def _seconds(at: float | datetime, began: int | None) -> float:
    """Seconds from the beginning of the recording."""
    if not isinstance(at, datetime):
        return float(at)
    if began is None:
        raise UserError(
            f"state.at: {at.isoformat()} is a date, but the recording knows only seconds from its beginning; give these"
        )
    seconds = at.timestamp() - began / NS
    if not 0 <= seconds <= LONGEST_S:
        where = "before the recording begins" if seconds < 0 else "more than a week after the recording began"
        raise UserError(f"state.at: {at.isoformat()} lies {where} ({iso(began)})")
    return seconds


def with_moment(recipe: "Recipe", at: str) -> "Recipe":
    """The recipe at another moment: a date and time with its zone, or seconds."""
    from twinstage.synth.overrides import apply_overrides

    if recipe.state is None or recipe.state.url is not None:
        what = "from a running twin" if recipe.state is not None else "from no state"
        raise UserError(
            f"--at {at}: the recipe starts {what}, so there is no recording to choose a moment of"
        )
    from twinstage.synth.recipe import parse_recipe

    return parse_recipe(
        apply_overrides(recipe.model_dump(exclude_none=True), [f"state.at={at}"]), name="--at"
    )
