"""Numbers -> the page. Everything that comes from a dataset is escaped: a dataset is untrusted input."""

import base64
import io
import json
from collections.abc import Iterable, Sequence
from html import escape
from statistics import median
from typing import Any

from twinstage.render.sheet import number
from twinstage.synth.contact_sheet import PALETTE
from twinstage.synth.dataset import MANIFEST, Dataset
from twinstage.synth.report.drawing import heat_map, histogram, shares
from twinstage.synth.report.numbers import GRID, ClassNumbers, Numbers
from twinstage.synth.verify import Report

SHEET_WIDTH, MOST_DRAWS, MOST_FINDINGS = 1400, 60, 100

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2027;--soft:#5c6672;--line:#dfe3e8;--paper:#fff;--card:#f6f7f9;--bar:#2f7ed8;
  --ok:#1e8e4e;--bad:#c0392b}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--soft:#98a2ae;--line:#2c333c;--paper:#14171c;--card:#1c2128;
  --bar:#5aa5f5;--ok:#4cc38a;--bad:#ff7b6b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:28px 24px 60px;background:var(--paper);color:var(--ink);
  font:15px/1.5 system-ui,sans-serif}
h1{font-size:25px;margin:0 0 4px}
h2{font-size:18px;margin:38px 0 10px}
h3{font-size:14px;margin:0 0 6px;font-weight:600;overflow-wrap:anywhere}
p{margin:4px 0}
.soft,.none,.one{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}
.fact{background:var(--card);border-radius:8px;padding:10px 16px}
.fact b{display:block;font-size:22px}
.ok{color:var(--ok)}
.bad{color:var(--bad)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:14px}
.card{background:var(--card);border-radius:8px;padding:12px 14px;min-width:0}
table{border-collapse:collapse;width:100%}
.wide{overflow-x:auto}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child,.left{text-align:left}
svg{width:100%;height:auto;display:block}
.hist rect{fill:var(--bar)}
.hist line{stroke:var(--line)}
.hist text{fill:var(--soft);font-size:11px}
.heat rect{fill:var(--bar)}
.heat .frame{fill:none;stroke:var(--line)}
.dot{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px}
.row{display:grid;grid-template-columns:1fr 70px 46px;gap:8px;align-items:center}
.row b{text-align:right;font-weight:500}
.word{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bar{background:var(--line);height:8px;border-radius:4px}
.bar i{display:block;height:8px;border-radius:4px;background:var(--bar)}
img{max-width:100%;border-radius:8px}
code{font-size:13px;overflow-wrap:anywhere}
"""


def page(dataset: Dataset, numbers: Numbers, verdict: Report | None) -> str:
    """The whole page as HTML."""
    manifest = _manifest(dataset)
    title = ", ".join(stage["name"] for stage in manifest.get("stages", [])) or "dataset"
    body = [
        f"<h1>{escape(title)}</h1><p class='soft'>A labelled dataset: what it holds and what was checked.</p>",
        _facts(numbers, verdict),
        _sheet(dataset),
        _section("Classes", _classes(numbers)),
        _section("Objects", _objects(numbers)),
        _section("Splits", _splits(numbers)),
        _section("Refused attempts", _refusals(numbers)),
        _section("What was drawn", _draws(numbers)),
        _section("Verification", _verification(verdict)),
        _section("Origin", _origin(manifest)),
    ]
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    return f"<!doctype html>\n<html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def _manifest(dataset: Dataset) -> dict[str, Any]:
    path = dataset.root / MANIFEST
    if not path.exists():
        return {}
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def _section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}" if content else ""


def _facts(numbers: Numbers, verdict: Report | None) -> str:
    facts = [
        (numbers.frames, "frames"),
        (numbers.images, "images"),
        (numbers.annotations, "annotated objects"),
        (sum(c.annotations > 0 for c in numbers.classes.values()), f"of {len(numbers.classes)} classes seen"),
    ]
    boxes = "".join(f"<div class='fact'><b>{value:,}</b>{what}</div>" for value, what in facts)
    if verdict is None:
        said = "<b class='soft'>not verified</b>nothing was recomputed"
    elif verdict.ok:
        said = f"<b class='ok'>verified</b>{verdict.checks:,} checks, no finding"
    else:
        said = f"<b class='bad'>{number(len(verdict.findings), 'finding')}</b>in {verdict.checks:,} checks"
    return f"<div class='facts'>{boxes}<div class='fact'>{said}</div></div>"


def _sheet(dataset: Dataset) -> str:
    """The contact sheet, smaller, inside the page."""
    path = dataset.root / "contact_sheet.png"
    if not path.is_file():
        return ""
    from PIL import Image

    with Image.open(path, formats=("PNG",)) as image:
        picture = image.convert("RGB")
    if picture.width > SHEET_WIDTH:
        height = round(picture.height * SHEET_WIDTH / picture.width)
        picture = picture.resize((SHEET_WIDTH, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    data = base64.b64encode(stream.getvalue()).decode()
    return f"<img alt='contact sheet' src='data:image/jpeg;base64,{data}'>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{top}</tr>{body}</table></div>"


def _classes(numbers: Numbers) -> str:
    head = (
        "class",
        "id",
        "objects",
        "images",
        "visible px: least",
        "median",
        "most",
        "occlusion",
        "truncation",
    )
    return _table(head, (_class_row(one) for one in numbers.classes.values()))


def _class_row(one: ClassNumbers) -> Sequence[str]:
    r, g, b = PALETTE[(one.id - 1) % len(PALETTE)]
    name = f"<span class='dot' style='background:rgb({r},{g},{b})'></span>{escape(one.name)}"
    if not one.annotations:
        return (name, str(one.id), "0", "0", *[""] * 5)
    sizes = (min(one.visible), median(one.visible), max(one.visible))
    means = (sum(values) / len(values) for values in (one.occlusion, one.truncation))
    return (
        name,
        str(one.id),
        f"{one.annotations:,}",
        f"{one.images:,}",
        *(f"{value:,.0f}" for value in sizes),
        *(f"{value:.1%}" for value in means),
    )


def _card(title: str, content: str) -> str:
    return f"<div class='card'><h3>{escape(title)}</h3>{content}</div>"


def _objects(numbers: Numbers) -> str:
    if not numbers.images:
        return "<p class='none'>no image</p>"
    cards = [
        _card("Where they are in the image", heat_map(numbers.centers, *GRID)),
        _card("Size of the box [px]", histogram(numbers.sizes, low=0)),
        _card("Share hidden by others", histogram(numbers.occlusion, low=0, high=1)),
        _card("Share beyond the image's edge", histogram(numbers.truncation, low=0, high=1)),
        _card("Distance from the camera [m]", histogram(numbers.distance, low=0)),
        _card("Objects in an image", histogram(numbers.per_image)),
    ]
    return f"<div class='grid'>{''.join(cards)}</div>"


def _splits(numbers: Numbers) -> str:
    rows = [
        (escape(name) or "<span class='soft'>no split</span>", *(f"{count:,}" for count in counts))
        for name, counts in numbers.splits.items()
    ]
    out = _table(("split", "frames", "images", "objects"), rows)
    if len(numbers.scenes) > 1:
        out += _card("Frames by stage", shares(list(numbers.scenes.items())))
    if numbers.picked:
        names = [name for name in numbers.splits if name] or [""]
        chosen = [
            (escape(item), escape(group), *(str(counts.get(name, 0)) for name in names))
            for (group, item), counts in sorted(numbers.picked.items())
        ]
        out += _table(("chosen item", "kind", *(f"frames: {escape(n)}" for n in names)), chosen[:200])
    return out


def _refusals(numbers: Numbers) -> str:
    if not numbers.refusals:
        return "<p class='none'>every first attempt was kept</p>"
    out = _card("Attempts by rule", shares(list(numbers.refusals.items())))
    if numbers.given_up:
        rows = [
            (str(frame), f"<span class='left'>{escape(reason)}</span>") for frame, reason in numbers.given_up
        ]
        out += _table(("frame given up", "last reason"), rows[:MOST_FINDINGS])
    return out


def _draws(numbers: Numbers) -> str:
    cards = [
        _card(f"{name}: {what}", histogram(values)) for (name, what), values in sorted(numbers.draws.items())
    ]
    cards += [
        _card(f"{name}: {what}", shares(list(counts.items())))
        for (name, what), counts in sorted(numbers.words.items())
    ]
    more = f"<p class='none'>and {len(cards) - MOST_DRAWS} more</p>" if len(cards) > MOST_DRAWS else ""
    return f"<div class='grid'>{''.join(cards[:MOST_DRAWS])}</div>{more}" if cards else ""


def _verification(verdict: Report | None) -> str:
    if verdict is None:
        return "<p>Nothing was recomputed; <code>twinstage synth verify</code> does it.</p>"
    groups: dict[str, int] = {}
    for code, count in sorted(verdict.counts.items()):
        group = code.split(".")[0]
        groups[group] = groups.get(group, 0) + count
    out = f"<div class='grid'>{_card('Checks made', shares(list(groups.items()), most=40))}</div>"
    if verdict.redrawn is not None:
        out = f"<p>{escape(verdict.redrawn_line)}</p>{out}"
    if verdict.ok:
        return f"<p class='ok'>Every number was recomputed from the files alone, and agrees.</p>{out}"
    rows = [(escape(f.code), escape(f.where), escape(f.message)) for f in verdict.findings[:MOST_FINDINGS]]
    return out + _table(("rule", "where", "what"), rows)


def _origin(manifest: dict[str, Any]) -> str:
    rows = [("recipe", f"<code>{escape(str(manifest.get('recipe_hash', '')))}</code>")]
    rows += [
        (f"stage {escape(str(stage['name']))}", f"<code>{escape(str(stage['hash']))}</code>")
        for stage in manifest.get("stages", [])
    ]
    rows.append(("seed", escape(str(manifest.get("seed", "")))))
    rows += [(escape(name), escape(str(of))) for name, of in sorted(manifest.get("versions", {}).items())]
    return _table(("what", "which"), rows)
