"""The assets room: what designers bring, examined before anybody relies on it; and the bundled library.

- `check` is the door: `check_stage(path, asset_roots)` gives findings, from a child process with limits; `check_folder`
  checks many files, several at a time; `check_text` and `check_sarif` write them down;
- `rules/` is the table of our own rules; `check_child` runs them in the child beside those of pxr.UsdValidation and the
  readers, with `check_walk`, `check_assets` (files that a stage reaches), `check_origin` (where to mend) and `check_merge`
  (each fault once);
- `fixes/` mends what is safe to mend, in a new layer over the file;
- `rules_labels` are the rules about labels, `label_scene` what they look at, `label_map` a recipe's classes;
- `label_assign`, `label_prompt` and `label_upgrade` decide on labels, `label_layer` writes them into a layer of their own;
- `library/` holds USD scenes that ship with the product.

Only `check` and `check_folder` start processes, and only the child opens the files (`check_child`, `check_walk`,
`check_assets`, `check_origin`, `rules/` and `fixes/` touch `pxr`); `label_*` work on stages that were opened before.
"""
