"""The OpenAPI document as one page for people: no script, nothing from elsewhere."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from twinstage.sync.api.openapi import document

Json = dict[str, Any]

STYLE = """
:root{--ink:#17202a;--soft:#5b6773;--line:#dfe4e8;--paper:#fff;--back:#f5f7f8;--mark:#0b6e6e;--code:#f0f3f4;
--get:#0b6e6e;--post:#a04a00}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ec;--soft:#9aa7b1;--line:#2c363d;--paper:#12181c;--back:#0c1114;
--mark:#5ec9c4;--code:#1a2227;--get:#5ec9c4;--post:#f0a35e}}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--back)}
a{color:var(--mark);text-decoration:none}a:hover{text-decoration:underline}
code,pre,.path{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
.frame{display:grid;grid-template-columns:270px minmax(0,1fr);max-width:1240px;margin:0 auto}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:24px 12px 24px 20px;border-right:1px solid var(--line)}
nav h2{font-size:12px;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:18px 0 4px}
nav a{display:block;padding:2px 0;color:var(--ink);white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font-size:13.5px}
nav strong{font-size:18px}
main{padding:28px 32px 80px;min-width:0}
h1{margin:0 0 4px;font-size:28px}h2.tag{margin:44px 0 2px;font-size:21px}
.soft{color:var(--soft)}
article{background:var(--paper);border:1px solid var(--line);border-radius:8px;margin:12px 0;overflow:hidden}
summary{display:flex;gap:12px;align-items:baseline;padding:11px 16px;cursor:pointer;flex-wrap:wrap}
summary:hover{background:var(--code)}
summary::-webkit-details-marker{display:none}
.method{font-weight:700;font-size:12px;min-width:38px;color:var(--get)}.post{color:var(--post)}
.path{font-weight:600;overflow-wrap:anywhere}.what{color:var(--soft);flex:1 1 200px}
.role{font-size:11.5px;border:1px solid var(--line);border-radius:10px;padding:0 8px;color:var(--soft)}
.body{padding:4px 16px 16px;border-top:1px solid var(--line)}
h4{margin:16px 0 6px;font-size:12px;letter-spacing:.05em;text-transform:uppercase;color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
td,th{text-align:left;vertical-align:top;padding:5px 12px 5px 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);font-size:12.5px}tr:last-child td{border-bottom:0}
td:first-child{white-space:nowrap}.must{color:var(--post);font-weight:700}
pre{background:var(--code);border-radius:6px;padding:10px 12px;overflow:auto;max-height:340px;margin:6px 0}
dl{margin:0}dt{font-weight:600;float:left;clear:left;width:48px}dd{margin:0 0 2px 52px}
@media (max-width:820px){.frame{display:block}nav{position:static;height:auto;border:0}main{padding:12px 16px 60px}}
@media print{nav{display:none}.frame{display:block}}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page's own Content-Security-Policy: its one style sheet, by its hash, and nothing else."""


@cache
def page() -> str:
    """The page."""
    return "".join(_whole(document()))


def _whole(doc: Json) -> Iterator[str]:
    info = doc["info"]
    title = f"{info['title']} {info['version']}: HTTP API"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_esc(title)}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<style>{STYLE}</style></head><body><div class="frame"><nav>'
    yield from _nav(doc)
    yield f'</nav><main><h1>{_esc(info["title"])} HTTP API</h1><p class="soft">Version {_esc(info["version"])} · '
    yield '<a href="/openapi.json">openapi.json</a> · <a href="/">viewer</a></p>'
    yield _prose(info["description"])
    for tag in doc["tags"]:
        yield f'<h2 class="tag" id="{_anchor(tag["name"])}">{_esc(tag["name"])}</h2>'
        yield f'<p class="soft">{_esc(tag["description"])}</p>'
        for path, method, operation in _operations(doc, tag["name"]):
            yield from _article(doc, path, method, operation)
    yield '<h2 class="tag" id="models">Models</h2>'
    for name, schema in sorted(doc["components"]["schemas"].items()):
        yield from _model(name, schema)
    yield "</main></div></body></html>\n"


