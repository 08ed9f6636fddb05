"""What a session needs of its hub, and of those who say who a client is and do what it wants."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twinstage.scene.columns import Bool
from twinstage.sync import messages as m
from twinstage.sync.access.roles import Identity, Refusal
from twinstage.sync.figures import Counters, StreamFigures
from twinstage.sync.playhead import Room
from twinstage.sync.tiers import Tier
from twinstage.sync.view import View

Admit = Callable[[str | None], Identity | Refusal]
"""Says who shows that token in a hello, or why it is not let in."""
TakeCommand = Callable[[Mapping[str, Any], Identity, Callable[[m.Answer], None], int], None]
"""Does what somebody wants, and calls back with what became of it, at once or later; last, the time."""
TakeControl = Callable[[Mapping[str, Any], Identity, Callable[[str], None], int], None]
"""Somebody used a control; it calls back with why not, where it is refused; last, the time."""


class Stream(Protocol):
    """What a session needs of its hub."""

    counters: Counters
    figures: StreamFigures
    tiers: tuple[Tier, ...]
    """Fastest first; its state is the newest there is."""
    take_command: TakeCommand | None
    """None: nothing can be changed through this server."""
    take_control: TakeControl | None
    """None: this server has no controls."""
    edits: Callable[[], int]
    """Number of the newest transaction."""
    room: Room
    """The shared playhead."""
    serves: tuple[str, ...] | None
    """Parts of the REST interface that are there (`messages.SERVES`); None: not known."""
    standing: str
    """A warning that holds now, for who comes now; "" for none."""
    away: m.Away | None
    """Which twin cannot be reached now; None where all can."""

    @property
    def epoch(self) -> str: ...

    @property
    def revision(self) -> int: ...

    @property
    def seq(self) -> int: ...

    floor: int
    """Who holds only older ticks needs a keyframe."""

    @property
    def events(self) -> int: ...

    @property
    def stage(self) -> m.StageInfo: ...

    def view(self, want: frozenset[str], interest: m.Interest, before: View | None = None) -> View:
        """What a client with those channels and that interest is shown, having been shown `before`."""
        ...

    def digest(self, view: View, held: Mapping[str, Bool]) -> str:
        """Hash of the newest state as far as it is shown, and of the rows that are `held` from before."""
        ...
