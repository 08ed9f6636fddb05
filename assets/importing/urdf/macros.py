"""xacro -> URDF, by the package `xacro` (extra `robot`). Runs in the limited child alone, because xacro evaluates expressions.

Packages come from the command line and from what lies beside the file; environment variables are not shown to the file.
Expressions are evaluated by `expressions`, and `$(eval ...)`, whose evaluation xacro does not guard, is refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from twinstage.assets.importing.urdf.expressions import GUARD, HIDDEN, attribute_of, evaluate
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
        with _shut(xacro, packages), redirect_stderr(told), redirect_stdout(told):
            document = xacro.process_file(str(file), mappings=dict(arguments))
            text = str(document.toxml())
    except UserError as problem:
        raise UserError(f"{_innermost(xacro, file)}: {problem}") from None
    except ExpatError as problem:
        raise UserError(f"{_innermost(xacro, file)}: this is no valid XML ({problem})") from None
    except RecursionError:
        raise UserError(f"{file}: its macros or includes lead back to themselves without end") from None
    except Exception as problem:  # xacro raises whatever an expression raises
        inner: Any = problem
        while inner is not None and not isinstance(inner, UserError):
            inner = getattr(inner, "exc", None)
        if inner is not None:
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
def _shut(xacro: Any, packages: Mapping[str, Path]) -> Iterator[None]:
    """xacro finds our packages and no environment, and evaluates as we do."""
    from xacro import substitution_args

    def find(name: str) -> str:
        if name not in packages:
            raise UserError(unknown(name, packages))
        return str(packages[name])

    def env(name: str) -> str:
        raise UserError(f"it asks for the environment variable {name!r}, which imports do not show")

    def optenv(name: str, default: str = "") -> str:
        return default

    def python(text: str, context: Any) -> str:
        raise UserError(
            f"it holds $(eval {text[:60]}), which imports do not evaluate; write ${{...}} instead"
        )

    ours = {
        (substitution_args, "_eval_find"): find,
        (substitution_args, "_eval_env"): env,
        (substitution_args, "_eval_optenv"): optenv,
        (substitution_args, "_eval"): python,
        (xacro, "safe_eval"): evaluate,
        (xacro, "_global_symbols"): _symbols(xacro),
    }
    before = {place: getattr(*place) for place in ours}
    try:
        for place, stand_in in ours.items():
            setattr(*place, stand_in)
        yield
    finally:
        for place, own in before.items():
            setattr(*place, own)


def _symbols(xacro: Any) -> dict[str, Any]:
    """What expressions may name: xacro's own symbols but those that lead to the interpreter, and the guard of attributes."""
    symbols: dict[str, Any] = xacro.create_global_symbols()
    for name in HIDDEN:
        symbols.pop(name, None)
        dict.pop(symbols["python"], name, None)
    symbols[GUARD] = attribute_of
    return symbols


def arguments_of(text: str) -> dict[str, str]:
    """`name:=value` pairs, as on xacro's own command line. Raises UserError for anything else."""
    found = {}
    for word in text.split():
        name, mark, value = word.partition(":=")
        if not mark or not name:
            raise UserError(f"arguments={text!r}: {word!r} is no argument; name:=value was expected")
        found[name] = value
    return found
