"""Compiling the kernels for GPUs that are not there: registers, spills, shared memory, tensor-core instructions.

`python -m fastssl.kernels.aot` prints a table and fails where a variant breaks the budget in `kernels/aot_budget.json`;
`--update` writes that file anew. Needs Triton (which brings ptxas and cuobjdump) and no GPU.
"""
