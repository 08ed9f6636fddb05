"""A foreign file is opened in a child process first: what hangs, crashes or swells there does no harm here.

`python -m twinstage.scene.probe FILE` composes the stage, counts what it would expand to, and prints one JSON object.
The parent (`probe_stage`) gives it a time limit and, where the platform has them, limits of memory and processor
time, and turns every outcome into one sentence. The child loads nothing but pxr.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import TwinstageError, UserError

MAX_PRIMS = 2_000_000
"""More prims than this, instance proxies included, are not expanded."""


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What the child may use: wall-clock time [s] and address space [bytes]."""

    time_s: float = 30.0
    memory: int = 16 << 30


def probe_stage(path: Path, limits: ProbeLimits | None = None) -> dict[str, Any]:
    """Open `path` in a child process and return what it found: prims, layers, warnings.

    Raises UserError where the file is broken or does not end within the limits.
    """
    limits = limits or ProbeLimits()
    command = [
        sys.executable,
        "-m",
        "twinstage.scene.probe",
        str(path),
        str(limits.memory),
        str(limits.time_s),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=limits.time_s, check=False, env=child_environment()
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"stage {path} was still not composed after {limits.time_s:g} s, so it is not opened"
        ) from None
    try:
        answer = json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])
    except (IndexError, ValueError):
        answer = None
    if isinstance(answer, dict):
        if "error" in answer:
            raise UserError(f"stage {path} {answer['error']}")
        return answer
    raise _explain(path, done)


def _explain(path: Path, done: "subprocess.CompletedProcess[bytes]") -> TwinstageError:
    if done.returncode < 0:
        return UserError(
            f"stage {path} makes the USD library crash (signal {-done.returncode}), so it is not opened"
        )
    text = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return TwinstageError(
        f"stage {path} could not be examined: {text[-1] if text else f'exit {done.returncode}'}"
    )


def child_environment() -> dict[str, str]:
    """The environment for a child that is to import this package."""
    # The child must find this package also where the parent was started with a changed sys.path.
    paths = [p for p in sys.path if p]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def examine(path: str) -> dict[str, Any]:
    """What the child prints: {"prims", "layers"} or {"error": half a sentence that follows the file's name}."""
    from pxr import Sdf, Tf, Usd, UsdUtils

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        if Sdf.Layer.FindOrOpen(path) is None:
            return {"error": f"cannot be read: {_first(quiet) or 'it is not a USD file'}"}
        stage = Usd.Stage.Open(path)
    except Tf.ErrorException as problem:
        return {"error": f"cannot be read: {tell_reason(problem)}"}
    layers = [layer for layer in stage.GetUsedLayers() if not layer.anonymous]
    for layer in layers:
        rate = layer.timeCodesPerSecond if layer.HasTimeCodesPerSecond() else 24.0
        if not rate > 0:
            name = layer.identifier
            return {"error": f"has timeCodesPerSecond {rate:g} in {name}; it must be greater than 0"}
    prims = count_prims(stage)
    if prims > MAX_PRIMS:
        return {
            "error": f"expands to {prims:,} prims through its instances; at most {MAX_PRIMS:,} are opened"
        }
    if prims == 0:
        return {"error": f"holds no active, defined prims{_why_empty(quiet)}"}
    return {"prims": prims, "layers": len(layers)}


def count_prims(stage: Any) -> int:
    """Prims of the stage with all instance proxies, by arithmetic: prototypes are counted once and multiplied."""
    from pxr import Usd

    known: dict[Any, int] = {}

    def count(root: Any) -> int:
        total = 0
        for prim in Usd.PrimRange(root):
            total += 1
            if prim.IsInstance():
                prototype = prim.GetPrototype()
                path = prototype.GetPath()
                if path not in known:
                    known[path] = count(prototype) - 1
                total += known[path]
        return total

    return count(stage.GetPseudoRoot()) - 1


def _first(quiet: Any) -> str:
    for item in quiet.TakeUncoalescedDiagnostics():
        text = str(item.commentary).strip().splitlines()
        if text:
            return text[0]
    return ""


def _why_empty(quiet: Any) -> str:
    first = _first(quiet)
    return f": {first}" if first else ""


def tell_reason(problem: Exception) -> str:
    """The heart of an error of the USD library, as half a sentence."""
    # The text of an error that quotes invalid UTF-8 cannot be decoded, so even str() may fail.
    try:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    except UnicodeDecodeError:
        return "it holds bytes that are not valid UTF-8"
    texts = (
        [line for line in lines if not line.startswith("pxr.Tf")]
        or lines
        or ["the USD library gives no reason"]
    )
    quoted = re.search(r"in file \S+ : '(.*)'", texts[0])
    return quoted.group(1) if quoted else texts[0]


def limit_resources(memory: int, seconds: float) -> None:
    """Limit this process: address space [bytes], processor time [s, for four cores]; nothing where there is no POSIX."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the time limit of the parent remains
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    whole = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole * 4, whole * 4))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    """The child's entry point: FILE [BYTES SECONDS]."""
    if len(arguments) > 2:
        limit_resources(int(arguments[1]), float(arguments[2]))
    try:
        answer = examine(arguments[0])
    except MemoryError:
        answer = {"error": "needs more memory than the limit allows, so it is not opened"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # tearing a large stage down takes time and serves nobody


if __name__ == "__main__":
    main(sys.argv[1:])
