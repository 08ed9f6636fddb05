"""Who may follow a twin and who may change it: tokens, roles, limits, and the doors where they are asked for.

Plain data and state machines: `roles`, `tokens`, `buckets`, `limits`, `origins`, `cookies`, `routes`, `audit`, `urls`.
`access` puts them together for one running server. Effects: `store` (files), `tls` (certificates), `gate` and `signin`
(HTTP), `door` (connections). docs/access.md says what is protected and what is not.
"""
