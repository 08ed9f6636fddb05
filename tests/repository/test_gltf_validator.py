"""The validator of the tests finds what is wrong: broken files in, their errors out."""

import json
import struct
from collections.abc import Callable
from pathlib import Path


def _glb(document: dict) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text


def test_a_good_file_has_no_errors_and_a_broken_one_has_its_own(
    validate_glb: Callable[..., list[str]],
) -> None:
    assert validate_glb(_glb({"asset": {"version": "2.0"}})) == []
    (error,) = validate_glb(_glb({"asset": {"version": "2.0"}, "scene": 3}))
    assert error.startswith("UNRESOLVED_REFERENCE at /scene")
    assert validate_glb(b"glTX" * 5)[0].startswith("GLB_INVALID_MAGIC")


def test_large_and_many_files_keep_their_answers_in_order(validate_glb: Callable[..., list[str]]) -> None:
    good, bad = _glb({"asset": {"version": "2.0"}, "extras": "x" * 3_000_000}), _glb({"asset": {}})
    answers = [validate_glb(data) for data in (good, bad, good, bad)]
    assert [len(answer) for answer in answers] == [0, 1, 0, 1]


def test_the_validator_is_pinned_and_its_lock_file_names_no_registry(root: Path) -> None:
    tools = root / "tests" / "tools"
    wanted = json.loads((tools / "package.json").read_text())["devDependencies"]
    locked = json.loads((tools / "package-lock.json").read_text())["packages"]
    assert locked["node_modules/gltf-validator"]["version"] == wanted["gltf-validator"]
    assert all("resolved" not in entry for entry in locked.values())
