"""A twin in a notebook: `twin.view()` and what a cell shows for a twin (docs/embedding.md).

`shown` says what a cell shows; `widget` is the view, a widget of anywidget (the extra `jupyter`), which `shown` imports only
where one is asked for.
"""
