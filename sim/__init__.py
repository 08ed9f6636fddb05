"""Simulation: models of the plant that a twin follows.

`plant/` is the demo plant: a small, deterministic model of the bundled work cell that emits telemetry as its real
controllers would. This room imports nothing of USD; only `plant/source.py` waits for the clock.
"""
