"""The child that tries foreign files: `python -m twinstage.scene.safe.child [fork|plain]`, JSON lines in and out.

It loads the libraries once. On Linux it then forks for each file: the fork puts limits and the kernel's wall (Landlock) on
itself, tries the file, answers and ends, so no file can leave anything behind for the next. Elsewhere ("plain") the one
process tries file after file, and the parent starts another after a fault.

A request names its task as `module:function`; the function gets the request and returns what goes into the answer. A task
writes nothing, unless its request names folders that it may write in (`writes`) and how large a file may be (`file_bytes`).
A task that may not run without the wall says so in its request: `needs_wall` is the sentence that refuses it where none stands.
"""

import importlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

from twinstage.base.errors import UserError

IDLE_S = 120.0
"""A child that hears nothing for so long ends by itself [s]; the parent starts another when it needs one."""
MAX_ANSWER = 64 << 20
_DEATH_SIGNAL = 1


def scene_task(request: dict[str, Any]) -> dict[str, Any]:
    """Open (and read) a stage as the parent will; what it holds and what was found."""
    from pathlib import Path

    from twinstage.scene.read import read_snapshot
    from twinstage.scene.safe.expansion import survey
    from twinstage.scene.stage import open_stage

    opened = open_stage(
        Path(request["path"]),
        [Path(root) for root in request["roots"]],
        request["load"],
        request["population"],
        probe=False,
    )
    size = survey(opened.stage).total
    answer = {
        "prims": size.prims,
        "layers": len(opened.stage.GetUsedLayers()),
        "clean": opened.clean,
        "findings": [finding.as_dict() for finding in opened.findings],
    }
    if request["depth"] == "snapshot":
        snapshot = read_snapshot(opened)
        answer["findings"] = [finding.as_dict() for finding in snapshot.findings]
        answer["drawings"] = len(snapshot.instances)
        answer["triangles"] = int(sum(len(p.triangles) for p in snapshot.prototypes))
    return answer


def attempt(request: dict[str, Any], *, walled: bool = False) -> dict[str, Any]:
    """Run a request's task: {"ok": ...}, {"refused": sentence}, {"memory": ""} or {"failure": text}.

    walled: whether the kernel's wall stands around this process.
    """
    if request.get("needs_wall") and not walled:
        return {"refused": request["needs_wall"]}
    module, _, function = request["task"].partition(":")
    try:
        return {"ok": getattr(importlib.import_module(module), function)(request)}
    except UserError as problem:
        return {"refused": str(problem)}
    except MemoryError:
        return {"memory": ""}
    except Exception as problem:
        return _failure(request, problem)


def _failure(request: dict[str, Any], problem: Exception) -> dict[str, Any]:
    """A complaint of the USD library refuses the file; anything else is a defect of ours."""
    from pxr import Tf

    from twinstage.scene.probe import tell_reason

    if "bad_alloc" in _text(problem):
        return {"memory": ""}
    if isinstance(problem, Tf.ErrorException):
        return {"refused": f"stage {request.get('path')} cannot be read: {tell_reason(problem)}"}
    frame = problem.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" ({os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno})" if frame else ""
    return {"failure": " ".join(f"{type(problem).__name__}: {_text(problem)}".split())[:500] + place}


def _text(problem: Exception) -> str:
    try:
        return str(problem)
    except UnicodeDecodeError:  # errors of the USD library that quote invalid UTF-8
        return ""


