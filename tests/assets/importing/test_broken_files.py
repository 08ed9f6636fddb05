"""Damaged copies of small files of every kind: a document or one sentence, and never anything else."""

import importlib.util
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.document_check import validate
from twinstage.assets.importing.package import write_package
from twinstage.assets.importing.registry import importer_for, make
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError

HERE = Path(__file__).parent
TOKENS = (b"0", b"-1", b"nan", b"1e400", b"1e300", b"3000000000", b"<", b'"', b"\0", b"inf ", b"/", b"7")
COPIES = 60


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"broken_{name}", HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut, changed, doubled or lost bytes; numbers that are other ones."""
    out = bytearray(data)
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(out[: rng.randrange(len(out))])
    for _ in range(rng.choice((1, 1, 2, 6))):
        at = rng.randrange(len(out))
        if kind == 1:
            out[at] = rng.randrange(256)
        elif kind == 2:
            del out[at : at + rng.randrange(1, 30)]
        elif kind == 3:
            out[at:at] = rng.choice(TOKENS)
        else:
            numbers = list(re.finditer(rb"-?\d+\.?\d*", bytes(out)))
            if numbers:
                found = rng.choice(numbers)
                out[found.start() : found.end()] = rng.choice(TOKENS)
    return bytes(out) or b" "


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, Callable[[bytes], bytes]]]:
    """By ending: what is damaged, and how it becomes a file."""
    meshes, collada, mjcf, urdf = (_module(f"test_{n}") for n in ("meshes", "collada", "mjcf", "urdf"))
    folder = tmp_path_factory.mktemp("seeds")

    def packed(data: bytes) -> bytes:
        return bytes(meshes.threemf(folder / "x.3mf", data.decode("latin-1")).read_bytes())

    def same(data: bytes) -> bytes:
        return data

    ply = meshes.PLY_HEAD.format(format="ascii", faces=1).encode()
    ply += b"".join(b"%g %g %g 1 2 3\n" % p for p in meshes.PLY_POINTS) + b"4 0 1 2 3\n"
    robot = f"<robot name='r'>{urdf.ODD}</robot>".encode()
    return {
        ".obj": (meshes.OBJ.encode(), same),
        ".stl": (meshes.binary_stl(meshes.cube()), same),
        ".ply": (ply, same),
        ".dae": (collada.file(folder).read_bytes(), same),
        ".3mf": (meshes.MODEL.encode(), packed),
        ".urdf": (robot, same),
        ".xacro": (meshes_xacro(urdf), same),
        ".xml": (mjcf.ARM.encode(), same),
    }


def meshes_xacro(urdf: Any) -> bytes:
    return bytes(urdf.XACRO.format("1").encode())


@pytest.mark.parametrize("ending", [".obj", ".stl", ".ply", ".dae", ".3mf", ".urdf", ".xacro", ".xml"])
def test_a_document_or_a_sentence(
    ending: str,
    seeds: dict[str, tuple[bytes, Callable[[bytes], bytes]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into the folder where it runs
    data, pack = seeds[ending]
    told = done = 0
    for number in range(COPIES):
        rng = random.Random(f"{ending}{number}")
        path = tmp_path / f"x{ending}"
        path.write_bytes(pack(_damaged(data, rng)))
        out = tmp_path / f"out{number}"
        out.mkdir()
        try:
            document = make(importer_for(path), {})(Source(path))
            validate(document)
            written = write_package(document, out, "x")
        except UserError as problem:
            assert "\n" not in str(problem) and len(str(problem)) < 700, (number, problem)
            told += 1
            continue
        assert np.isfinite(written.size).all(), number
        done += 1
    assert told and done, (told, done)
