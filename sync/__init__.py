"""Followers of a twin: the twin.v1 protocol, its server and its client. docs/protocol.md is the protocol's
text.

Plain data and state machines: `codec` (columns <-> bytes), `messages` (control messages), `scene_json` (the
scene as JSON), `session` (one client), `hub` (latest state, encoded once for all clients). Effects live in
the modules named here and nowhere else in this folder: `server`, `assets`, `serve` (sockets, files, signals)
and `client`, `blocking`.
"""
