"""The telemetry room: what comes in from the plant, made trustworthy.

One way through it::

    source --bytes--> Ingest.offer --readings--> order --due--> Ingest.advance --> StateTable
                          |                        |
                      quarantine            late, duplicate

- `contract` says what is expected: sources, how to read them, signals with units and ranges;
- `sources` bring raw bytes (effects: files, sockets), `pump` runs them and survives their failures;
- `lines`, `readers`, `values`, `times`, `quality` turn bytes into readings in SI units, or into quarantine records;
- `order` holds readings back until their source's watermark has passed them;
- `state` is the last known value of every signal, in columns; `ingest` ties all of it together and counts exactly.

Only `sources`, `pump`, `preflight`, `quarantine` and `yamlfile` touch files, sockets or sleep. Nothing here reads the
wall clock: time is an argument.
"""
