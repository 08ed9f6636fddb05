"""What was read of files before, by file: kept in a file of JSON, so that only what changed is read again. Touches files.

A row is `{"stamps": [[path, size, time], ...], "facts": {...}, "digest": "...", "bytes": n}`: what an asset is made of as it
was then, what `look` told, and SHA-256 and size of the contents.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.facts import are_facts
from twinstage.base.errors import UserError

_DIGEST = re.compile(r"([0-9a-f]{64})?")
VERSION = 6
"""Of what is remembered; another one is read anew."""
MOST_BYTES = 4 << 30
"""Of all files of an asset; their contents are read here, not in the child."""
Row = dict[str, Any]
Hashes = dict[tuple[Any, ...], str]
"""SHA-256 of files by stamp, so that what many share is read once."""


def row_of(file: Path, facts: dict[str, Any], hashes: Hashes) -> Row:
    """What was read of a file just now."""
    made_of = facts.get("files") or [str(file)]
    stamps = [stamp(path) for path in made_of]
    size = sum(one[1] for one in stamps if one[1] > 0)
    if size > MOST_BYTES and "files" in facts:
        facts = {"problem": f"its files have {size / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} GB are read"}
    # What is no asset is not told apart by its content, and it may be of any size.
    digest = _digest(stamps, hashes) if "files" in facts else ""
    return {"stamps": stamps, "facts": facts, "digest": digest, "bytes": size}


def pruned(hashes: Hashes, rows: Mapping[str, Row]) -> Hashes:
    """Only those of files that some row is made of."""
    stamps = {tuple(one) for row in rows.values() for one in row["stamps"]}
    return {key: value for key, value in hashes.items() if key in stamps}


def _digest(stamps: Sequence[Sequence[Any]], hashes: Hashes) -> str:
    """SHA-256 over the contents of the files, whatever they are called, the first one first."""
    found = []
    for one in stamps:
        key = tuple(one)
        if key not in hashes and one[1] >= 0:
            try:
                with open(one[0], "rb") as opened:
                    hashes[key] = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError:
                continue
        if key in hashes:
            found.append(hashes[key])
    return hashlib.sha256("".join([found[0], *sorted(found[1:])]).encode()).hexdigest() if found else ""


def stamp(path: str) -> list[Any]:
    """Path, size and time of change of a file; -1 where it is not there."""
    try:
        at = os.stat(path)
    except (OSError, ValueError):  # what is remembered may be no name of a file
        return [path, -1, -1]
    return [path, at.st_size, at.st_mtime_ns]


def unchanged(row: Row) -> bool:
    """Whether all that an asset is made of is as it was."""
    stamps = row["stamps"]
    return all(stamp(path) == [path, size, changed] for path, size, changed in stamps)


def recalled(remember: Path | None) -> dict[str, Any]:
    """What was read before, by file. UserError where the file is something else, which must not be lost."""
    if remember is None or not remember.exists():
        return {}
    try:
        text = remember.read_text("utf-8")
        kept: Any = json.loads(text) if text.strip() else {"twinstageCatalogue": VERSION, "files": {}}
        version, rows = kept["twinstageCatalogue"], kept["files"]
        if version != VERSION:
            return {}
        return {path: row for path, row in rows.items() if _is_row(row)}
    except OSError as error:
        raise UserError(f"--remember {remember} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"--remember {remember} holds something else; name a new file, or delete that one"
        ) from None


def _is_row(row: Any) -> bool:
    """Whether it may be used as it is; others are read again."""
    sorts = {"facts": dict, "stamps": list, "digest": str, "bytes": int}
    if not isinstance(row, dict) or any(type(row.get(name)) is not sort for name, sort in sorts.items()):
        return False
    known = are_facts(row["facts"]) and _DIGEST.fullmatch(row["digest"]) is not None
    return known and all(
        isinstance(one, list) and list(map(type, one)) == [str, int, int] for one in row["stamps"]
    )


def keep(remember: Path, rows: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    text = json.dumps({"twinstageCatalogue": VERSION, "files": dict(sorted(rows.items()))})
    try:
        remember.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=remember.parent, delete=False) as part:
            part.write(text)
        os.replace(part.name, remember)
    except OSError as error:
        raise UserError(f"--remember {remember} cannot be written: {error.strerror}") from None
