"""report.html: what a dataset holds, on one page without scripts. Made of the dataset's files alone."""

from pathlib import Path

from twinstage.synth.canonical import write_atomic
from twinstage.synth.dataset import Dataset
from twinstage.synth.verify import Report, verify


def report_html(dataset: Dataset, verdict: Report | None) -> bytes:
    """The page. `verdict`: the judge's, None where it was not asked."""
    return b"<!doctype html>\n"


def write_report(root: Path, out: Path | None = None) -> tuple[Path, bool]:
    """Write the page of a dataset, beside it if `out` is None; where it is, and whether the judge found nothing.

    Raises UserError for a folder that holds no dataset.
    """
    verdict = verify(root)
    path = out or root.with_name(f"{root.name}-report.html")
    write_atomic(path, report_html(Dataset(root), verdict))
    return path, verdict.ok
