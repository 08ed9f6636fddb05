"""Followers of a twin: the twin.v1 protocol, its server and its client. docs/protocol.md is the protocol's text.

Plain data and state machines: `codec` with `wire` (columns <-> bytes), `messages` (control messages), `scene_json` (the
scene as JSON), `state` (newest values, each with the tick that changed it), `tiers` (the same state at several paces, each
encoded once), `view`, `interest`, `frustum` (what a client is shown), `digest` (the hash of what it holds), `pace`
(whether it keeps up), `session` (one client), `hub` (all of it), `figures` (what is counted), `model` and `clock` (the
client's side). Effects live in the modules named here and nowhere else in this folder: `server`, `assets`, `serve`,
`direct` (sockets, files, signals) and `client`, `blocking`; and in `access`, `rpc`, `relay` as they say themselves.
"""