def limit_resources(memory: int, seconds: float, file_bytes: int = 0) -> None:
    """Limit this process: address space [bytes], processor time [s, for four cores], no core dumps, size of files written."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the time limit of the parent remains
        return
    whole = (int(seconds) + 1) * 4
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: whole,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: file_bytes,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def limit_address_space(memory: int) -> None:
    """Limit this process's address space [bytes], and forbid core dumps: for children that live long."""
    try:
        import resource
    except ImportError:
        return
    for kind, value in {resource.RLIMIT_AS: memory, resource.RLIMIT_CORE: 0}.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _in_fork(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, limit, try; kill at the deadline. The answer gets seconds, peak memory and, after a crash, the signal."""
    answers, told = os.pipe()
    errors, erred = os.pipe()
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        os.close(errors)
        os.dup2(erred, 2)
        walled = _become_limited(request)
        _write_all(told, json.dumps(attempt(request, walled=walled)).encode())
        os._exit(0)  # tearing a large stage down takes time and serves nobody
    os.close(told)
    os.close(erred)
    text, stderr, late = _drain(answers, errors, begun + request["time_s"])
    if late:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    answer = {"time": ""} if late else _outcome(text, status, stderr)
    scale = 1 if sys.platform == "darwin" else 1024
    return {**answer, "seconds": time.monotonic() - begun, "peak_memory": usage.ru_maxrss * scale}


def _become_limited(request: dict[str, Any]) -> bool:
    """Put limits on this process; whether the kernel's wall stands around it now."""
    import ctypes

    from twinstage.scene.safe.landlock import restrict_reads

    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    walled = False
    if request["landlock"]:
        # The stage's own folder, as links lead there and as it is called; and the roots.
        places = [
            os.path.dirname(request["path"]) or ".",
            os.path.realpath(request["path"]),
            *request["roots"],
        ]
        walled = restrict_reads(places, request.get("writes", ()))
    limit_resources(request["memory"], request["time_s"], request.get("file_bytes", 0))
    return walled


def _drain(answers: int, errors: int, deadline: float) -> tuple[bytes, bytes, bool]:
    """What the fork says on both pipes until it closes them; True where the deadline came first."""
    parts: dict[int, bytearray] = {answers: bytearray(), errors: bytearray()}
    open_ends = {answers, errors}
    late = False
    while answers in open_ends:
        left = deadline - time.monotonic()
        ready = select.select(list(open_ends), [], [], max(left, 0))[0] if left > 0 else []
        if not ready:
            late = True
            break
        for end in ready:
            chunk = os.read(end, 1 << 16)
            if not chunk:
                open_ends.discard(end)
            elif len(parts[end]) < MAX_ANSWER:
                parts[end] += chunk
    while errors in open_ends and select.select([errors], [], [], 0)[0]:
        chunk = os.read(errors, 1 << 16)
        if not chunk:
            break
        parts[errors] += chunk
    os.close(answers)
    os.close(errors)
    return bytes(parts[answers]), bytes(parts[errors]), late


def _outcome(text: bytes, status: int, stderr: bytes) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return {"time": ""}
        return {"memory": ""} if b"bad_alloc" in stderr else {"crash": f"signal {number}"}
    try:
        answer = json.loads(text)
    except ValueError:
        last = stderr.decode("utf-8", "replace").strip().splitlines()
        return {"failure": last[-1] if last else f"no answer, exit {os.waitstatus_to_exitcode(status)}"}
    return dict(answer)


def _write_all(end: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(end, view) :]


def _preload() -> None:
    """Everything that a file may need, so that forks share it and load nothing behind the wall."""
    import pkgutil

    from pxr import Sdf, Usd, UsdGeom, UsdLux, UsdSemantics, UsdShade, UsdUtils

    import twinstage.scene.read
    import twinstage.scene.stage

    for module in pkgutil.iter_modules(twinstage.scene.read.__path__, "twinstage.scene.read."):
        importlib.import_module(module.name)
    del Sdf, UsdGeom, UsdLux, UsdSemantics, UsdShade, UsdUtils
    Usd.SchemaRegistry()


def serve(fork: bool) -> None:
    """Answer requests until the parent closes the pipe or nothing comes for a while."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    _preload()
    _write_all(out, b'{"ready": true}\n')
    limited = False
    buffer = b""
    while True:
        while b"\n" not in buffer:
            if not select.select([0], [], [], IDLE_S)[0]:
                return
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            buffer += chunk
        line, _, buffer = buffer.partition(b"\n")
        request = json.loads(line)
        if fork:
            importlib.import_module(request["task"].partition(":")[0])  # once, for all forks
            answer = _in_fork(request)
        else:
            if not limited:
                limit_resources(request["memory"], 3600.0, request.get("file_bytes", 0))
                limited = True
            begun = time.monotonic()
            answer = attempt(request)
            answer["seconds"] = time.monotonic() - begun
        _write_all(out, json.dumps(answer).encode() + b"\n")


def main(arguments: list[str]) -> int:
    """Entry point."""
    serve(fork="plain" not in arguments)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
