"""What the user chooses of a stage after it was opened: variants, and which payloads to load.

Choices are opinions and rules of the session; the designers' files stay as they are. Touches pxr.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.asset_paths import check_used_layers
from twinstage.scene.stage import OpenedStage

_SELECTION = re.compile(r"(?P<prim>/[^{}]*)\{(?P<set>[^{}=]+)\}")


def choose_variants(opened: OpenedStage, variants: Mapping[str, str]) -> OpenedStage:
    """The stage with other variants: `{"/Prim{set}": "variant"}`. Its hash becomes one of layers and choices.

    Raises UserError where a prim, a set or a variant does not exist, and for layers outside the allowed folders that
    a variant brings in. Read the snapshot after this.
    """
    from pxr import Usd

    if not variants:
        return opened
    stage = opened.stage
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        for target, name in variants.items():
            _choose(opened, target, name)
    check_used_layers(stage, opened.allowed)
    told = "".join(f"{target}={name}\n" for target, name in sorted(variants.items()))
    mixed = hashlib.sha256(f"{opened.hash}\n{told}".encode()).hexdigest()
    return replace(opened, hash=mixed)


def _choose(opened: OpenedStage, target: str, name: str) -> None:
    parts = _SELECTION.fullmatch(target)
    if parts is None:
        raise UserError(f"variant choice {target!r} is not of the form '/Prim{{set}}'")
    prim = opened.stage.GetPrimAtPath(parts["prim"])
    if not prim:
        raise UserError(f"variant choice {target!r}: there is no prim {parts['prim']}")
    sets = prim.GetVariantSets()
    if parts["set"] not in sets.GetNames():
        raise UserError(
            f"variant choice {target!r}: {parts['prim']} has no variant set {parts['set']!r}"
            + did_you_mean(parts["set"], sets.GetNames())
        )
    chosen = sets.GetVariantSet(parts["set"])
    if name not in chosen.GetVariantNames():
        raise UserError(
            f"variant choice {target!r}: there is no variant {name!r}"
            + did_you_mean(name, chosen.GetVariantNames())
        )
    chosen.SetVariantSelection(name)


def load_below(opened: OpenedStage, paths: Iterable[str]) -> OpenedStage:
    """A stage that was opened with load="none", with the payloads of those prims, and of all below them, loaded.

    Raises UserError for a prim that does not exist, and for layers outside the allowed folders.
    """
    wanted = list(paths)
    for path in wanted:
        if not opened.stage.GetPrimAtPath(path):
            raise UserError(f"there is no prim {path} whose payloads could be loaded")
    opened.stage.LoadAndUnload(set(wanted), set())
    check_used_layers(opened.stage, opened.allowed)
    return opened
