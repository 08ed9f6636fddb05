"""The documents tell the truth: links lead somewhere, and the YAML they show is accepted."""

import re
from pathlib import Path

import pytest

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/access.md",
    "docs/alarms.md",
    "docs/api.md",
    "docs/architecture.md",
    "docs/cameras.md",
    "docs/catalogue.md",
    "docs/commands.md",
    "docs/contract.md",
    "docs/datasets.md",
    "docs/conventions.md",
    "docs/files.md",
    "docs/findings.md",
    "docs/designers.md",
    "docs/doctor.md",
    "docs/embedding.md",
    "docs/exactness.md",
    "docs/export.md",
    "docs/exports.md",
    "docs/geometry.md",
    "docs/history.md",
    "docs/import.md",
    "docs/import-meshes.md",
    "docs/import-robots.md",
    "docs/label-pass.md",
    "docs/label-proof.md",
    "docs/labels.md",
    "docs/library.md",
    "docs/lights.md",
    "docs/materials.md",
    "docs/overlays.md",
    "docs/physics.md",
    "docs/pictures.md",
    "docs/protocol.md",
    "docs/randomizers.md",
    "docs/recording.md",
    "docs/records.md",
    "docs/recipes.md",
    "docs/render.md",
    "docs/render-comparison.md",
    "docs/safety.md",
    "docs/scaling.md",
    "docs/sensors.md",
    "docs/state.md",
    "docs/telemetry.md",
    "docs/tour.md",
    "docs/usd-support.md",
    "docs/verify-rules.md",
    "docs/verify.md",
    "docs/viewer.md",
    "clients/js/README.md",
    "examples/unity_unreal.md",
]


READMES = [
    f"examples/{name}/README.md"
    for name in (
        "recordings",
        "time_series",
        "palletizer",
        "bin_picking",
        "parcels",
        "randomizers",
        "relay",
        "embed",
        "robot_arm",
    )
]


@pytest.mark.parametrize("page", [*PAGES, *READMES])
def test_links_lead_somewhere(root: Path, page: str) -> None:
    text = (root / page).read_text("utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    assert [t for t in targets if not ((root / page).parent / t).exists()] == []


def _block(root: Path, begins: str) -> str:
    text = (root / "docs" / "files.md").read_text("utf-8")
    return next(b for b in re.findall(r"```yaml\n(.*?)```", text, re.S) if b.startswith(begins))


def test_the_contract_of_the_page_is_one(root: Path) -> None:
    from twinstage.telemetry.contract import parse_contract

    assert parse_contract(_block(root, "contract: 1"), where="files.md").signal("robot.j1").id == "robot.j1"


def test_the_bindings_of_the_page_are_some(root: Path) -> None:
    from twinstage.scene.bindings import parse_bindings

    kinds = [
        binding.kind for binding in parse_bindings(_block(root, "bindings: 1"), where="files.md").bindings
    ]
    assert kinds == ["joint", "pose", "style"]


def test_the_recipe_of_the_page_is_one(root: Path) -> None:
    import yaml

    from twinstage.synth.recipe import parse_recipe

    assert parse_recipe(yaml.safe_load(_block(root, "recipe: 1"))).frames == 12


def test_every_kind_of_binding_and_randomizer_is_on_the_page(root: Path) -> None:
    from twinstage.scene.bindings import MODELS
    from twinstage.synth.randomizers import RANDOMIZERS

    text = (root / "docs" / "files.md").read_text("utf-8")
    assert [kind for kind in MODELS if f"| `{kind}` |" not in text] == []
    page = (root / "docs" / "randomizers.md").read_text("utf-8")
    assert [kind for kind in RANDOMIZERS.kinds() if f"### `{kind}`\n" not in page] == []


def test_the_readme_names_every_command(root: Path) -> None:
    text = (root / "README.md").read_text("utf-8")
    for command in ("demo", "serve", "doctor", "render", "synth generate", "synth verify", "assets check"):
        assert command in text


def test_the_page_on_recipes_shows_distributions_that_are_some(root: Path) -> None:
    import yaml
    from pydantic import TypeAdapter

    from twinstage.synth.distributions import Distribution
    from twinstage.synth.triggers import Trigger

    text = (root / "docs" / "recipes.md").read_text("utf-8")
    table = text.split("## Numbers")[1].split("## When")[0]
    written = [w for row in re.findall(r"^\| (`.*?) \|", table, re.M) for w in re.findall(r"`([^`]+)`", row)]
    adapter = TypeAdapter(Distribution)
    assert len([adapter.validate_python(yaml.safe_load(w)) for w in written]) >= 14
    fields = {field.alias or name for name, field in Trigger.model_fields.items()}
    told = set(
        re.findall(
            r"`(\w+)`",
            "".join(re.findall(r"^\| (`.*?) \|", text.split("## When")[1].split("## Splits")[0], re.M)),
        )
    )
    assert told == fields
