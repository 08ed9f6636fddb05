"""What is wrong with a save, in one sentence that names files as their folder has them. Pure."""

import re

_PLACE = re.compile(r"(?P<file>[^\s@:'\"]+):(?P<line>\d+):(?P<column>\d+): (?P<what>[^\n]*)")
_LOADED = re.compile(
    r"Could not (?:open asset|load sublayer) @(?P<name>[^@]*)@ (?:for (?P<arc>\w+) introduced by|of layer) "
    r"@(?P<layer>[^@]*)@(?:<(?P<prim>[^>]*)>)?"
)
LONGEST = 400


def plain(text: str, folder: str) -> str:
    """A complaint of the USD library as it is shown: `folder` is the stage's own."""
    text = " ".join(text.split())
    place = _PLACE.search(text)
    loaded = _LOADED.search(text)
    if place is not None:
        what = re.sub(r" (?:at|near) ['\"].*$| in <.*$", "", place["what"]).rstrip(" .;'\"")
        if "pxrInternal" in what:  # the parser's own words for a rule that was not met
            what = "what stands there is not complete, or no USD"
        text = f"{place['file']}, line {place['line']}, column {place['column']}: {what}"
    elif loaded is not None:
        text = _loaded(loaded)
    text = text.replace(folder.rstrip("/") + "/", "")
    return text.rstrip(" .;")[:LONGEST]


def _loaded(found: "re.Match[str]") -> str:
    where = f" ({found['prim']})" if found["prim"] else ""
    arc = found["arc"] or "sublayer"
    return f"{found['layer']}{where} names {found['name']} as a {arc}, which is missing or cannot be read"


def together(sentences: list[str]) -> str:
    """The first, and how many there are besides."""
    more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
    return f"{sentences[0]}{more}"
