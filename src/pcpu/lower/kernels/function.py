"""Kernels as functions of their module."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from pcpu.lower.code import POINTER, Code, Value


def kernel_function(code: Code, name: str, state: Any) -> tuple[Value, Code | None]:
    """The function ``name(state, data, length) -> state`` of the module.

    With it comes the Code to write its body with, None where it has been written already. A
    function of its own keeps a large kernel's code once however often a program uses it, and
    frees its scratch memory before the next one runs.
    """
    if name in code.module.globals:
        return code.module.globals[name], None
    function = ir.Function(code.module, ir.FunctionType(state, [state, POINTER, code.usize]), name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    return function, Code(function, code.target)
