"""XML of foreign files: parsed without entities of other files, names without their namespaces."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from twinstage.base.errors import UserError

Element = ElementTree.Element


def parse_xml(file: Path, data: bytes, what: str) -> Element:
    """The root element. Raises UserError, with the line, for what is no XML. `what`: "COLLADA file", ..."""
    parser = ElementTree.XMLParser()
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ElementTree.ParseError as problem:
        line, column = problem.position
        reason = str(problem).partition(":")[0]
        raise UserError(
            f"{file}, line {line}, column {column + 1}: this is no {what}, because it is no valid XML ({reason})"
        ) from None
    except (ValueError, LookupError) as problem:  # an encoding that Python does not know
        raise UserError(f"{file}: this is no {what}: {problem}") from None
    for element in root.iter():
        if isinstance(element.tag, str) and "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    return root


def children(element: Element | None, *tags: str) -> Iterator[Element]:
    """Children with one of these tags, in order."""
    if element is not None:
        yield from (child for child in element if child.tag in tags)


def text_of(element: Element | None, path: str = "") -> str:
    """The text of an element, or of the one at `path` below it, "" where there is none."""
    found = element.find(path) if element is not None and path else element
    return (found.text or "").strip() if found is not None else ""


def numbers(text: str | None) -> np.ndarray:
    """All numbers of a text, f8[n]. Raises ValueError for anything else."""
    return np.array((text or "").split(), np.float64)
