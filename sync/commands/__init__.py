"""Changes that people make: who changed which property when, conflicts, undo and redo. Pure: no files, sockets or clocks.

`live.commands` gives the changes their effect, `telemetry.history.edits` keeps them, `sync.api.commands` says how they are
asked for.
"""
