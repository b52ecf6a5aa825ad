"""Kernels as functions of their module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from pcpu.lower.code import POINTER, Code, Value
from pcpu.lower.stage import Stage


def kernel_function(
    code: Code, name: str, state: Any, fed: Sequence[Stage] = ()
) -> tuple[Value, Code | None]:
    """The function ``name(state, data, length) -> state`` of the module.

    With it comes the Code to write its body with, None where it has been written already. A
    function of its own keeps a large kernel's code once however often a program uses it, and
    frees its scratch memory before the next one runs.

    One that is ``fed`` runs these stages on the data first, and takes what ``variables`` gives.
    """
    for stage in fed:
        name += "".join(f".{word}" for word in (stage.op.name, *_known(stage)))
    if name in code.module.globals:
        return code.module.globals[name], None
    function = ir.Function(code.module, _signature(code, state, fed), name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    return function, Code(function, code.target)


def _signature(code: Code, state: Any, fed: Sequence[Stage]) -> Any:
    kinds = [POINTER if isinstance(v.type, ir.PointerType) else v.type for v in variables(fed)]
    return ir.FunctionType(state, [state, POINTER, code.usize, *kinds])


def _known(stage: Stage) -> list[object]:
    """What of the operands makes the function another one."""
    contents = [b.content.hex() for b in stage.bytes.values() if b.content is not None]
    return [*stage.constants.values(), *contents]


def variables(stages: Sequence[Stage]) -> list[Value]:
    """What the stages need that is not known when compiling: pointers to states, above all."""
    return [value for stage in stages for value in stage.variables()]


def inside(body: Code, fed: Sequence[Stage]) -> list[Stage]:
    """The stages as the body of a function that is fed sees them."""
    given = iter(body.function.args[3:])
    return [stage.replaced(lambda _: next(given)) for stage in fed]
