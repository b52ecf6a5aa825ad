"""Kernels and all that they call, as one module of IR."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from pcpu.errors import InternalError
from pcpu.kernel.declare import Extern
from pcpu.kernel.values import (
    I8,
    I64,
    ITEMS,
    KINDS,
    MEMORY,
    POINTER,
    VARIABLES,
    Array,
    parameter_types,
    result_type,
)

_VARIABLES = 1  # the address space that LLVM has for variables of a module of WebAssembly


@dataclass(frozen=True)
class Kernel:
    """The syntax of a function, and how it is called."""

    function: Callable[..., Any]
    syntax: ast.FunctionDef
    parameters: tuple[tuple[str, str], ...]  # names and kinds
    result: tuple[str, ...] | None

    @staticmethod
    @cache
    def of(function: Callable[..., Any]) -> Kernel:
        """Raises InternalError where the function is no kernel."""
        plain = getattr(function, "py_func", function)  # numba keeps it there
        lines = textwrap.dedent(inspect.getsource(plain))
        syntax = ast.parse(lines).body[0]
        if not isinstance(syntax, ast.FunctionDef):
            raise InternalError(f"{plain.__qualname__} is no function")
        parameters = []
        for argument in syntax.args.args:
            kind = ast.unparse(argument.annotation or ast.Constant(None))
            if kind not in KINDS:
                raise InternalError(f"{plain.__qualname__}: what is {argument.arg}?")
            parameters.append((argument.arg, kind))
        return Kernel(plain, syntax, tuple(parameters), _result(plain, syntax.returns))

    def outer(self, name: str) -> Any:
        """What a name that is not local stands for."""
        return self.function.__globals__.get(name, getattr(__builtins__, name, None))

    def callee(self, node: ast.expr) -> Any:
        """What is called by its name, or by that of its module too; None of any other."""
        match node:
            case ast.Name(id=name):
                return self.outer(name)
            case ast.Attribute(value=ast.Name(id=module)):
                return getattr(self.outer(module), node.attr, None)
        return None

    def constant(self, node: ast.expr, known: Mapping[str, int]) -> Any:
        """What a part of its syntax stands for that is no variable: a literal, a name, a name of a
        module. ``known`` is that of ``translate``."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                return known.get(self._path(name), self.outer(name))
            case ast.Attribute(value=ast.Name(id=name)):
                module = self.outer(name)
                path = f"{getattr(module, '__name__', '').rpartition('.')[2]}.{node.attr}"
                return known.get(path, getattr(module, node.attr, None))
        return None

    def _path(self, name: str) -> str:
        """A constant's module, but for its packages, and name, as ``translate`` knows it."""
        module = self.function.__module__
        return _path(_imported(module).get(name, f"{module}.{name}"))

    def where(self, node: Any) -> str:
        """The place of a part of its syntax, for errors."""
        code = self.function.__code__
        return f"{code.co_filename}:{code.co_firstlineno + node.lineno - 1}"


@cache
def _imported(module: str) -> Mapping[str, str]:
    """Where what a module imports is from."""
    syntax = ast.parse(inspect.getsource(sys.modules[module]))
    imports = [node for node in syntax.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in imports
        for alias in node.names
    }


def _path(whole: str) -> str:
    return ".".join(whole.split(".")[-2:])


def _result(function: Any, returns: ast.expr | None) -> tuple[str, ...] | None:
    if returns is None or (isinstance(returns, ast.Constant) and returns.value is None):
        return None
    if isinstance(returns, ast.Subscript) and isinstance(returns.slice, ast.Tuple):
        kinds = tuple(ast.unparse(item) for item in returns.slice.elts)
    else:
        kinds = (ast.unparse(returns),)
    if not (set(kinds) <= {"int", "bool"} or kinds[0] in ITEMS):
        raise InternalError(f"{function.__qualname__}: it cannot give {ast.unparse(returns)}")
    return kinds


@dataclass(frozen=True)
class Held:
    """A state that is in a module of WebAssembly: ``variables``, its first numbers, are variables
    of the module, or of another one that it is part of; ``rest`` more are in its memory, from the
    address ``at`` on where that is given. ``build`` is in the name of the first variable, so that
    only modules of one build are put together."""

    variables: int
    rest: int
    is_part: bool = False
    build: str = ""
    at: int | None = None


