"""A twin's scene as files for others: a layer, one flattened file, a package, a window as samples or value clips.

    own = own_layer(opened)                # the session's opinions over the designers' stage, apart from the live stage
    write_layer(own, Target(Path("state.usda")))
    write_flattened(own, Target(Path("state.usdc")))
    write_package(own, Target(Path("state.usdz")))

Touches files (`target`, `assets`) and pxr. The designers' files are read and never written.
"""
