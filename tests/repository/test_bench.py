"""The page of figures: one line a figure, whatever its script is called."""

import importlib.util
import re
from collections import Counter
from pathlib import Path
from typing import Any


def _bench(root: Path) -> Any:
    spec = importlib.util.spec_from_file_location("bench", root / "scripts" / "bench.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_figure_that_is_printed_anew_takes_its_place(root: Path) -> None:
    bench = _bench(root)
    row = {"figure": "sync.p50", "value": 2.0, "unit": "ms", "conditions": "now", "machine": "m"}
    kept = ["| sync.p50 | 9 | ms | then | - | - |", "| sync.p50_more | 1 | ms | then | - | - |"]
    text = bench.page([row], bench.others(kept, [row]))
    assert re.findall(r"^\| (sync\S+) \| (\S+)", text, re.M) == [("sync.p50_more", "1"), ("sync.p50", "2")]


def test_no_figure_stands_twice_in_the_page(root: Path) -> None:
    text = (root / "docs" / "figures.md").read_text("utf-8")
    names = Counter(re.findall(r"^\| ([a-z]\w*\.\S+) \|", text, re.M))
    assert len(names) > 50 and [name for name, count in names.items() if count > 1] == []
