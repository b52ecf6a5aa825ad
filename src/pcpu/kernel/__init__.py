"""Kernels: functions in a small part of Python that are compiled for every target.

A kernel is written once: ``translate`` makes LLVM IR of it, for WebAssembly and native code. It is
also plain Python over numpy arrays, and numba compiles it where loops of the planner call it.

    Bytes, Ints          the arrays that kernels take: of bytes, of numbers of 64 bits with a sign
    Memory               all bytes of memory, of which slices are Bytes
    State                the numbers that kernels keep between calls
    Extern               what is linked to a kernel, and is no kernel itself
    module.translate     kernels -> LLVM IR

What is allowed: int (64 bits, wraps) and bool; Bytes and Ints, slices of them, which are views;
while, for over range, if; calls of other kernels; constants of the module, numbers or arrays.
"""

from __future__ import annotations

from pcpu.kernel.declare import Bytes, Extern, Ints, Memory, State, i64

__all__ = ["Bytes", "Extern", "Ints", "Memory", "State", "i64"]
