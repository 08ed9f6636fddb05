"""Subdivision surfaces as OpenUSD and OpenSubdiv define them: Catmull-Clark, Loop and bilinear. numpy only.

No maintained Python package refines with creases, corners, holes, boundary rules and face-varying data, so these few
files do. The work splits in two: what follows from the topology (who neighbours whom, which rule holds where, with
what weight) is found once and kept, and what follows from the points is sums of products over whole columns, so that
another pose of the same cage costs little.

- `topology`: faces, edges, sharpness; the base level of a cage, and the next level of any level.
- `scheme`: the weights of one step, and of the way to the limit surface (Sdc's rules, semi-sharp ones included).
- `facevarying`: the topology of a face-varying primvar, with its own seams.
- `refine`: all levels together; points, primvars, normals and the chord error of the answer.
"""
