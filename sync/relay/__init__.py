"""Stateless edge servers: one twin publishes each tick once to NATS, and any number of relays serve it to viewers.

Plain data: `envelope` (what travels), `mirror` (a scene from its document), `join` (several scenes as one), `choices`. The
twin's side: `publisher`, `answers`, put together in `twin`. A relay's side: `edge` (keeps a hub in step), `files` (scene,
geometry, textures), `asking`, `forward` (what only the twin can answer), put together in `link` (one twin), `joined` (several)
and `app`. Effects: `bus` (the connection to NATS); the others keep time and wait on the event loop, and do no I/O of their own.
"""
