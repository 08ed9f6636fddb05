"""The Python expressions of a xacro file, evaluated so that they reach values and nothing of the interpreter.

xacro's own guard looks at the names of the outermost code object alone. Here the whole syntax tree is looked at, and every
attribute goes through `attribute_of`, which gives methods of plain values and entries of tables, whatever it is asked.
"""

import ast
from collections.abc import Mapping
from typing import Any

from twinstage.base.errors import UserError

GUARD = "attribute of"
"""Name of `attribute_of` among the symbols of an expression, which no expression can spell."""
HIDDEN = ("type", "vars")
"""Functions that xacro offers and that lead to the interpreter."""
_PLAIN = (str, int, float, complex, bool, bytes, list, tuple, set, frozenset, range, slice)
_KINDS = (*_PLAIN, dict)
_FORMATS = ("format", "format_map")
_TABLE = ("keys", "values", "items", "get", "copy")
_FORBIDDEN = (ast.Await, ast.Yield, ast.YieldFrom)


def compiled(text: str) -> Any:
    """The code of an expression. Raises UserError for one that reaches for the interpreter, SyntaxError for a broken one."""
    tree = ast.parse(text.strip(), "<expression>", "eval")
    for node in ast.walk(tree):
        _look_at(node, text.strip())
    return compile(ast.fix_missing_locations(_Guarded().visit(tree)), "<expression>", "eval")


def evaluate(text: str, symbols: Any, more: Any = None) -> Any:
    """The value of an expression: stands in for xacro's `safe_eval`."""
    code = compiled(text)
    symbols.update(__builtins__={})
    return eval(code, symbols, more)


def attribute_of(value: Any, name: str) -> Any:
    """`value.name` of an expression."""
    if name.startswith("_") or name in _FORMATS:
        raise UserError(_refusal(name))
    if isinstance(value, Mapping) and name not in _TABLE:
        try:
            return value[name]
        except (KeyError, AttributeError):
            raise NameError(f"name {name!r} is not defined") from None
    if isinstance(value, (*_PLAIN, Mapping)) or any(value is kind for kind in _KINDS):
        return getattr(value, name)
    raise UserError(_refusal(name))


def _refusal(what: str) -> str:
    return f"an expression uses {what!r}, which imports do not evaluate; write out the value that is meant"


def _look_at(node: ast.AST, text: str) -> None:
    bad = ""
    odd = isinstance(node, _FORBIDDEN) or (isinstance(node, ast.comprehension) and node.is_async)
    if isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr in _FORMATS):
        bad = node.attr
    elif odd or (isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load)):
        bad = text
    else:
        names = (getattr(node, field, None) for field in ("id", "arg"))
        bad = next((n for n in names if isinstance(n, str) and n.startswith("__")), "")
    if bad:
        raise UserError(_refusal(bad[:60]))


class _Guarded(ast.NodeTransformer):
    """`a.b` becomes a call of the guard."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """An attribute."""
        guard = ast.Name(GUARD, ast.Load())
        return ast.copy_location(ast.Call(guard, [self.visit(node.value), ast.Constant(node.attr)], []), node)
