"""The table of rules is what the code can raise, and what the page shows."""

import ast
import re
from pathlib import Path

from twinstage.synth.verify.rules import RULES

PLACE = {"check": 1, "guard": 0}


def raised(root: Path) -> set[str]:
    """Rule ids in calls of `check` and `guard`, as regular expressions where they are put together."""
    out = set()
    for path in sorted((root / "synth/verify").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in PLACE
            ):
                code = node.args[PLACE[node.func.attr]] if len(node.args) > PLACE[node.func.attr] else None
                if isinstance(code, ast.Constant):
                    out.add(re.escape(str(code.value)))
                elif isinstance(code, ast.JoinedStr):
                    parts = (
                        re.escape(str(v.value)) if isinstance(v, ast.Constant) else r"\w+"
                        for v in code.values
                    )
                    out.add("".join(parts))
    return out


def test_every_rule_is_in_the_table_and_none_is_only_there(root: Path) -> None:
    codes = raised(root)
    assert [c for c in codes if not any(re.fullmatch(c, rule) for rule in RULES)] == []
    assert [rule for rule in RULES if not any(re.fullmatch(c, rule) for c in codes)] == []


def test_the_page_lists_them(root: Path) -> None:
    page = (root / "docs/verify.md").read_text()
    listed = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.M))
    assert listed == RULES


def test_each_is_one_plain_sentence() -> None:
    assert all(text and not text.endswith(".") and "\n" not in text for text in RULES.values())
