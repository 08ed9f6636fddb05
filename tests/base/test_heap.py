"""What was freed goes back to the system, seen in the resident memory of a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from twinstage.base import heap

HOLES = """
import os
import numpy as np
from twinstage.base import heap

def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

arrays, small = [], []
for _ in range(1500):  # 90 MB, a small block that stays behind each array
    arrays.append(np.ones(60_000, np.uint8))
    small.append(np.ones(3_000, np.uint8))
before = resident()
arrays.clear()
for _ in range(heap.EVERY):
    heap.tidy_heap()
print(before - resident())
"""


@pytest.mark.skipif(
    heap._of_glibc("malloc_trim") is None or not Path("/proc").is_dir(), reason="glibc on Linux only"
)
def test_holes_in_the_heap_go_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 60e6


def test_the_heap_is_tidied_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(heap, "_calls", 0)
    monkeypatch.setattr(heap, "_of_glibc", lambda name: calls.append)
    for _ in range(3 * heap.EVERY):
        heap.tidy_heap()
    assert calls == [0, 0, 0]
    monkeypatch.setattr(heap, "_of_glibc", lambda name: None)
    for _ in range(heap.EVERY):
        heap.tidy_heap()
