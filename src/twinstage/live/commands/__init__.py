"""Edits by people in a running twin: `orders` checks them, `effects` gives them their effect on stage, bindings and stream,
`desk` numbers, journals and answers them. Everything here belongs to the thread of the twin, but for the journal's commits.
"""
