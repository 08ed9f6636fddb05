"""`bind suggest`: bindings that names, units and types speak for. Nothing is invented silently: each has a reason."""
