"""The kernels, the fastest first; an operation gets the first that accepts it.

Selection is by the form of an operation, never by its name. ``chain`` is the generic form
and accepts every fold.
"""

from pcpu.isa import Op
from pcpu.lower.kernels import chain, crc, fnv, lanes
from pcpu.lower.kernels.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (crc.KERNEL, fnv.KERNEL, lanes.KERNEL, chain.WIDE, chain.KERNEL)

__all__ = ["KERNELS", "Kernel", "select"]


def select(op: Op) -> Kernel:
    return next(kernel for kernel in KERNELS if kernel.accepts(op))
