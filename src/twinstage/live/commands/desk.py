"""The desk of edits: numbers transactions, keeps them in the history, tells everybody, and answers.

A transaction is done at once, between two ticks; where there is a history, it is answered when it is safe there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import TwinstageError, UserError
from twinstage.base.finding import Finding
from twinstage.live.api.reading import without_places
from twinstage.live.commands.alarm_orders import AlarmOrders
from twinstage.live.commands.copies import members, zipped
from twinstage.live.commands.effects import Effects
from twinstage.live.commands.looks import Looks
from twinstage.live.commands.orders import Invalid, Orders
from twinstage.live.commands.placing import NotLetIn, check_room, left_standing
from twinstage.live.commands.told import (
    authors_of,
    current_of,
    edits_of,
    event_of,
    placed_assets,
    transactions_of,
)
from twinstage.live.commands.wires import is_binding, keys_of
from twinstage.scene.columns import TickColumns
from twinstage.scene.shelf import resolved_note
from twinstage.scene.ui_layer import ASSET
from twinstage.sync.access.roles import Identity
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.commands import (
    Answer,
    Code,
    Command,
    Current,
    Edits,
    EditsAsk,
    Transactions,
    TransactionsAsk,
)
from twinstage.sync.api.operation import Refused
from twinstage.sync.commands.ledger import Conflict, Ledger
from twinstage.sync.commands.records import Key, Record, to_text

if TYPE_CHECKING:
    from twinstage.live.commands.beside import Wanted
    from twinstage.live.twin import LiveTwin
    from twinstage.live.watch.adopt import Generation
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.snapshot import Snapshot
    from twinstage.telemetry.history.edits import EditJournal

log = logging.getLogger("twinstage.edits")

MOST_ROUNDS = 5
"""How often a generation is made for one command, where others change the stage meanwhile."""


class EditDesk:
    """Implements `sync.edits.EditSource`."""

    def __init__(
        self, live: "LiveTwin", ledger: Ledger | None = None, journal: "EditJournal | None" = None
    ) -> None:
        self._live = live
        self.ledger = ledger or Ledger()
        self._journal = journal
        self._effects = Effects(live)
        self._alarms = AlarmOrders(
            live, lambda ident, author: self._done(ident, author, self.version), self._no
        )
        self._untold: list[Record] = []
        self.placed_version = 0
        """Counts transactions that placed something, or took it away."""
        self._under_way: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._turn = asyncio.Lock()
        """Generations are made one after the other."""
        self._looks = Looks(self._effects)
        self._zips = Gate(at_once=1, most_waiting=4)
        self._failure = ""
        self._warning = ""

    # ------------------------------------------------------------------ the twin

    def restore(self) -> None:
        """Give what the ledger tells its effect. UserError where the stage or the bindings do not take it."""
        missing = self._effects.restore(self.ledger.values())
        self._live.findings = (*self._live.findings, *missing)
        self._warn(missing)

    def _warn(self, findings: list[Finding]) -> None:
        """What viewers are told as long as placed prims show nothing."""
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        text = f"{findings[0].message}{more}" if findings else ""
        if self._live.hub.standing == self._warning:
            self._live.hub.standing = text
        self._warning = text

    def clear(self) -> None:
        """Take away all edits that are told and have no effect yet."""
        now = self._live.clock.now_ns()
        nothing = dict.fromkeys(self.ledger.values())
        ident = f"clear-{self.ledger.version}"
        record = self.ledger.edit("twinstage", ident, nothing, base=None, at_ns=now)
        self.ledger.accept(record)
        self._tell(record)

    def shown(self, columns: TickColumns | None, ordinal: int, now_ns: int) -> TickColumns | None:
        """A tick as viewers are to have it."""
        if self._untold:
            self._live.hub.event("edit", event_of(self._untold, self.version))
            self._untold.clear()
        return self._effects.shown(columns, ordinal, now_ns)

    def close(self) -> None:
        """Keep what is left to keep."""
        if self._journal is not None:
            try:
                self._journal.close()
            except OSError as error:
                log.error("%s", error.strerror or error)

    # ------------------------------------------------------------------ another generation of the stage

    @property
    def base(self) -> "Snapshot":
        """The scene without edits of looks."""
        return self._effects.base

    @property
    def bindings_file(self) -> "Bindings | None":
        """The bindings without edits."""
        file: Bindings | None = self._effects.file
        return file

    def adopt(self, generation: "Generation") -> list[Finding]:
        """Go on with a stage that was opened anew; what became of edits that it does not take."""
        return self._effects.adopt(generation)

    # ------------------------------------------------------------------ commands

    @property
    def version(self) -> int:
        """Number of the newest transaction."""
        return self.ledger.version

    def command(self, command: Command, who: Identity) -> Answer | Awaitable[Answer]:
        """Do it at once; the answer, or what gives it when it is safe."""
        if command.kind == "alarm":
            return self._alarms.do(command, who)
        known = self.ledger.done_before(who.name, command.id)
        if known is not None:
            return self._safe(self._done(command.id, who.name, known))
        if self._journal is not None and self._journal.full:
            return self._no(command, "refused", "earlier edits cannot be written, so no more are taken")
        try:
            record = self._proposed(command, who.name)
            self._stands(record)
            if (_goes_deep(record) or _is_tried(record)) and _has_loop():
                return self._beside(command, who)
            self._effects.apply(_changes(record))
        except NotLetIn as wanted:
            return self._let_in_first(wanted.asset, command, who)
        except TwinstageError as error:
            return self._refusal(command, error)
        return self._accepted(command, who, record)

    def _refusal(self, command: Command, error: TwinstageError) -> Answer:
        if isinstance(error, Conflict):
            return self._no(command, "conflict", str(error), current_of(error.key, error.cell))
        if not isinstance(error, UserError):
            log.error("a command was not done: %s", error)
        return self._no(command, "invalid" if isinstance(error, Invalid) else "refused", str(error))

    def _accepted(self, command: Command, who: Identity, record: Record) -> Answer | Awaitable[Answer]:
        """It is done: number it, tell it, keep it."""
        self.ledger.accept(record)
        self._tell(record)
        if self._warning:
            self._warn(self._effects.missing())
        return self._safe(self._done(command.id, who.name, record.version))

    def _beside(self, command: Command, who: Identity) -> Awaitable[Answer]:
        """Do on another thread what takes long, while ticks go on: make the next generation of the stage, or try variants.

        Asked again, the same answer comes.
        """
        key = who.name, command.id
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._done_beside(command, who))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return asyncio.shield(task)  # who asked may go; what was begun is done

    async def _done_beside(self, command: Command, who: Identity) -> Answer:
        from twinstage.live.commands.beside import made, tried

        try:
            async with self._turn:
                for _ in range(MOST_ROUNDS):
                    record = self._again(command, who)
                    wanted, deep = self._effects.wanted(_changes(record)), _goes_deep(record)
                    work: Callable[[Wanted], Generation | None] = made if deep else tried
                    generation = await asyncio.to_thread(work, wanted)
                    record = self._again(command, who)  # others may have changed something meanwhile
                    changes = _changes(record)
                    if not self._effects.still(wanted, changes) or _goes_deep(record) != deep:
                        continue
                    if generation is None:
                        self._effects.apply(changes)
                    else:
                        self._effects.go_on(generation, changes)
                    result = self._accepted(command, who, record)
                    break
                else:
                    raise UserError("the stage changes so often that this edit cannot be done; try again")
        except NotLetIn as asset:
            try:
                await self._looks.at(asset.asset)
            except TwinstageError as error:
                return self._refusal(command, error)
            return await self._done_beside(command, who)
        except TwinstageError as error:
            return self._refusal(command, error)
        return result if isinstance(result, Answer) else await result

    def _again(self, command: Command, who: Identity) -> Record:
        """What the command comes to as things stand now."""
        record = self._proposed(command, who.name)
        self._stands(record)
        return record

    def _proposed(self, command: Command, author: str) -> Record:
        ledger, now = self.ledger, self._live.clock.now_ns()
        if command.base is not None and command.base > ledger.version:
            raise Invalid(f"base {command.base} is newer than this twin's version {ledger.version}")
        if command.kind == "undo":
            return ledger.undo(author, command.id, of=command.of, at_ns=now)
        if command.kind == "redo":
            return ledger.redo(author, command.id, of=command.of, at_ns=now)
        edits = command.edits if command.kind == "transaction" else (command,)
        if not edits:
            raise Invalid("a transaction needs edits")
        values = Orders(self._effects, ledger).read(edits)
        return ledger.edit(author, command.id, values, base=command.base, at_ns=now)

    def _stands(self, record: Record) -> None:
        """Conflict where edits by others would be left without their prim; NotLetIn for an asset to look at first."""
        changes = _changes(record)
        if record.did != "edit":
            self._stands_again(record, changes)
        if any(name == ASSET and value is not None for (_, name), value in changes.items()):
            standing = self._effects.placed({**self.ledger.values(), **changes})
            *others, last = [asset for asset in standing if asset is not None]
            check_room(last, others)

    def _stands_again(self, record: Record, changes: dict[tuple[str, str], Any]) -> None:
        """The same for what is undone and done again."""
        left = left_standing(changes, self.ledger.values())
        if left is not None:
            key = Key(*left)
            cell = self.ledger.cells[key]
            raise Conflict(
                key,
                cell,
                f"it cannot be {'undone' if record.did == 'undo' else 'done again'}: {cell.author} has changed "
                f"{key.property} of {key.path} in version {cell.version}; remove it instead",
            )
        placed = [
            change.after["asset"] for change in record.changes if change.property == ASSET and change.after
        ]
        for name in placed:
            self._effects.asset(name)
        for change in record.changes:
            if change.after is not None and change.path and not self._effects.has(change.path, changes):
                raise UserError(
                    f"{change.path} is not there any more, so {change.property} cannot be given back"
                )

    async def _let_in_first(self, asset: str, command: Command, who: Identity) -> Answer:
        """Look at an asset in the limited child while ticks go on; then do the command."""
        try:
            await self._looks.at(asset)
        except UserError as error:
            return self._no(command, "refused", str(error))
        except TwinstageError as error:
            log.error("%s", error)
            return self._no(command, "refused", str(error))
        result = self.command(command, who)
        return result if isinstance(result, Answer) else await result

    def _done(self, ident: str, author: str, version: int) -> Answer:
        placed, notes = self._placed(version)
        return Answer(
            id=ident,
            ok=True,
            version=version,
            undo=self.ledger.undoable(author),
            redo=self.ledger.redoable(author),
            placed=placed,
            note="; ".join(notes) or None,
        )

    def _placed(self, version: int) -> tuple[tuple[str, ...], list[str]]:
        """Prims that a recent transaction placed, and what was made up for."""
        record = next((one for one in reversed(self.ledger.recent) if one.version == version), None)
        changes = () if record is None else record.changes
        placed = {
            change.path: change.after["asset"]
            for change in changes
            if change.property == ASSET and change.after
        }
        opened = self._live.opened
        found = [opened.shelf.get(name) for name in dict.fromkeys(placed.values())]
        notes = [
            f"{asset.name}: {note}"
            for asset in found
            if asset and (note := resolved_note(asset, opened.meters_per_unit, opened.up_axis))
        ]
        return tuple(placed), notes

    def _no(self, command: Command, code: Code, sentence: str, current: Current | None = None) -> Answer:
        return Answer(
            id=command.id, ok=False, version=self.version, code=code, error=sentence, current=current
        )

    # ------------------------------------------------------------------ telling and keeping

    def _tell(self, record: Record) -> None:
        if self._journal is not None:
            try:
                self._journal.tell(record.version, record.at_ns, to_text(record))
            except OSError as error:
                self._failed(str(error.strerror or error))
        self._untold.append(record)
        self.placed_version += any(change.property == ASSET for change in record.changes)

    def _safe(self, answer: Answer) -> Answer | Awaitable[Answer]:
        journal = self._journal
        if journal is None:
            return answer

        async def kept() -> Answer:
            try:
                await asyncio.to_thread(journal.commit)
                self._failure = ""
            except OSError as error:
                self._failed(str(error.strerror or error))
                return answer.model_copy(update={"kept": False})
            return answer

        return kept()

    def _failed(self, text: str) -> None:
        if text != self._failure:
            self._failure = text
            log.error("%s", text)
            assert self._journal is not None
            plain = without_places(text, self._journal.path.parent)
            self._live.hub.notice("error", f"edits are done but not kept: {plain}")

    # ------------------------------------------------------------------ questions

    def edits(self, asked: EditsAsk) -> Edits:
        """What stands."""
        return edits_of(self.ledger, asked)

    def transactions(self, asked: TransactionsAsk) -> Transactions:
        """What was done last, the newest first."""
        return transactions_of(self.ledger, asked)

    def placed_assets(self) -> list[str]:
        """Names of assets that stand placed. May be called from any thread."""
        return placed_assets(self.ledger)

    def locks(self, path: str) -> Callable[[str], str | None]:
        """Of a prim: why one of its properties cannot be set by hand, by the property's name; None: it can."""
        rules, bound = self._effects.rules(), self._effects.bound
        return lambda name: rules.may_not(path, name) or bound.complaint(path, name)

    def layer_text(self, who: bool = False) -> str:
        """The ui layer as usda, with the units and axes of the stage; `who`: and with who edited what last, and when."""
        from twinstage.scene.export.edits import edits_text

        return edits_text(self._live.opened, authors_of(self.ledger) if who else None, self.ledger.values())

    async def assets_zip(self) -> bytes:
        """The files of all placed assets, as a zip. Raises Refused (404, 413, 503)."""
        shelf, library = self._live.opened.shelf, self._live.library
        assets = [shelf.assets[name] for name in self.placed_assets() if name in shelf.assets]
        if not assets:
            raise Refused(404, "nothing is placed in this twin")
        try:
            return await self._zips.run(lambda: zipped(members(assets, library)))
        except UserError as error:
            raise Refused(413, str(error)) from None

    def binding_keys(self) -> list[str] | None:
        """Keys of the twin's bindings in their order; None where it has none."""
        file = self._effects.file
        return None if file is None else keys_of(file, self.ledger.values())

    def bindings_text(self) -> str | None:
        """A bindings file with the edits in it."""
        from twinstage.scene.stored import as_yaml

        return None if self._live.bindings is None else as_yaml(self._live.bindings)


def _changes(record: Record) -> dict[tuple[str, str], Any]:
    return {change.key(): change.after for change in record.changes}


def _goes_deep(record: Record) -> bool:
    """Whether the stage or the bindings are others then. What also sets transform ops is judged on the present stage."""
    from twinstage.scene.ui_scene import is_structural

    names = [change.property for change in record.changes]
    deep = any(is_structural(name) or is_binding(name) for name in names)
    return deep and not any(name.startswith("xformOp:") for name in names)


def _is_tried(record: Record) -> bool:
    """Whether the limited child may have to look at it first, which takes as long as it may."""
    from twinstage.scene.ui_scene import is_chosen

    return any(is_chosen(change.property) for change in record.changes)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
