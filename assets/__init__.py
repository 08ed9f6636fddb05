"""The assets room: what designers bring, examined before anybody relies on it; and the bundled library.

- `check` is the door: `check_stage(path, asset_roots)` gives findings, from a child process with limits; `check_folder`
  checks many files, several at a time; `check_text` and `check_sarif` write them down;
- `rules/` is the table of our own rules; `check_child` runs them in the child beside those of pxr.UsdValidation and the
  readers, with `check_walk`, `check_assets` (files that a stage reaches), `check_origin` (where to mend) and `check_merge`
  (each fault once);
- `fixes/` mends what is safe to mend, in a new layer over the file;
- `rules_labels` are the rules about labels, `label_scene` what they look at, `label_map` a recipe's classes;
- `label_assign`, `label_prompt` and `label_upgrade` decide on labels, `label_layer` writes them into a layer of their own;
- `importing/` makes USD packages of other formats: readers give plain documents, one writer writes them, in the limited
  child;
- `library/` holds USD scenes that ship with the product;
- `catalogue/` finds assets again.

Only `check`, `children` and `importing/imports` start processes, and only the child opens the files
(`check_child`, `check_walk`, `check_assets`, `check_origin`, `rules/`, `fixes/` and `catalogue/look` touch `pxr`, as
`importing/` says of itself); `label_*` work on stages that were opened before.
"""
