"""The wiring: what comes in, what changes the scene, who looks at it.

`twin` ticks (ingest -> plan -> hub and USD), `server` runs it behind one port, `demo` adds the plant and a dataset,
`producer` is the Python API for people who never see a YAML. Only here and in `cli` do clocks start.
"""
