"""How much the catalogue keeps of what an asset says of itself; what is left out is counted by field. Pure.

The child that reads a foreign file bounds what it answers, and whoever takes an answer bounds it again: neither the child nor a
file of what was remembered is trusted to have done it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

MOST_ENTRIES = 100
"""Entries of a list, sets of variants, and choices of one set."""
LONGEST_ENTRY = 100
"""Characters of an entry, and of a set's name."""
LONGEST = {"title": 200, "kind": 100, "license": 200, "doc": 2000, "up_axis": 10, "problem": 1000}
"""Characters of a text, by field."""
LISTS = ("tags", "labels")
LONGEST_PATH = 4096
"""Characters of a file's name. A part of one leads nowhere, so that of a picture is left out whole."""


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those facts within the bounds, and `cut`: by field, how many characters of a text or entries of a list are left out.

    An entry that is too long is shortened, and counts as left out. What was counted before is added.
    """
    out, cut = dict(facts), dict(facts.get("cut", {}))

    def count(name: str, left_out: int) -> None:
        if left_out:
            cut[name] = cut.get(name, 0) + left_out

    for name, most in LONGEST.items():
        if name in out:
            text = str(out[name])
            out[name] = text[:most]
            count(name, len(text) - len(out[name]))
    for name in LISTS:
        if name in out:
            out[name], left_out = _entries(out[name])
            count(name, left_out)
    if "variants" in out:
        out["variants"], left_out = _variants(out["variants"])
        count("variants", left_out)
    if len(str(out.get("thumbnail", ""))) > LONGEST_PATH:
        count("thumbnail", len(out["thumbnail"]))
        out["thumbnail"] = ""
    if cut:
        out["cut"] = cut
    return out


def _entries(words: Iterable[Any]) -> tuple[list[str], int]:
    """The first ones, each within its length, and how many are left out or shortened."""
    words = list(map(str, words))
    kept = words[:MOST_ENTRIES]
    shortened = sum(len(word) > LONGEST_ENTRY for word in kept)
    return [word[:LONGEST_ENTRY] for word in kept], len(words) - len(kept) + shortened


def _variants(sets: Mapping[str, Iterable[Any]]) -> tuple[dict[str, list[str]], int]:
    """Sets by name. One whose name is too long is left out: a part of its name could be that of another one."""
    fitting = [name for name in sets if len(name) <= LONGEST_ENTRY][:MOST_ENTRIES]
    left_out, out = len(sets) - len(fitting), {}
    for name in fitting:
        out[name], some = _entries(sets[name])
        left_out += some
    return out, left_out
