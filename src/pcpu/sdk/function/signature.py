"""The parameters of a function that is a program, as declarations."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Annotated, Any, get_args, get_origin

from pcpu.errors import UsageError
from pcpu.ir.model import Role
from pcpu.isa import Immediate
from pcpu.sdk.language import Bits, In, InOut, Length, Out, Spans
from pcpu.sdk.place import Place

_ROLES: dict[Any, Role] = {InOut: "inout", In: "in", Spans: "spans"}
_KNOWN = (
    "pcpu.InOut, pcpu.In, pcpu.Spans, int, pcpu.U8 and the like, Annotated[int, pcpu.Bits(24)] or "
    "Annotated[bytes, pcpu.Length(4)]"
)


@dataclass(frozen=True)
class Source:
    """The syntax tree of a function and where it stands."""

    function: FunctionType
    tree: ast.FunctionDef
    file: str

    def place(self, node: ast.AST) -> Place:
        line = getattr(node, "lineno", self.tree.lineno)
        return Place(self.file, line, getattr(node, "col_offset", self.tree.col_offset))


@dataclass(frozen=True)
class Declared:
    """A parameter of the function: a buffer, or a parameter of the program with its default."""

    name: str
    kind: Role | Immediate
    default: int | bytes | None
    node: ast.AST


def source_of(function: Callable[..., object]) -> Source:
    """Raises UsageError where this is no function with a source that can be read."""
    if not isinstance(function, FunctionType):
        message = f"pcpu.program is for functions, not for {type(function).__name__}"
        raise UsageError(message)
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        module = ast.parse("".join(lines))
    except SyntaxError:
        module = ast.Module([], [])
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                return _plain(function, node, code.co_filename)
    raise UsageError(
        f"the source of {function.__name__} cannot be read from {code.co_filename}: put the "
        "function in a file, or use pcpu.Builder"
    )


def _plain(
    function: FunctionType, node: ast.FunctionDef | ast.AsyncFunctionDef, file: str
) -> Source:
    if isinstance(node, ast.AsyncFunctionDef):
        place = Place(file, node.lineno, node.col_offset)
        raise place.error("syntax", "a program is no coroutine; write 'def'")
    return Source(function, node, file)


def declared(source: Source) -> list[Declared]:
    """The parameters, in their order. Raises ProgramError at the one that is wrong."""
    function = source.function
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        where = source.place(source.tree)
        raise where.error("syntax", f"the annotations cannot be read: {error}") from None
    nodes = {a.arg: a for a in ast.walk(source.tree.args) if isinstance(a, ast.arg)}
    return [_declared(p, nodes[p.name], source) for p in signature.parameters.values()]


def _declared(parameter: inspect.Parameter, node: ast.arg, source: Source) -> Declared:
    place = source.place(node)
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise place.error("syntax", "a program has a fixed number of buffers and parameters")
    annotation, default = parameter.annotation, parameter.default
    if annotation is inspect.Parameter.empty:
        raise place.error("syntax", f"{parameter.name} has no annotation; known: {_KNOWN}")
    if annotation is Out:
        message = "an output is made in the function: out = pcpu.out(len(data))"
        raise place.error("wrong-kind", message)
    if isinstance(annotation, type) and annotation in _ROLES:
        if default is not inspect.Parameter.empty:
            raise place.error("wrong-kind", "a buffer has no default")
        return Declared(parameter.name, _ROLES[annotation], None, node)
    kind = _immediate(parameter.name, annotation)
    if kind is None:
        shown = getattr(annotation, "__name__", None) or str(annotation)
        raise place.error("wrong-kind", f"{shown} is no type of a parameter; known: {_KNOWN}")
    if default is inspect.Parameter.empty:
        return Declared(parameter.name, kind, None, node)
    wanted = int if kind.sizes is None else bytes
    if not isinstance(default, wanted):
        raise place.error("wrong-kind", f"the default of {parameter.name} is {wanted.__name__}")
    return Declared(parameter.name, kind, default, node)


def _immediate(name: str, annotation: Any) -> Immediate | None:
    if annotation is int:
        return Immediate(name, 64)
    if get_origin(annotation) is not Annotated:
        return None
    base, *marks = get_args(annotation)
    for mark in marks:
        if base is int and isinstance(mark, Bits):
            return Immediate(name, mark.bits)
        if base is bytes and isinstance(mark, Length):
            return Immediate(name, 0, (mark.least, mark.least if mark.most is None else mark.most))
    return None
