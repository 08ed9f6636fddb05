"""The bindings and the contract of a twin: from the files that a user named, or from the stage itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.finding import Finding

if TYPE_CHECKING:
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.stage import OpenedStage
    from twinstage.telemetry.contract import Contract


@dataclass(frozen=True, slots=True)
class Wiring:
    """`base_dir`: what the contract's file names are relative to. `findings`: bindings that were left out."""

    bindings: "Bindings"
    contract: "Contract"
    contract_path: Path
    findings: tuple[Finding, ...] = ()

    @property
    def base_dir(self) -> Path:
        return self.contract_path.parent


def load_wiring(
    opened: "OpenedStage",
    bindings: Path | None,
    contract: Path | None,
    *,
    lenient: bool = False,
    only: Sequence[str] = (),
) -> Wiring | None:
    """The wiring of a stage, None where there is none. `lenient`: bindings that cannot be read become findings.
    `only`: prims to which bindings are restricted; a finding says how many are left out.

    Raises UserError for files that cannot be read, and for a contract without bindings.
    """
    from twinstage.scene.bindings import load_bindings, load_leniently
    from twinstage.scene.stored import has_stored, read_stored
    from twinstage.telemetry.contract import load_contract

    findings: list[Finding] = []
    if bindings is not None:
        found, findings = load_leniently(bindings) if lenient else (load_bindings(bindings), [])
        path = contract or bindings.parent / found.contract
    elif has_stored(opened):
        found, path, findings = read_stored(opened)
        if findings and not lenient:
            raise UserError(findings[0].message)
        path = contract or path
    elif contract is not None:
        raise UserError(
            f"a contract was given ({contract}) but no bindings: nothing would move; add --bindings"
        )
    else:
        return None
    if only:
        from twinstage.scene.shard import bindings_within

        total = len(found.bindings)
        found, elsewhere = bindings_within(found, only, opened)
        if elsewhere:
            text = f"{elsewhere} of {total} bindings drive prims outside of {' '.join(only)}: other twins have to"
            findings.append(Finding("binding.elsewhere", "info", "", text))
    return Wiring(found, load_contract(path), path, tuple(findings))


def with_recordings(contract: "Contract", recordings: Sequence[tuple[str, Path]]) -> "Contract":
    """The contract with files in place of its sources' own, by the source's name; "" means its only source."""
    sources = dict(contract.sources)
    for name, path in recordings:
        if not name and len(sources) > 1:
            raise UserError(
                f"telemetry: the contract has {len(sources)} sources; name one file for each: {', '.join(sources)}"
            )
        source = name or next(iter(sources), "")
        if source not in sources:
            raise UserError(f"telemetry: the contract has no source {name!r}{did_you_mean(name, sources)}")
        sources[source] = sources[source].model_copy(update={"uri": f"file:{path}"})
    return contract.model_copy(update={"sources": sources}) if recordings else contract
