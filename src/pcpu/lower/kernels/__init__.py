"""The kernels, the fastest first; an operation gets the first that accepts it.

Selection is by the form of an operation, never by its name. ``lookup`` is the generic form of maps,
and ``chain`` that of folds.
"""

from pcpu.isa import Op
from pcpu.lower.kernels import (
    adler,
    affine,
    automata,
    chain,
    clock,
    columns,
    crc,
    cut,
    fnv,
    halts,
    histogram,
    idle,
    lanes,
    limit,
    lookup,
    mapped,
    modular,
    moment,
    neighbours,
    polynomial,
    record,
    resets,
    search,
    two_states,
    xor_hash,
)
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.places import with_keys
from pcpu.target import Target

_FAST: tuple[Kernel, ...] = (
    crc.KERNEL,
    fnv.KERNEL,
    search.KERNEL,
    adler.KERNEL,
    columns.KERNEL,
    lanes.KERNEL,
    lookup.KERNEL,
    limit.KERNEL,
    polynomial.KERNEL,
    modular.KERNEL,
    moment.KERNEL,
    cut.kernel(lambda: KERNELS),
    chain.WIDE,
    neighbours.KERNEL,
    xor_hash.KERNEL,
    clock.KERNEL,
    record.KERNEL,
)
_LAST: tuple[Kernel, ...] = (
    two_states.KERNEL,
    automata.KERNEL,
    affine.KERNEL,
    idle.KERNEL,
    histogram.KERNEL,
    chain.ARRAY,
    chain.KERNEL,
)
_MAPPED = mapped.kernel(_FAST)
_RESETS = resets.kernel((*_FAST, _MAPPED, *_LAST))
_HALTS = halts.kernel((*_FAST, _RESETS, _MAPPED, *_LAST))
KERNELS: tuple[Kernel, ...] = (*_FAST, _HALTS, _RESETS, _MAPPED, *_LAST)

__all__ = ["KERNELS", "Kernel", "select"]


def select(op: Op, target: Target) -> Kernel:
    op, _ = with_keys(op)
    return next(kernel for kernel in KERNELS if kernel.accepts(op, target))
