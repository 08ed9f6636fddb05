"""One thread is enough for everything: workers that share a machine's cores have one each."""

import os
import subprocess
import sys
from pathlib import Path

from twinstage.render.threads import cores, threads_each

DECODE = """
import numpy as np
from twinstage.render.images import decode
from twinstage.render.mi.runtime import load_mitsuba
from twinstage.render.picture import exr_bytes
from twinstage.scene.snapshot import Texture

runtime = load_mitsuba()
runtime.dr.set_thread_count(1)
values = np.arange(256 * 128, dtype=np.float32).reshape(128, 256) / 100
texture = Texture("sky.exr", "0", exr_bytes({"R": values, "G": values + 1, "B": values + 2}))
pixels = decode(texture, 4096)
assert np.array_equal(pixels.rgba[..., :3], np.stack([values, values + 1, values + 2], -1))
assert runtime.dr.thread_count() == 1
print("decoded")
"""


def test_an_exr_is_read_with_one_thread(tmp_path: Path) -> None:
    # Mitsuba hands the reading to another thread: with one it waited for ever, in a process of its own here.
    done = subprocess.run(
        [sys.executable, "-c", DECODE], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert done.stdout.strip() == "decoded", done.stderr


def test_processes_share_the_cores() -> None:
    assert threads_each(1) == cores() == len(os.sched_getaffinity(0))
    assert threads_each(10_000) == 1
