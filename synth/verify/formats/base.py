"""What a format is to the judge: a name, how its folder is recognised, its checks, and the rules they may name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.report import Judge


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `rules`: what each rule id means, a sentence each. `detect`: whether the folder holds such data."""

    name: str
    title: str
    rules: Mapping[str, str]
    detect: Callable[[Folder], bool]
    check: Callable[[Folder, Judge], None]
