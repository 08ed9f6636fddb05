"""report.html: what a dataset holds, on one page without scripts. Made of the dataset's files alone."""

from twinstage.synth.dataset import Dataset
from twinstage.synth.verify import Report


def report_html(dataset: Dataset, verdict: Report | None) -> bytes:
    """The page. `verdict`: the judge's, None where it was not asked."""
    return b"<!doctype html>\n"
