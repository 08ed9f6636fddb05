"""All rules in turn, and the text that `bind suggest` writes."""

from twinstage.live.suggest.mimics import suggest_mimics
from twinstage.live.suggest.model import Suggestion, as_file
from twinstage.live.suggest.rules import (
    Workbench,
    suggest_grips,
    suggest_instances,
    suggest_joints,
    suggest_levels,
    suggest_numbers,
    suggest_poses,
    suggest_switches,
    suggest_vectors,
)
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.telemetry.contract import Contract


def propose(
    opened: OpenedStage, snapshot: Snapshot, contract: Contract
) -> tuple[list[Suggestion], list[str]]:
    """Suggestions, surest kinds first, and the ids of the signals that nothing was found for."""
    bench = Workbench(opened, snapshot, contract)
    for rule in (
        suggest_joints,
        suggest_mimics,
        suggest_poses,
        suggest_vectors,
        suggest_instances,
        suggest_levels,
        suggest_grips,
        suggest_switches,
        suggest_numbers,
    ):
        rule(bench)
    named = " ".join(str(s.data) for s in bench.out)
    unused = [s.id for s in contract.signals if s.id not in bench.taken and s.id not in named]
    return bench.out, unused


def propose_file(opened: OpenedStage, snapshot: Snapshot, contract: Contract, contract_path: str) -> str:
    """The text of a bindings file."""
    suggestions, unused = propose(opened, snapshot, contract)
    return as_file(suggestions, contract_path, snapshot.prims.path, unused)
