"""Python functions that are programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import overload

from pcpu.isa import Isa
from pcpu.sdk.compiled import Compiled
from pcpu.sdk.function.statements import program_of
from pcpu.sdk.read import isa_of


@overload
def program(function: Callable[..., object], /) -> Compiled: ...
@overload
def program(*, isa: Isa | None = None) -> Callable[[Callable[..., object]], Compiled]: ...
def program(
    function: Callable[..., object] | None = None, /, *, isa: Isa | None = None
) -> Compiled | Callable[[Callable[..., object]], Compiled]:
    """Make a program of a function, whose syntax is translated and never run as Python.

    Its parameters are buffers (``pcpu.InOut``, ``pcpu.In``, ``pcpu.Spans``) and the program's
    parameters (``pcpu.U8``, ``Annotated[bytes, pcpu.Length(4)]``); what it may do is in
    docs/python.md. What it gives is compiled when it is first called, with arguments in the order
    of the function's parameters or by name.

    Raises ProgramError at the line and column of what is no part of a program, with the reason.
    """
    if function is None:
        return lambda function: _made(function, isa)
    return _made(function, isa)


def _made(function: Callable[..., object], isa: Isa | None) -> Compiled:
    isa = isa_of(isa)
    found, order = program_of(function, isa)
    compiled = Compiled(found, isa, order)
    update_wrapper(compiled, function)  # its name, its docstring, its signature
    return compiled
