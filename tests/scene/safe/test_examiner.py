"""One child for many files: it survives what they do, and the kernel's wall holds in it."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe import landlock
from twinstage.scene.safe.examiner import SCENE_TASK, Examiner

LIMITS = ProbeLimits(time_s=20.0, memory=4 << 30)
HERE = "twinstage.scene.safe.child"


# Tasks that a child runs; this file reaches it through the path of this process.
def spin(request: dict[str, Any]) -> dict[str, Any]:
    while True:
        pass


def swell(request: dict[str, Any]) -> dict[str, Any]:
    return {"n": len(bytearray(8 << 30))}


def crash(request: dict[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def read(request: dict[str, Any]) -> dict[str, Any]:
    return {"text": Path(request["read"]).read_text()}


def write(request: dict[str, Any]) -> dict[str, Any]:
    Path(request["write"]).write_text("x")
    return {}


def connect(request: dict[str, Any]) -> dict[str, Any]:
    import socket

    with socket.create_connection(("127.0.0.1", request["port"]), timeout=2):
        return {"connected": True}


def blunder(request: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("ours")


def refuse(request: dict[str, Any]) -> dict[str, Any]:
    raise UserError("one sentence")


def number(request: dict[str, Any]) -> dict[str, Any]:
    return {"pid": os.getpid(), "parent": os.getppid()}


@pytest.fixture(scope="module", params=["fork", "plain"])
def examiner(request: pytest.FixtureRequest) -> Iterator[Examiner]:
    if request.param == "fork" and not sys.platform.startswith("linux"):
        pytest.skip("forks are used on Linux alone")
    sys.path.insert(0, str(Path(__file__).parent))
    with Examiner(fork=request.param == "fork") as made:
        yield made
    sys.path.remove(str(Path(__file__).parent))


def ask(examiner: Examiner, task: str, limits: ProbeLimits = LIMITS, **request: object) -> Any:
    return examiner.examine(
        f"test_examiner:{task}", {"path": "/nowhere/x.usda", "roots": [], **request}, limits
    )


def test_outcomes_and_the_same_child_serves_on(examiner: Examiner) -> None:
    assert ask(examiner, "number").outcome == "ok"
    assert ask(examiner, "spin", ProbeLimits(time_s=0.5)).outcome == "time"
    assert ask(examiner, "crash").outcome == "crash"
    refused = ask(examiner, "refuse")
    assert (refused.outcome, refused.message) == ("refused", "one sentence")
    failed = ask(examiner, "blunder")
    assert failed.outcome == "failure"
    assert "KeyError: 'ours' (test_examiner.py:" in failed.message
    assert ask(examiner, "swell").outcome == "memory"
    assert ask(examiner, "number").outcome == "ok"
    # Only where the child itself tries the files is another one needed after a fault.
    assert examiner.started == (1 if examiner.fork else 3)


def test_a_time_limit_is_kept(examiner: Examiner) -> None:
    begun = time.monotonic()
    ask(examiner, "spin", ProbeLimits(time_s=0.3))
    assert time.monotonic() - begun < 5


def test_a_dead_child_is_replaced(examiner: Examiner) -> None:
    ask(examiner, "number")
    child = examiner._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert ask(examiner, "number").outcome == "ok"


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ended", [False, True], ids=["that runs", "that ended by itself"])
def test_a_child_that_nobody_holds_any_more_is_ended(tmp_path: Path, ended: bool) -> None:
    """As where a server is dropped with all that it holds, in a circle: no process and no zombie is left."""
    made = Examiner()
    request = {
        "path": str(tmp_path / "none.usda"),
        "roots": [],
        "depth": "open",
        "load": "all",
        "population": None,
    }
    assert made.examine(SCENE_TASK, request, LIMITS).outcome == "refused"
    assert made._child is not None
    child = made._child.pid
    if ended:
        os.kill(child, signal.SIGKILL)
    holder: dict[str, object] = {"examiner": made}
    holder["itself"] = holder
    del made, holder
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_it_opens_stages(examiner: Examiner, tmp_path: Path) -> None:
    path = tmp_path / "s.usda"
    path.write_text('#usda 1.0\ndef Cube "C" {\n}\n')
    request = {"path": str(path), "roots": [], "depth": "snapshot", "load": "all", "population": None}
    done = examiner.examine(SCENE_TASK, request, LIMITS)
    assert done.outcome == "ok", done
    assert (done.answer["prims"], done.answer["triangles"]) == (1, 12)
    assert done.answer["clean"][0][0] == str(path)
    assert {f["code"] for f in done.answer["findings"]} == {"stage.units", "stage.up-axis"}


@pytest.fixture
def walled() -> Iterator[Examiner]:
    if not landlock.available():
        pytest.skip("this kernel has no Landlock")
    sys.path.insert(0, str(Path(__file__).parent))
    with Examiner() as made:
        yield made
    sys.path.remove(str(Path(__file__).parent))


def test_the_wall_stops_reading_writing_and_the_network(walled: Examiner, tmp_path: Path) -> None:
    import socket

    home, root, other = (tmp_path / name for name in ("home", "root", "other"))
    for folder in (home, root, other):
        folder.mkdir()
        (folder / "f.txt").write_text(folder.name)
    base = {"path": str(home / "s.usda"), "roots": [str(root)]}
    for folder, outcome in ((home, "ok"), (root, "ok"), (other, "failure")):
        done = walled.examine("test_examiner:read", {**base, "read": str(folder / "f.txt")}, LIMITS)
        assert done.outcome == outcome, done
    assert "PermissionError" in done.message
    done = walled.examine("test_examiner:write", {**base, "write": str(home / "new.txt")}, LIMITS)
    assert "PermissionError" in done.message
    assert not (home / "new.txt").exists()
    if landlock.available() >= 4:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            done = walled.examine("test_examiner:connect", {**base, "port": port}, LIMITS)
        assert "PermissionError" in done.message


@pytest.mark.parametrize("fork", [True, False])
def test_a_task_that_needs_the_wall_is_refused_without(fork: bool) -> None:
    if fork and not sys.platform.startswith("linux"):
        pytest.skip("forks are used on Linux alone")
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        with Examiner(fork=fork, landlock=False) as made:
            done = ask(made, "number", needs_wall="no wall here")
            assert (done.outcome, done.message) == ("refused", "no wall here")
            assert ask(made, "number", needs_wall="").outcome == "ok"
    finally:
        sys.path.remove(str(Path(__file__).parent))


def test_a_task_that_needs_the_wall_is_done_behind_it(walled: Examiner) -> None:
    assert ask(walled, "number", needs_wall="no wall here").outcome == "ok"


def environ(request: dict[str, Any]) -> dict[str, Any]:
    return {"own": sorted(os.environ), "kernel": Path("/proc/self/environ").read_bytes().decode()}


def test_the_child_knows_no_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWINSTAGE_TOKEN", "AWS_SECRET_ACCESS_KEY", "PXR_TEST_KEPT", "LC_TEST_KEPT"):
        monkeypatch.setenv(name, "open sesame" if "KEPT" not in name else "kept")
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        with Examiner() as made:
            done = ask(made, "environ")
    finally:
        sys.path.remove(str(Path(__file__).parent))
    assert done.outcome == "ok", done
    assert {"PATH", "PYTHONPATH", "PXR_TEST_KEPT", "LC_TEST_KEPT"} <= set(done.answer["own"])
    assert "sesame" not in done.answer["kernel"]
    assert not {"TWINSTAGE_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(done.answer["own"])


def test_what_holds_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(landlock.available() or "no Landlock") in landlock.describe()
    monkeypatch.setattr(landlock, "available", lambda: 0)
    assert "no Landlock" in landlock.describe()
    assert landlock.restrict_reads(["/"]) is False


def test_without_the_wall_the_same_read_succeeds(tmp_path: Path) -> None:
    """The control of the test above."""
    (tmp_path / "f.txt").write_text("seen")
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        with Examiner(landlock=False) as made:
            done = ask(made, "read", read=str(tmp_path / "f.txt"))
    finally:
        sys.path.remove(str(Path(__file__).parent))
    assert done.answer == {"text": "seen"}
