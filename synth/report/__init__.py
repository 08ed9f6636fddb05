"""report.html: what a dataset holds, on one page without scripts, made of the dataset's files alone.

numbers.py   records -> counts, one pass, plain data
drawing.py   numbers -> histograms and heat maps, as SVG
page.py      numbers -> the page
"""

from pathlib import Path

from twinstage.base.errors import DataError, UserError
from twinstage.synth.canonical import write_atomic
from twinstage.synth.dataset import Dataset
from twinstage.synth.report.numbers import collect
from twinstage.synth.report.page import page
from twinstage.synth.verify import Report, verify

__all__ = ["report_html", "write_report"]


def report_html(dataset: Dataset, verdict: Report | None) -> bytes:
    """The page. `verdict`: the judge's, None where it was not asked."""
    return page(dataset, collect(dataset), verdict).encode()


def write_report(root: Path, out: Path | None = None) -> tuple[Path, bool]:
    """Write the page of a dataset, beside it if `out` is None; where it is, and whether the judge found nothing.

    Raises UserError for a folder that holds no dataset, or where the page cannot be written; DataError for one whose records
    cannot be read, with what the judge says of them.
    """
    root = Path(root)
    verdict = verify(root)
    path = Path(out) if out else root.with_name(f"{root.resolve().name}-report.html")
    try:
        html = report_html(Dataset(root), verdict)
    except (
        UserError,
        OSError,
        SyntaxError,
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        ArithmeticError,
    ):
        if verdict.ok:
            raise
        more = f" (and {len(verdict.findings) - 1} more)" if len(verdict.findings) > 1 else ""
        raise DataError(f"{root} is too damaged for a page: {verdict.findings[0]}{more}") from None
    try:
        write_atomic(path, html)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
    return path, verdict.ok
