"""The four commands of examples/robot_arm, and those of the pages on imports, as they are written there."""

import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)


def commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines() if line]
    assert all(line.startswith("twinstage ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the checkout's examples, to run in."""
    (tmp_path / "examples").symlink_to(root / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_four_commands_to_a_moving_arm(
    root: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from twinstage.cli.app import run

    *before, serve = commands(root / "examples/robot_arm/README.md")
    assert len(before) == 3
    for arguments in before:
        assert run(arguments) == 0, arguments
    told = capsys.readouterr().out
    assert "7 joints" in told
    assert "0.568 m x 0.34 m x 0.815 m" in told
    assert "6 bindings over 8.0 s" in told
    assert "0 did nothing, 0 errors, 0 warnings" in told
    bindings = (checkout / "out/robot_arm/bindings.yaml").read_text()
    assert "jaw_right copies jaw_left, as its file says" in bindings
    assert "#-" not in "".join(bindings.splitlines()[3:])

    process = subprocess.Popen(
        [sys.executable, "-m", "twinstage", *serve, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = ""
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                address = found[0]
                break
        assert address

        assert _moves(address, "/arm/base/column/upper_arm/forearm/wrist/right_jaw")
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def _moves(address: str, prim: str) -> bool:
    """Whether a prim is seen in two places within a minute, away from where it stands in the file."""
    seen: set[tuple[float, ...]] = set()
    for _ in range(120):
        with urllib.request.urlopen(f"{address}/api/v1/prims{prim}", timeout=30) as answer:
            told = json.load(answer)
        place = tuple(told["world"]["translation"])
        if told["moved"]:
            seen.add(place)
        if len(seen) > 1:
            return True
        time.sleep(0.5)
    return False


def test_the_commands_of_the_page_on_robots(
    root: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pxr import Usd

    from twinstage.cli.app import run

    (command,) = commands(root / "docs/import-robots.md")
    assert run(command) == 0
    stage = Usd.Stage.Open("out/arm/arm.usda")
    assert stage.GetPrimAtPath("/arm/Joints/joint_1").GetTypeName() == "PhysicsRevoluteJoint"
    assert (checkout / "out/arm/payload/physics.usda").is_file()
    capsys.readouterr()


def test_the_command_of_the_page_on_meshes(
    root: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from twinstage.cli.app import run

    facet = "facet normal 0 0 1\nouter loop\nvertex {}\nvertex {}\nvertex {}\nendloop\nendfacet\n"
    corners = [("0 0 0", "300 0 0", "0 300 0"), ("0 0 0", "0 0 300", "300 0 0")]
    (checkout / "pump.stl").write_text(
        "solid pump\n" + "".join(facet.format(*c) for c in corners) + "endsolid pump\n"
    )
    (command,) = commands(root / "docs/import-meshes.md")
    assert run(command) == 0
    told = capsys.readouterr().out
    assert "0.3 m x 0.3 m x 0.3 m" in told
    assert "units" not in told
    assert "4 open edges" in told
