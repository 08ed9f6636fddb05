"""A .usdz package by its table of contents, before anything in it is opened."""

import zipfile
from pathlib import Path

from twinstage.base.finding import Finding
from twinstage.scene.safe.limits import MAX_PACKAGE_BYTES, MAX_PACKAGE_ENTRIES


def check_package(path: Path) -> tuple[list[Finding], bool]:
    """Findings about a package, and whether it may be opened.

    USD reads a package in place and extracts nothing: names that lead out of it are told, sizes beyond the limits, and
    entries that are compressed or encrypted (which USD cannot read), refuse it.
    """
    try:
        with zipfile.ZipFile(path) as package:
            entries = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError) as problem:
        message = f"package {path} has no readable table of contents ({type(problem).__name__})"
        return [Finding("archive.unreadable", "error", "", message)], False
    return _findings(path, entries)


def _findings(path: Path, entries: list[zipfile.ZipInfo]) -> tuple[list[Finding], bool]:
    found = []
    total = sum(entry.file_size for entry in entries)
    if total > MAX_PACKAGE_BYTES or len(entries) > MAX_PACKAGE_ENTRIES:
        message = (
            f"package {path} holds {len(entries):,} entries of {total:,} bytes, so it is not opened; "
            f"at most {MAX_PACKAGE_ENTRIES:,} of {MAX_PACKAGE_BYTES:,} are"
        )
        found.append(Finding("archive.size", "error", "", message))
    packed = [e.filename for e in entries if e.compress_type != zipfile.ZIP_STORED or e.flag_bits & 1]
    if packed:
        message = f"package {path} is not opened: entry {packed[0]!r} is compressed or encrypted, USD reads stored ones only"
        found.append(Finding("archive.compressed", "error", "", message, "store the entries uncompressed"))
    refused = bool(found)
    for entry in entries:
        if leads_out(entry.filename):
            message = f"package {path} holds an entry named {entry.filename!r}, which leads out of it; it is not extracted"
            found.append(Finding("archive.entry-name", "warning", "", message, "pack the files again"))
    return found, not refused


def leads_out(name: str) -> bool:
    """Whether an entry of that name, extracted, could land outside the folder it is extracted into."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in name
