"""Compiled loops (numba, no torch), and the tools to compile them and to run them in parallel.

Start with `compiled.kernel`, the decorator that compiles a function of scalars and numpy arrays, and with
`threads.parallel_for`, which runs one on several threads. For use inside of kernels, `bfloat16` reads and writes that
type and `vectors` has SIMD operations. `memory` keeps the C library's heap small.

Loops that several blocks or rooms share are here: `semi_global` and `matching_cost` (stereo), `input_loops` (network
inputs), `child_labels` (labels of fine voxels). A loop that one block alone needs stays in the block's folder, as
`networks/lift/gathered.py`. Importing a module with kernels loads or compiles machine code, so callers import it where
they need it.
"""
