"""Which prim is to be labelled for a drawn object, which of them go together, and what they could be called. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np


def drawn_below(parent: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """How many shapes are drawn at or below each prim, i8[n]; `drawn`: how many in each, parents come before children."""
    out = np.asarray(drawn).astype(np.int64)
    for i in range(len(out) - 1, -1, -1):
        if parent[i] >= 0:
            out[parent[i]] += out[i]
    return out


def target_row(
    row: int,
    parent: Sequence[int] | np.ndarray,
    below: np.ndarray,
    *,
    is_proxy: Callable[[int], bool],
    is_xform: Callable[[int], bool],
    is_object: Callable[[int], bool],
) -> int:
    """The prim to label for an object: outside native instances; for a lone shape the Xform that holds nothing else.

    `below`: of `drawn_below`; `is_object`: whether a prim or one above it is an object by label, flag or kind.
    """
    while is_proxy(row):
        row = int(parent[row])
    up = int(parent[row])
    while not is_object(row) and up >= 0 and parent[up] >= 0 and is_xform(up) and below[up] == below[row]:
        row, up = up, int(parent[up])
    return row


def grouped(paths: Iterable[str]) -> dict[str, list[str]]:
    """Prims that share parent and name but for a number, each path once; a group is named after what they share."""
    groups: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        parent, _, name = path.rpartition("/")
        groups.setdefault(f"{parent}/{stem(name)}", []).append(path)
    return {_pattern(group): group for group in groups.values()}


def _pattern(group: Sequence[str]) -> str:
    """`/World/Rack_*` of Rack_1 and Rack_12."""
    first, last = min(group), max(group)  # what these two share, all do
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first if len(group) == 1 else f"{first[:same].rstrip('0123456789')}*"


def stem(name: str) -> str:
    """The name without its number."""
    return re.sub(r"[_\d]+$", "", name) or name


def suggested_label(path: str) -> str:
    """A label made from a prim's name: lower case, words joined by underscores."""
    name = stem(path.rpartition("/")[2])
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return "_".join(word.lower() for word in words) or name.lower()
