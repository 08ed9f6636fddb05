"""report.html: what a dataset holds, on one page without scripts, made of the dataset's files alone.

numbers.py   records -> counts, one pass, plain data
drawing.py   numbers -> histograms and heat maps, as SVG
page.py      numbers -> the page
"""

from pathlib import Path

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

    Raises UserError for a folder that holds no dataset.
    """
    root = Path(root)
    verdict = verify(root)
    path = Path(out) if out else root.with_name(f"{root.resolve().name}-report.html")
    write_atomic(path, report_html(Dataset(root), verdict))
    return path, verdict.ok
