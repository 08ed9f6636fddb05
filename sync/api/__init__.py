"""The HTTP API of a twin, as one table of operations: paths, models of what is asked and answered, and who may ask.

    operation   what an operation is, the base of all models, refusals
    prims, values, history, bindings, records, datasets, health, alarms, others   operations by subject, with their models
    table       all of them
    http        operations -> routes of the app
    openapi     the table -> OpenAPI 3.1;  page: that -> a page for people

Who answers is handed in (protocols named `...Source`), by `live`. `sync.rpc` serves the same table over gRPC.
"""
