"""xacro -> URDF, by the package `xacro` (extra `robot`). Runs in the limited child alone, because xacro evaluates expressions.

Packages come from the command line and from what lies beside the file; environment variables are not shown to the file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from twinstage.assets.importing.urdf.packages import unknown
from twinstage.base.errors import UserError


def expand(file: Path, packages: Mapping[str, Path], arguments: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """The URDF that a xacro file expands to, and what xacro warned of. Raises UserError with one sentence."""
    try:
        import xacro
    except ImportError:
        raise UserError(
            f"{file}: xacro files need the package xacro; install it with: pip install 'twinstage[robot]'"
        ) from None
    told = StringIO()
    try:
        with _shut(packages), redirect_stderr(told), redirect_stdout(told):
            document = xacro.process_file(str(file), mappings=dict(arguments))
            text = str(document.toxml())
    except UserError as problem:
        raise UserError(f"{_innermost(xacro, file)}: {problem}") from None
    except ExpatError as problem:
        raise UserError(f"{_innermost(xacro, file)}: this is no valid XML ({problem})") from None
    except RecursionError:
        raise UserError(f"{file}: its macros call themselves without end") from None
    except Exception as problem:  # xacro raises whatever an expression raises
        inner = getattr(problem, "exc", None)
        if isinstance(inner, UserError):
            raise UserError(f"{_innermost(xacro, file)}: {inner}") from None
        reason = " ".join(_reason(problem).split())[:300]
        raise UserError(f"{_innermost(xacro, file)}: xacro cannot expand it: {reason}") from None
    warnings = [line.strip() for line in told.getvalue().splitlines() if line.strip()]
    return text.encode(), list(dict.fromkeys(warnings))[:20]


def _reason(problem: BaseException) -> str:
    text = str(problem)
    kinds = {type(problem).__name__, type(getattr(problem, "exc", None)).__name__}
    if "ArgException" in kinds and text.strip():
        name = text.split()[-1].strip("'")
        return f"the argument {name!r} has no value; give it, as in --set arguments='{name}:=VALUE'"
    return text or type(problem).__name__


def _innermost(xacro: Any, file: Path) -> str:
    """The file that xacro was in."""
    stack = [entry for entry in (xacro.filestack or []) if entry]
    return str(stack[-1]) if stack else str(file)


@contextmanager
def _shut(packages: Mapping[str, Path]) -> Iterator[None]:
    """xacro finds our packages and no environment."""
    from xacro import substitution_args

    def find(name: str) -> str:
        if name not in packages:
            raise UserError(unknown(name, packages))
        return str(packages[name])

    def env(name: str) -> str:
        raise UserError(f"it asks for the environment variable {name!r}, which imports do not show")

    def optenv(name: str, default: str = "") -> str:
        return default

    ours = {"_eval_find": find, "_eval_env": env, "_eval_optenv": optenv}
    before = {name: getattr(substitution_args, name) for name in ours}
    table = dict(substitution_args._eval_dict)
    try:
        for name, function in ours.items():
            setattr(substitution_args, name, function)
        substitution_args._eval_dict.update(find=find, env=env, optenv=optenv)
        yield
    finally:
        for name, function in before.items():
            setattr(substitution_args, name, function)
        substitution_args._eval_dict.clear()
        substitution_args._eval_dict.update(table)


def arguments_of(text: str) -> dict[str, str]:
    """`name:=value` pairs, as on xacro's own command line. Raises UserError for anything else."""
    found = {}
    for word in text.split():
        name, mark, value = word.partition(":=")
        if not mark or not name:
            raise UserError(f"arguments={text!r}: {word!r} is no argument; name:=value was expected")
        found[name] = value
    return found
