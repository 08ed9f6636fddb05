"""Everything about some recordings on one page that needs nothing beside it. All that comes from a file is escaped."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from twinstage.base.finding import Finding
from twinstage.telemetry.accounts import OUTCOMES
from twinstage.telemetry.batch import Ingested
from twinstage.telemetry.columns import FIRST_BAD
from twinstage.telemetry.contract import SignalSpec
from twinstage.telemetry.gaps import period_of
from twinstage.telemetry.report.findings import count, gaps_of, moment, span
from twinstage.telemetry.report.outliers import outliers
from twinstage.telemetry.report.plots import plot
from twinstage.telemetry.report.series import Series
from twinstage.telemetry.report.style import STYLE

MOST_PLOTS, MOST_FINDINGS, MOST_REFUSED = 200, 300, 30
_SHOWN = ("received", *OUTCOMES, "pending", "unmapped", "blank", "contradicting")
_WORDS = {"history_only": "history only", "unmapped": "not asked for"}


def page(done: Ingested, series: Sequence[Series], findings: Sequence[Finding], title: str) -> str:
    """The whole page as HTML."""
    body = [
        f"<h1>{escape(title)}</h1><p class='soft'>{escape(', '.join(path.name for _, path in done.files))}</p>",
        _facts(done, series, findings),
        _section("Where every reading went", _accounts(done)),
        _section("Findings", _findings(findings)),
        _section("Signals", _signals(series, done, findings)),
        _section("Refused", _refused(done)),
        _section("Origin", _origin(done)),
    ]
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    return f"<!doctype html>\n<html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def _section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}" if content else ""


def _facts(done: Ingested, series: Sequence[Series], findings: Sequence[Finding]) -> str:
    total = Counter[str]()
    for counts in done.counters.values():
        total.update(counts)
    heard = sum(len(one.time_ns) > 0 for one in series)
    boxes = [
        f"<div class='fact'><b>{total['received']:,}</b>readings</div>",
        f"<div class='fact'><b>{total['applied']:,}</b>applied</div>",
        f"<div class='fact'><b class='{'bad' if total['quarantined'] else 'ok'}'>{total['quarantined']:,}</b>quarantined</div>",
        f"<div class='fact'><b>{heard}</b>of {len(series)} signals heard</div>",
        f"<div class='fact'><b>{_extent(series)}</b>from first to last</div>",
        f"<div class='fact'><b>{len([f for f in findings if f.severity != 'info'])}</b>findings</div>",
    ]
    return f"<div class='facts'>{''.join(boxes)}</div>"


def _extent(series: Sequence[Series]) -> str:
    ends = ends_of(series)
    return span(ends[1] - ends[0]) if ends else "nothing"


def ends_of(series: Sequence[Series]) -> tuple[int, int] | None:
    """First and last event time of all [ns]."""
    filled = [one.time_ns for one in series if len(one.time_ns)]
    return (min(int(t[0]) for t in filled), max(int(t[-1]) for t in filled)) if filled else None


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{top}</tr>{body}</table></div>"


def _accounts(done: Ingested) -> str:
    shown = [key for key in _SHOWN if key in _SHOWN[:6] or any(c[key] for c in done.counters.values())]
    rows = [(escape(name), *(f"{counts[key]:,}" for key in shown)) for name, counts in done.counters.items()]
    note = "<p class='soft'>received = applied + history only + late + duplicate + quarantined + pending, exactly.</p>"
    return table(("source", *(_WORDS.get(key, key) for key in shown)), rows) + note


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "<p class='ok'>nothing doubtful</p>"
    rows = "".join(
        f"<li class='{f.severity}'><b>{f.severity}</b> {escape(f.message)}"
        f"{f'<span class=soft> &middot; {escape(f.fix)}</span>' if f.fix else ''} <code>{escape(f.code)}</code></li>"
        for f in findings[:MOST_FINDINGS]
    )
    more = len(findings) - MOST_FINDINGS
    return f"<ul class='findings'>{rows}</ul>" + (f"<p class='soft'>and {more} more</p>" if more > 0 else "")


def _signals(series: Sequence[Series], done: Ingested, findings: Sequence[Finding]) -> str:
    ends = ends_of(series)
    if ends is None:
        return ""
    loud = Counter(f.path for f in findings if f.severity != "info")
    cards = [_card(one, ends, loud[one.id]) for one in series[:MOST_PLOTS]]
    more = len(series) - MOST_PLOTS
    note = f"<p class='soft'>and {more} more signals without a plot</p>" if more > 0 else ""
    legend = (
        "<p class='soft'><i class='key gapkey'></i>gap <i class='key outkey'></i>value that stands alone "
        "<i class='key unsurekey'></i>uncertain <i class='key badkey'></i>bad. "
        f"Plots run from {moment(ends[0])} to {moment(ends[1])} UTC.</p>"
    )
    return legend + "".join(cards) + note


def words_of(one: Series) -> Sequence[str]:
    """Texts of a string, names of an enum, on and off of a switch; nothing for numbers."""
    if one.texts or not isinstance(one.spec, SignalSpec) or one.spec.type not in ("enum", "bool"):
        return one.texts
    names = {code: name for name, code in one.spec.enum_codes.items()} or {0: "off", 1: "on"}
    return [names.get(int(value), f"{value:g}") for value in one.values[:, 0].tolist() if value == value]


def _card(one: Series, ends: tuple[int, int], findings: int) -> str:
    name = f"<h3>{escape(one.id)}{f' <span class=warning>{findings}</span>' if findings else ''}</h3>"
    about = [count(len(one.time_ns), "reading")]
    usual = period_of(one.time_ns)
    if usual:
        about.append(f"every {span(usual)}")
    good = int((one.quality < 0x40000000).sum())
    if good < len(one.quality):
        about.append(f"{100 * good / len(one.quality):.3g} % good")
    words = words_of(one)
    if words:
        about.append(
            "; ".join(f"{escape(text[:40])} &times;{n:,}" for text, n in Counter(words).most_common(4))
        )
    if one.texts or len(one.time_ns) < 2:
        if len(one.time_ns) == 1 and not words:
            about.append(", ".join(f"{value:.5g}" for value in one.values[0]))
        picture = ""
    else:
        found = gaps_of(one)
        marks = (
            [(k, int(p)) for k in range(one.values.shape[1]) for p in outliers(one.values[:, k])]
            if one.numeric
            else []
        )
        picture = plot(one, ends[0], ends[1], found, marks)
        if found:
            about.append(count(len(found), "gap"))
        values = one.values[one.quality < FIRST_BAD]
        if one.numeric and values.size and values.shape[1] == 1:
            about.append(f"mean {np.nanmean(values):.5g}")
    return f"<div class='card'>{name}<p class='soft'>{', '.join(about)}</p>{picture}</div>"


def _refused(done: Ingested) -> str:
    if not done.refused:
        return ""
    rows = [
        (
            escape(r.source), f"{r.line}", escape(r.reason), escape(r.field), f"<code>{escape(r.got[:60])}</code>",
            escape(r.expected[:120]),
        )
        for r in done.refused[:MOST_REFUSED]
    ]  # fmt: skip
    more = len(done.refused) - MOST_REFUSED
    note = (
        f"<p class='soft'>and {more:,} more; --quarantine writes all of them with their lines</p>"
        if more > 0
        else ""
    )
    return table(("source", "line", "reason", "field", "got", "expected"), rows) + note


def _origin(done: Ingested) -> str:
    rows = [(escape(source), escape(path.name)) for source, path in done.files]
    rows += [("contract", f"<code>{done.contract.hash}</code>"), ("state", f"<code>{done.digest}</code>")]
    return table(("", ""), rows)
