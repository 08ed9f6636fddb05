"""What the watching process may say: plain data, and nothing that runs."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.live.watch.messages import MOST_FRAME, Begin, Overlay, Source, Told, read_frame, to_bytes


def _through_a_pipe(data: bytes) -> Any:
    there, here = os.pipe()
    try:
        os.write(here, data)
        os.close(here)
        return read_frame(there)
    finally:
        os.close(there)


class _Runs:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.made = call, arguments

    def __reduce__(self) -> Any:
        return self.made


def test_messages_pass() -> None:
    begin = Begin(Source(Path("/plant/cell.usda")), Overlay("a", "b"), frozenset({"x"}), 0.1, 1 << 30)
    told = Told("scene", clean={"/a": (1, 2, 3)}, times=(1.0,), overlay=Overlay())
    assert _through_a_pipe(to_bytes(begin)) == begin and _through_a_pipe(to_bytes(told)) == told
    array = _through_a_pipe(to_bytes(Told("ready", clean=np.arange(3.0))))
    assert np.array_equal(array.clean, np.arange(3.0))


@pytest.mark.parametrize(
    "call",
    [(os.mkdir,), (eval, "1"), (__import__, "os"), (os.getenv, "HOME")],
    ids=["mkdir", "eval", "import", "getenv"],
)
def test_what_would_run_is_refused(call: tuple[Any, ...], tmp_path: Path) -> None:
    arguments = call[1:] or (str(tmp_path / "made"),)
    with pytest.raises(pickle.UnpicklingError, match="no plain data"):
        _through_a_pipe(to_bytes(Told("ready", clean=_Runs(call[0], *arguments))))
    assert not (tmp_path / "made").exists()


def test_functions_of_ours_are_refused_as_well() -> None:
    from twinstage.scene.safe.child import scene_task

    with pytest.raises(pickle.UnpicklingError, match="scene_task"):
        _through_a_pipe(to_bytes(Told("ready", clean=_Runs(scene_task, {}))))


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="bytes"):
        _through_a_pipe((MOST_FRAME + 1).to_bytes(8, "little"))


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _called(module: str, name: str, *arguments: bytes) -> bytes:
    """A frame whose message is what a class (or whatever has that name) of a module gives for those arguments."""
    made = b"\x80\x04" + _text(module) + _text(name) + b"\x93(" + b"".join(arguments) + b"tR."
    return len(made).to_bytes(8, "little") + made


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("twinstage.live.watch.link", "subprocess.Popen"),
        ("twinstage.live.watch.files", "ThreadPoolExecutor"),
        ("twinstage.live.watch.link", "ChildLink"),
        ("twinstage.live.watch.messages", "io.FileIO"),
        ("twinstage.scene.generation", "Links"),
        ("twinstage.scene.stage", "Path.rmdir"),
        ("twinstage.live.watch.messages", "Told.__class__"),
    ],
)
def test_what_our_modules_use_is_no_plain_data(module: str, name: str, tmp_path: Path) -> None:
    """Names with a dot lead through a module of ours to any class of any module that it uses."""
    made = tmp_path / "made"
    arguments = b"(" + _text("mkdir") + _text(str(made)) + b"t"
    with pytest.raises(pickle.UnpicklingError, match="no plain data"):
        _through_a_pipe(_called(module, name, arguments))
    assert not made.exists()