def _operations(doc: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    """Those of a tag, without aliases."""
    for path, methods in doc["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"] and "Alias" not in operation["operationId"]:
                yield path, method, operation


def _nav(doc: Json) -> Iterator[str]:
    yield "<strong>Twinstage</strong>"
    for tag in doc["tags"]:
        yield f"<h2>{_esc(tag['name'])}</h2>"
        for _, _, operation in _operations(doc, tag["name"]):
            yield f'<a href="#{operation["operationId"]}">{_esc(operation["summary"])}</a>'
    yield '<h2>Models</h2><a href="#models">All models</a>'


def _article(doc: Json, path: str, method: str, operation: Json) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}"><details><summary>'
    yield f'<span class="method {method}">{method.upper()}</span><span class="path">{_esc(path)}</span>'
    yield f'<span class="what">{_esc(operation["summary"])}</span>'
    yield f'<span class="role">{_esc(operation["x-role"])}</span></summary><div class="body">'
    if operation["description"].rstrip(".") != operation["summary"]:
        yield f"<p>{_ticked(_esc(operation['description']))}</p>"
    if operation["parameters"]:
        rows = [(p["name"], p["schema"], p["description"], p["required"]) for p in operation["parameters"]]
        yield "<h4>Parameters</h4>" + _table(rows)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        yield f"<h4>Body</h4><p>{_type(content['schema'])}</p>{_json(content.get('example'))}"
    yield "<h4>Answer</h4>"
    for kind, content in operation["responses"].get("200", {}).get("content", {}).items():
        what = _type(content["schema"]) if "$ref" in content["schema"] else ""
        yield f"<p><code>{_esc(kind)}</code> {what}</p>{_json(content.get('example'))}"
    others = {k: v for k, v in operation["responses"].items() if k != "200"}
    if others:
        yield f"<h4>{'Errors' if '200' in operation['responses'] else 'Statuses'}</h4><dl>"
        yield "".join(f"<dt>{k}</dt><dd>{_esc(v['description'])}</dd>" for k, v in others.items())
        yield "</dl>"
    yield "</div></details></article>"


def _model(name: str, schema: Json) -> Iterator[str]:
    yield f'<article id="model-{_esc(name)}"><details><summary><span class="path">{_esc(name)}</span>'
    yield f'<span class="what">{_esc(schema.get("description", ""))}</span></summary><div class="body">'
    required = schema.get("required", ())
    rows = [
        (key, one, one.get("description", ""), key in required)
        for key, one in schema.get("properties", {}).items()
    ]
    yield _table(rows) if rows else f"<p>{_type(schema)}</p>"
    yield "</div></details></article>"


def _table(rows: list[tuple[str, Json, str, bool]]) -> str:
    lines = "".join(
        f"<tr><td><code>{_esc(name)}</code>{' <span class=must>*</span>' if must else ''}</td>"
        f"<td>{_type(schema)}</td><td>{_ticked(_esc(text)) if text != name else ''}</td></tr>"
        for name, schema, text, must in rows
    )
    return f'<div class="wide"><table><tr><th>Name</th><th>Type</th><th></th></tr>{lines}</table></div>'


def _type(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#model-{_esc(name)}">{_esc(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(f"<code>{_esc(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{_esc(str(schema['const']))}</code>"
    kind = schema.get("type")
    if kind == "array":
        many = schema.get("prefixItems")
        return f"{len(many)} × {_type(many[0])}" if many else f"list of {_type(schema.get('items', {}))}"
    bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
    word = {"integer": "whole number", "string": "text", "boolean": "true or false"}.get(str(kind), str(kind))
    if len(bounds) == 2:
        word += f" {bounds[0]} to {bounds[1]}"
    default = schema.get("default")
    return _esc(word) + (
        f", default <code>{_esc(json.dumps(default))}</code>" if default not in (None, []) else ""
    )


def _json(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{re.sub(chr(10) + ' *', ' ', m[1])}]", text)
    return f"<pre>{_esc(text)}</pre>"


def _prose(text: str) -> str:
    """Paragraphs and one list, with code in backticks."""
    out = []
    for part in text.split("\n\n"):
        lines = [_ticked(_esc(line.removeprefix("- "))) for line in part.splitlines()]
        listed = part.startswith("- ")
        out.append(
            "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"
            if listed
            else f"<p>{' '.join(lines)}</p>"
        )
    return "".join(out)


def _ticked(text: str) -> str:
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts))


def _anchor(name: str) -> str:
    return _esc(name.lower().replace(" ", "-"))


def _esc(text: str) -> str:
    return html.escape(text, quote=True)
