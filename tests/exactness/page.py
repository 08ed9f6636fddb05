"""What the soak found, in a few lines and as docs/exactness.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def summary(rows: Sequence[dict[str, Any]]) -> int:
    """Print what became of all files; the exit status."""
    files = [row for row in rows if not row["file"].startswith("blender:")]
    states: dict[str, int] = {}
    for row in files:
        states[row["state"]] = states.get(row["state"], 0) + 1
    print(f"soak: {len(files)} files: {', '.join(f'{n} {s}' for s, n in sorted(states.items()))}")
    views = [view for row in files for view in row["views"]]
    total = {
        k: sum(v[k] for v in views) for k in ("pixels", "covered", "agree", "ties", "edges", "leaks", "wrong")
    }
    if views:
        print("soak: " + ", ".join(f"{n} {k}" for k, n in total.items()) + f" in {len(views)} views")
    wrong = [text for row in rows for text in row["problems"]]
    print("\n".join(wrong[:60]))
    return 1 if wrong else 0


def write_page(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """docs/exactness.md."""
    raise NotImplementedError
