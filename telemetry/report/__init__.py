"""What is to be said of recordings that were read: series, findings, and a page with plots.

`series` takes readings apart by signal, `findings` says what is doubtful about them, `suspects` which unit a wrong value
looks like, `plots` draws, `page` puts it together. Nothing here touches a file; the page is one text.
"""

from twinstage.telemetry.report.findings import find
from twinstage.telemetry.report.page import page
from twinstage.telemetry.report.series import Series, series_of

__all__ = ["Series", "find", "page", "series_of"]
