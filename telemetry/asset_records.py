"""Records of assets, joined to prims and to signals by id. `load_assets` opens a file; the rest is plain data."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.finding import Finding
from twinstage.telemetry.asset_spec import AssetsSpec
from twinstage.telemetry.contract import Contract

_LARGEST = 64 << 20
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Asset:
    """One record. `line`: where it is in the file (of JSON: its place, from 1); `fields`: everything else that it says."""

    id: str
    parent: str
    prim: str
    signals: tuple[str, ...]
    line: int
    fields: dict[str, str]


@dataclass(slots=True)
class Assets:
    """All records by id, parents before what is part of them."""

    by_id: dict[str, Asset] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)

    def path(self, asset: str) -> list[str]:
        """Ids from the top of the hierarchy down to that asset."""
        out = [asset]
        while parent := self.by_id[out[-1]].parent:
            out.append(parent)
        return out[::-1]


@dataclass(slots=True)
class Joined:
    """Which asset each prim is, by path, which signals each asset has, and what did not go together."""

    asset_of: dict[str, str] = field(default_factory=dict)
    signals_of: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def load_assets(spec: AssetsSpec, base_dir: Path) -> Assets:
    """Read the file that a contract names. Raises UserError for whatever is wrong with it."""
    path = (base_dir / spec.file).resolve()
    if not path.is_relative_to(base_dir.resolve()):
        raise UserError(f"assets.file {spec.file!r} leads out of the contract's folder {str(base_dir)!r}")
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} has more than {_LARGEST >> 20} MiB; assets are read as a whole")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no file of assets {str(path)!r}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise UserError(f"the assets {str(path)!r} cannot be read: {error.strerror}") from None
    return parse_assets(text, spec, where=str(path), is_json=path.suffix.lower() == ".json")


def parse_assets(text: str, spec: AssetsSpec, *, where: str, is_json: bool) -> Assets:
    """Records of a text; `where` names it in messages. Raises UserError."""
    rows = _json_rows(text, spec, where) if is_json else _csv_rows(text, spec, where)
    found: dict[str, Asset] = {}
    for line, row in rows:
        asset = _asset(row, spec, line, where)
        if asset.id in found:
            raise UserError(
                f"{where}:{line}: the asset {asset.id!r} is in line {found[asset.id].line} already"
            )
        if len(found) >= _MOST:
            raise UserError(f"{where} has more than {_MOST} assets")
        found[asset.id] = asset
    return _hierarchy(found, where)


def join_assets(assets: Assets, contract: Contract, prims: Mapping[str, str] | None) -> Joined:
    """Bring records, prims and signals together.

    prims: every prim's path, with the id that it declares (`customData` assetId) or ""; None where there is no stage. A
    record's own path comes first, then the declared id, then a name that is the id and that only one prim has.
    """
    out = Joined()
    for asset in assets.by_id.values():
        out.signals_of[asset.id] = _signals_of(asset, contract, out.findings)
    if prims is not None:
        _join_prims(assets, prims, out)
    return out


def _join_prims(assets: Assets, prims: Mapping[str, str], out: Joined) -> None:
    declared = {asset: path for path, asset in prims.items() if asset}
    named: dict[str, list[str]] = {}
    for path in prims:
        named.setdefault(path.rpartition("/")[2], []).append(path)
    for asset in assets.by_id.values():
        prim = _prim_of(asset, prims, declared, named, out.findings)
        if prim and prim in out.asset_of:
            text = f"prim {prim} is the asset {out.asset_of[prim]!r} already, and {asset.id!r} wants it too"
            out.findings.append(Finding("assets.prim-twice", "error", prim, text))
        elif prim:
            out.asset_of[prim] = asset.id
    for path, declares in prims.items():
        if declares and declares not in assets.by_id:
            near = did_you_mean(declares, assets.by_id)
            text = f"prim {path} says that it is the asset {declares!r}, which has no record{near}"
            out.findings.append(Finding("assets.no-record", "warning", path, text))


def _prim_of(
    asset: Asset,
    prims: Mapping[str, str],
    declared: Mapping[str, str],
    named: Mapping[str, Sequence[str]],
    findings: list[Finding],
) -> str:
    if asset.prim:
        if asset.prim in prims:
            return asset.prim
        near = did_you_mean(asset.prim, prims)
        near = near if "did you mean" in near else ""
        text = f"asset {asset.id!r} names the prim {asset.prim}, which is not in the stage{near}"
        findings.append(Finding("assets.no-prim", "warning", asset.prim, text))
        return ""
    if asset.id in declared:
        return declared[asset.id]
    same = named.get(asset.id, ())
    if len(same) > 1:
        text = f"asset {asset.id!r} could be any of {len(same)} prims of that name; give its prim"
        findings.append(Finding("assets.several-prims", "warning", same[0], text))
    return same[0] if len(same) == 1 else ""


def _signals_of(asset: Asset, contract: Contract, findings: list[Finding]) -> list[str]:
    known = [quantity.id for quantity in contract.quantities]
    out = [name for name in known if name == asset.id or name.startswith(f"{asset.id}.")]
    for name in asset.signals:
        if name in known:
            out += [name] if name not in out else []
        else:
            text = (
                f"asset {asset.id!r} names the signal {name!r}, which is not there{did_you_mean(name, known)}"
            )
            findings.append(Finding("assets.no-signal", "warning", "", text))
    return out


def _csv_rows(text: str, spec: AssetsSpec, where: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=spec.delimiter, strict=True)
    try:
        head = [cell.strip() for cell in next(reader, [])]
        if spec.id not in head:
            raise UserError(
                f"{where}:1: there is no column {spec.id!r} with ids{did_you_mean(spec.id, head)}"
            )
        for row in reader:
            if any(cell.strip() for cell in row):
                if len(row) != len(head):
                    raise UserError(
                        f"{where}:{reader.line_num}: {len(row)} columns; {len(head)} were expected"
                    )
                yield reader.line_num, dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise UserError(f"{where}:{reader.line_num}: this is no CSV row: {error}") from None


def _json_rows(text: str, spec: AssetsSpec, where: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: this is not JSON: {error}") from None
    if isinstance(data, dict):
        data = [{spec.id: name, **item} if isinstance(item, dict) else item for name, item in data.items()]
    if not isinstance(data, list):
        raise UserError(f"{where}: a list of objects was expected, or an object of them by id")
    for place, item in enumerate(data, 1):
        if not isinstance(item, dict):
            raise UserError(f"{where}: record {place} is {str(item)[:40]!r}; an object was expected")
        yield place, item


def _asset(row: Mapping[str, Any], spec: AssetsSpec, line: int, where: str) -> Asset:
    texts = {str(key): _text(value) for key, value in row.items()}
    name = texts.get(spec.id, "")
    if not name:
        raise UserError(f"{where}:{line}: the record has no {spec.id!r}")
    own = {spec.id, spec.parent, spec.prim, spec.signals}
    return Asset(
        id=name,
        parent=texts.get(spec.parent, ""),
        prim=texts.get(spec.prim, ""),
        signals=tuple(texts.get(spec.signals, "").split()),
        line=line,
        fields={key: value for key, value in texts.items() if key and key not in own and value},
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    return (
        "" if value is None else json.dumps(value) if isinstance(value, dict | bool) else str(value).strip()
    )


def _hierarchy(found: Mapping[str, Asset], where: str) -> Assets:
    """Parents first. UserError for a parent that is not there, and for a circle."""
    out = Assets()
    for asset in found.values():
        if asset.parent and asset.parent not in found:
            near = did_you_mean(asset.parent, found)
            raise UserError(
                f"{where}:{asset.line}: asset {asset.id!r} is part of {asset.parent!r}, which has no record{near}"
            )
        out.children.setdefault(asset.parent, []).append(asset.id)
    waiting = list(reversed(out.children.get("", [])))
    while waiting:
        name = waiting.pop()
        out.by_id[name] = found[name]
        waiting += reversed(out.children.get(name, []))
    if len(out.by_id) < len(found):
        lost = next(asset for name, asset in found.items() if name not in out.by_id)
        raise UserError(
            f"{where}:{lost.line}: asset {lost.id!r} is part of itself, by way of {lost.parent!r}"
        )
    return out
