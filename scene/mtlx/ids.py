"""MaterialX node definition ids: `ND_multiply_color3FA` is the category `multiply` with the type `color3`."""

import re
from collections.abc import Collection

_TYPE = re.compile(
    r"^(float|integer|boolean|color[34]|vector[234]|string|filename|surfaceshader|matrix33|matrix44)"
)


def parse(identifier: str, categories: Collection[str]) -> tuple[str, str] | None:
    """(category, type) of a node definition id: the longest known category that it begins with; None for unknown ids.

    The type is the last one named (a `convert` names two), "" where none is.
    """
    if not identifier.startswith("ND_"):
        return None
    parts = identifier[3:].split("_")
    for count in range(len(parts), 0, -1):
        category = "_".join(parts[:count])
        if category in categories:
            types = [found.group(1) for part in parts[count:] if (found := _TYPE.match(part))]
            return category, types[-1] if types else ""
    return None
