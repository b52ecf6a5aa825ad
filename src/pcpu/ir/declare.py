"""The verifier's rules for what a program declares."""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.ir.bound import Bound
from pcpu.ir.fault import Fault, Path
from pcpu.ir.model import (
    Buffer,
    Parameter,
    Program,
)
from pcpu.ir.parts import named_in, names_of
from pcpu.ir.scope import Scope, known
from pcpu.ir.statement import (
    Scalar,
)
from pcpu.ir.work import excess_of

MAX_BYTES = 65536  # of a table or a parameter
BYTE = Bound.of(255)


def declare(scope: Scope, program: Program) -> Iterator[Fault]:
    """Take the declarations of ``program``; what is wrong with them."""
    for index, parameter in enumerate(program.parameters):
        yield from _parameter(scope, parameter, ("params", index))
    for index, (name, value) in enumerate(program.constants):
        yield from scope.take(name, "constant", ("constants", index, "name"))
        scope.constants[name] = value
        scope.bounds[name] = Bound.of(value)
    for index, (name, content) in enumerate(program.tables):
        yield from scope.take(name, "table", ("tables", index, "name"))
        if not 1 <= len(content) <= MAX_BYTES:
            message = f"a table has 1 to {MAX_BYTES} bytes, this one {len(content)}"
            yield Fault("immediate-range", message, ("tables", index, "bytes"))
        scope.know_size(name, len(content))
        scope.bounds[name] = BYTE
    for index, buffer in enumerate(program.buffers):
        yield from _buffer(scope, buffer, ("buffers", index))


def _parameter(scope: Scope, parameter: Parameter, at: Path) -> Iterator[Fault]:
    name, kind, default = parameter.name, parameter.kind, parameter.default
    yield from scope.take(name, "parameter" if kind.sizes is None else "bytes", (*at, "name"))
    scope.parameters[name] = parameter
    if kind.sizes is None:
        scope.bounds[name] = Bound.of((1 << kind.bits) - 1)
        fits = isinstance(default, int) and 0 <= default < 1 << kind.bits
        if default is not None and not fits:
            message = f"the default is a number of {kind.bits} bits"
            yield Fault("immediate-range", message, (*at, "default"))
        return
    least, most = kind.sizes
    scope.bounds[f"{name}.len"], scope.bounds[name] = Bound.of(most), BYTE
    if not 1 <= least <= most <= MAX_BYTES:
        message = f"a parameter has 1 to {MAX_BYTES} bytes, and the least number stands first"
        yield Fault("immediate-range", message, (*at, "kind"))
    elif default is not None and not (isinstance(default, bytes) and least <= len(default) <= most):
        wanted = f"{least}" if least == most else f"{least} to {most}"
        yield Fault("immediate-range", f"the default is {wanted} bytes", (*at, "default"))


def _buffer(scope: Scope, buffer: Buffer, at: Path) -> Iterator[Fault]:
    name = buffer.name
    if buffer.role == "spans":
        yield from scope.take(name, "list", (*at, "name"))
        scope.bounds[f"{name}.count"] = Bound.length(f"{name}.count")
    else:
        bound: Bound | None = Bound.length(f"{name}.len")
        if buffer.role == "out" and buffer.size is not None:
            bound = scope.bound(buffer.size)
            yield from _size(scope, buffer.size, bound, (*at, "size"))
            if (number := known(buffer.size, scope)) is not None:
                scope.know_size(name, number)
        yield from scope.take(name, "buffer", (*at, "name"))
        scope.bounds[f"{name}.len"] = bound
    scope.roles[name] = buffer.role
    if (buffer.size is None) != (buffer.role != "out"):
        yield Fault("wrong-kind", "an output has a size, and nothing else has", (*at, "size"))


def _size(scope: Scope, size: Scalar, bound: Bound | None, at: Path) -> Iterator[Fault]:
    """What is wrong with the size of an output."""
    for used, indexed in names_of(size):
        yield from scope.check_scalar(used, at, indexed=indexed)
    if scope.is_doubtful(size):
        return
    if bound is None:
        message = "nothing bounds this size; try 'n < 100 ? n : 100'"
        yield Fault("unbounded", message, at, named_in(size))
    elif (reason := excess_of(bound, "the size")) is not None:
        yield Fault("too-much-work", f"{reason}: up to {bound} bytes", at, named_in(size))
