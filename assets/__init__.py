"""The assets room: what designers bring, examined before anybody relies on it; and the bundled library.

- `check` is the door: `check_stage(path, asset_roots)` gives findings, from a child process with limits;
- `finding` is what it gives, `rules_stage` and `rules_geometry` are our own rules, `check_child` runs them beside
  those of pxr.UsdValidation;
- `rules_labels` are the rules about labels, `label_scene` what they look at, `label_map` a recipe's classes;
- `label_assign`, `label_prompt` and `label_upgrade` decide on labels, `label_layer` writes them into a layer of their own;
- `library/` holds USD scenes that ship with the product.

Only `check` starts processes, and only the child opens the files; `label_*` work on stages that were opened before.
"""
