"""Every value that an expression in an asset path can take, over all values that any layer gives its variables.

Which layer stack an arc is evaluated in is known only after composition. So each variable may have any value that some
layer authors for it, or none: more than can happen, never less.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from twinstage.scene.safe.limits import MAX_COMBINATIONS

_ABSENT = object()


class Variables:
    """Values by variable name, gathered layer by layer."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {}

    def add(self, authored: Mapping[str, Any]) -> None:
        """Take in a layer's `expressionVariables`."""
        for name, value in authored.items():
            self._values.setdefault(str(name), {})[repr(value)] = value

    def used_by(self, expression: str) -> list[str]:
        """Variables whose name occurs in the expression or, through values that are expressions, behind it."""
        found: dict[str, None] = {}
        texts = [expression]
        while texts:
            text = texts.pop()
            for name, values in self._values.items():
                if name in text and name not in found:
                    found[name] = None
                    texts += [v for v in values.values() if isinstance(v, str) and v.startswith("`")]
        return sorted(found)

    def domain(self, name: str) -> list[Any]:
        """What the variable may be, "absent" last."""
        return [self._values[name][key] for key in sorted(self._values[name])] + [_ABSENT]


def possible_paths(expression: str, variables: Variables) -> set[str] | None:
    """All asset paths that the expression can give; None where there are too many combinations to try."""
    from pxr import Sdf

    names = variables.used_by(expression)
    domains = [variables.domain(name) for name in names]
    if not _few(map(len, domains)):
        return None
    parsed = Sdf.VariableExpression(expression)
    paths = set()
    for values in product(*domains):
        given = {n: v for n, v in zip(names, values, strict=True) if v is not _ABSENT}
        value = parsed.Evaluate(given).value
        if isinstance(value, str) and value:
            paths.add(value)
    return paths


def _few(sizes: Iterable[int]) -> bool:
    total = 1
    for size in sizes:
        total *= size
        if total > MAX_COMBINATIONS:
            return False
    return True
