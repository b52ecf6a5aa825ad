"""The decoder of plans as kernels, compiled for every target (spec/iprog.md, spec/iprog-abi.md).

``apply.py`` is the same in plain Python, to be read beside the specification.
"""
