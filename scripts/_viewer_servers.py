"""What scripts/viewer_pictures.py takes pictures of: the demo, other commands of `twinstage` that serve a page, their data."""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SETS = Path(tempfile.gettempdir()) / "twinstage-pictures"
"""Data that are made once and serve again in the next run."""
WAREHOUSE = ROOT / "examples" / "warehouse"
EMBED_PORT = 9000
UNSEEN = ("unacknowledged", "returned")
SMALL = (
    "engine.kind=raycast",
    "engine.denoise=false",
    "resolution=[480, 360]",
    "export=[]",
    "accept.min_visible_px=40",
)


def twinstage(*arguments: object, code: int = 0, quiet: bool = False) -> None:
    """A command of ours, to its end; `code`: the exit code that is right; `quiet`: it says what nobody should read."""
    command = [sys.executable, "-m", "twinstage", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=quiet)
    if done.returncode != code:
        raise RuntimeError(f"twinstage {arguments[0]} ended with {done.returncode}")


@contextmanager
def told(command: list[str], until: str) -> Iterator[str]:
    """A program that runs; the first of its lines that fits `until`. What it says later is read and thrown away."""
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    said: list[str] = []
    try:
        for line in child.stdout:
            said.append(line)
            if re.search(until, line):
                break
        else:
            raise SystemExit(f"{' '.join(command[2:])} ended: {''.join(said[-5:]).strip()}")
        threading.Thread(target=child.stdout.read, daemon=True).start()
        yield said[-1]
    finally:
        child.terminate()
        child.wait(30)


@contextmanager
def program(*arguments: object, says: str = "serving ") -> Iterator[str]:
    """A `twinstage` command that serves a page; its address."""
    command = [sys.executable, "-m", "twinstage", *map(str, arguments), "--port", "0"]
    with told(command, f"^{says}.* at http") as line:
        yield line.split(" at ")[1].split()[0].rstrip("/") + "/"


def ask(url: str, body: object = None) -> Any:
    """What a twin answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def begin_demo(held: ExitStack, loud: bool) -> str:
    """A demo whose dataset is written; `loud`: and something has happened in it, its motor has been hot."""
    out = SETS / "demo"
    command = ["demo", "--out", out, "--allow-embed", f"http://localhost:{EMBED_PORT}"]
    if not (out / "manifest.json").is_file():
        twinstage(*command, "--no-wait", "--port", "0")
    url = held.enter_context(program(*command))
    while loud and "motor.hot" not in json.dumps(alarms(url)):
        time.sleep(0.5)
    return url


def alarms(url: str) -> list[dict[str, Any]]:
    """The alarms of a twin that are active or that nobody has acknowledged."""
    told_ = ask(f"{url}api/v1/alarms")
    return list(told_["alarms"] if isinstance(told_, dict) else told_)


def calm(url: str, loud: bool) -> None:
    """Before a state: what only says that this machine was busy is over and acknowledged, the silent robot.

    `loud`: the state is about alarms, or better with some; for others all are acknowledged, so that nothing hides
    their subject.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        standing = alarms(url)
        silent = [one["id"] for one in standing if one["id"] == "robot.silent"]
        seen = silent if loud else [one["id"] for one in standing if one["state"] in UNSEEN]
        if seen:
            ask(f"{url}api/v1/alarms/acknowledge", {"alarms": seen, "by": "control room"})
        if not silent:
            break
        time.sleep(1)


def warehouse() -> Path:
    """A folder with a dataset of the warehouse."""
    out = SETS / "sets" / "warehouse"
    if not (out / "manifest.json").is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        sets = [word for text in SMALL for word in ("--set", text)]
        twinstage(
            "synth",
            "generate",
            (WAREHOUSE / "recipe.yaml").relative_to(
                ROOT
            ),  # the pictures show the command that makes a frame again
            "--out",
            out,
            "--frames",
            "8",
            "--no-verify",
            *sets,
        )
    return out.parent


def recording(url: str) -> Path:
    """Twenty seconds of the demo."""
    out = SETS / "shift.twinrec"
    if not out.is_file():
        twinstage("record", url, "--out", out, "--duration", "20", "--no-stage")
    return out