class Translation:
    """A module that grows: what kernels need is added when it is first named."""

    def __init__(
        self, name: str, pointer_bits: int, known: Mapping[str, int], hot: Collection[str],
        apart: Collection[str], instead: Mapping[Any, Any],
    ) -> None:  # fmt: skip
        self.hot, self.apart = hot, apart
        self.module = ir.Module(name=name)
        self.size = ir.IntType(pointer_bits)
        self.known = known
        # By kind, what is not passed.
        self.everywhere = {MEMORY.kind: MEMORY}
        self.variables: list[Any] = []
        self.rest: Any = None  # a pointer to numbers, of which there are so many
        self.rest_count = 0
        self._kernels: dict[Any, tuple[Kernel, Any]] = {}
        self._tables: dict[int, Array] = {}
        self._instead = instead
        self._pointers: dict[Any, Any] = {}

    def hold_state(self, held: Held) -> None:
        """Pass no state to kernels. Called before they are added."""
        self.everywhere[VARIABLES.kind] = VARIABLES
        for n in range(held.variables):
            name = f"s{n}" if n else f"s{n}.{held.build}"
            made = ir.GlobalVariable(self.module, I64, name, addrspace=_VARIABLES)
            made.initializer = None if held.is_part else I64(0)
            self.variables.append(made)
        self.rest_count = held.rest
        if held.at is not None:
            self.rest = ir.Constant(self.size, held.at).inttoptr(POINTER)
            return
        type_ = ir.ArrayType(I64, held.rest)
        made = ir.GlobalVariable(self.module, type_, "state")
        made.linkage, made.initializer = "internal", ir.Constant(type_, None)
        self.rest = made.gep([I64(0), I64(0)])

    def text(self) -> str:
        """The module's IR. Memory may be one array that begins at 0, which llvmlite cannot say."""
        text = str(self.module).replace(" nounwind", " nounwind null_pointer_is_valid")
        # Variables are read whole, which LLVM would not always do.
        text = re.sub(r"load (i64, \S+ addrspace\(1\))", r"load volatile \1", text)
        # Places in the state do not wrap, so that instructions hold where it begins.
        return re.sub(
            r'getelementptr (\S+ x i64\], \S+ x i64\]\* @"state")', r"getelementptr nuw \1", text
        )

    def kernel(self, function: Callable[..., Any]) -> tuple[Kernel, Any]:
        """A kernel, and its function in IR."""
        from pcpu.kernel.statements import write_body

        plain = getattr(function, "py_func", function)
        if plain not in self._kernels:
            kernel = Kernel.of(function)
            kinds = [kind for _, kind in kernel.parameters]
            types = [t for kind in kinds for t in parameter_types(kind, self.everywhere)]
            type_ = ir.FunctionType(result_type(kernel.result), types)
            name = f"{plain.__module__}.{plain.__qualname__}"
            made = ir.Function(self.module, type_, name)
            made.linkage = "internal"
            made.attributes.add("nounwind")
            if self.hot and plain.__name__ not in self.hot:
                made.attributes.add("minsize")
                made.attributes.add("optsize")
            if plain.__name__ in self.apart:
                made.attributes.add("noinline")
            self._kernels[plain] = kernel, made
            write_body(self, kernel, made)
        return self._kernels[plain]

    def callee(self, b: Any, function: Callable[..., Any]) -> tuple[Kernel, Any]:
        """The same as a builder calls it: through a pointer where there is another in its place."""
        plain = getattr(function, "py_func", function)
        other = self._instead.get(plain)
        if other is None:
            return self.kernel(function)
        _, made = self.kernel(other)
        if plain not in self._pointers:
            pointer = ir.GlobalVariable(self.module, made.type, f"{plain.__name__}.at")
            pointer.initializer = made
            self._pointers[plain] = pointer
        return Kernel.of(function), b.load(self._pointers[plain])

    def extern(self, about: Extern) -> Any:
        """The declaration of what is linked later."""
        if about.symbol not in self.module.globals:
            types = [
                t
                for kind in about.arguments
                for t in ([POINTER, self.size] if kind in ITEMS else [self.size])
            ]
            ir.Function(self.module, ir.FunctionType(self.size, types), about.symbol)
        return self.module.globals[about.symbol]

    def table(self, values: Any) -> Array:
        """A constant array."""
        if id(values) not in self._tables:
            kind = "Bytes" if values.dtype in (np.uint8, np.bool_) else "Ints"
            item = I8 if kind == "Bytes" else I64
            type_ = ir.ArrayType(item, len(values))
            made = ir.GlobalVariable(self.module, type_, f"table.{len(self._tables)}")
            made.linkage, made.global_constant, made.unnamed_addr = "internal", True, True
            made.initializer = ir.Constant(type_, [int(value) for value in values])
            self._tables[id(values)] = Array(kind, made, I64(len(values)))
        return self._tables[id(values)]


def translate(
    kernels: Sequence[Callable[..., Any]],
    name: str,
    pointer_bits: int,
    known: Mapping[str, int] | None = None,
    hot: Collection[str] = (),
    apart: Collection[str] = (),
    held: Held | None = None,
    instead: Mapping[Any, Any] | None = None,
) -> Translation:
    """``kernels`` and what they call in a module of IR, where callers are added.

    ``known`` gives other values to constants, by their modules and names, as in ``state.MOST``.
    Where ``hot`` names functions, those are made fast and all others small; those that ``apart``
    names stay functions. Kernels are passed a state unless it is ``held``. A kernel of ``instead``
    is called through a pointer, which is to the kernel given there until what is called is linked
    at run time. Raises InternalError at what is no part of the language.
    """
    translation = Translation(name, pointer_bits, known or {}, hot, apart, instead or {})
    if held is not None:
        translation.hold_state(held)
    for kernel in kernels:
        translation.kernel(kernel)
    return translation
