"""Stateless edge servers: one twin publishes each tick once to NATS, and any number of relays serve it to viewers.

Plain data: `envelope` (what travels), `mirror` (a scene from its document). The twin's side: `publisher`, `answers`. The
relay's side: `edge` (keeps a hub in step), `files` (scene, geometry and textures), `forward` (calls that only the twin can
answer). Effects: `bus` (the connection to NATS); the others work on the event loop and do no I/O of their own.
"""
