"""The statements of a function that is a program: Python's syntax -> a Program."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from pcpu import ir
from pcpu.ir import Buffer, Each, If, Let, Output, Parameter, Program, Repeat
from pcpu.isa import Isa
from pcpu.sdk import language
from pcpu.sdk.assembly import Assembly
from pcpu.sdk.function.calls import Calls
from pcpu.sdk.function.names import Kind, Names, shown
from pcpu.sdk.function.ranges import turns
from pcpu.sdk.function.signature import Declared, Source, declared, source_of

_REFUSED: Mapping[type[ast.AST], str] = {
    ast.While: "programs always end: write 'for i in range(...)'",
    ast.Break: "a loop of a program runs all of its turns",
    ast.Continue: "a loop of a program runs all of its turns to their end; write 'if'",
    ast.Try: "what goes wrong in a program ends it; there is nothing to catch",
    ast.Raise: "a program raises nothing; its own checks do",
    ast.Assert: "a program has no assertions; return a number and look at that",
    ast.FunctionDef: "a program has no functions of its own",
    ast.AsyncFunctionDef: "a program has no functions of its own",
    ast.ClassDef: "a program has no classes",
    ast.Import: "import outside of the function",
    ast.ImportFrom: "import outside of the function",
    ast.Global: "a program knows no variables outside of it, but constants",
    ast.Nonlocal: "a program knows no variables outside of it, but constants",
    ast.Delete: "nothing of a program can be deleted",
    ast.Match: "write 'if'",
    ast.AsyncFor: "write 'for'",
    ast.AsyncWith: "write 'with'",
}
_LOOPS = "range(...), data.windows(size) and data.spans(spans)"


def program_of(function: Callable[..., object], isa: Isa) -> tuple[Program, list[str]]:
    """The verified program that a function means, and its parameters' names in their order.

    Raises ProgramError at the part of the function that is none, UsageError where its source
    cannot be read.
    """
    source = source_of(function)
    place = source.place(source.tree)
    try:
        translator = _Translator(source, declared(source), isa)
        translator.body(source.tree.body)
    except RecursionError:  # of expressions, or of 'elif', each of which is in the 'else' before it
        message = "the function nests too deeply; give parts names, or make it several programs"
        raise place.error("too-long", message) from None
    return translator.assembly.verified(place), translator.order


class _Translator:
    def __init__(self, source: Source, parameters: Sequence[Declared], isa: Isa) -> None:
        self.source, self.order = source, [p.name for p in parameters]
        self.assembly = assembly = Assembly(isa)
        assigned = Counter(_assigned(source.tree))
        self.once = {name for name, times in assigned.items() if times == 1}
        local = {*assigned, *self.order}
        # Registers that have no name in Python must not take one that comes later.
        assembly.names.taken |= local
        self.names = names = Names(source, assembly, local)
        self.calls = Calls(names, isa)
        self.values = self.calls.values
        self.loops: list[ast.For] = []
        for parameter in parameters:
            self.declare(parameter)

    def declare(self, parameter: Declared) -> None:
        assembly, place = self.assembly, self.names.place(parameter.node)
        assembly.take(parameter.name, place)
        if isinstance(parameter.kind, str):
            assembly.note(("buffers", len(assembly.buffers)), place)
            assembly.buffers.append(Buffer(parameter.name, parameter.kind))
            kind: Kind = "list" if parameter.kind == "spans" else "buffer"
            self.names.give(parameter.name, kind, parameter.node)
            return
        assembly.note(("params", len(assembly.parameters)), place)
        assembly.parameters.append(Parameter(parameter.kind, parameter.default))
        is_number = parameter.kind.sizes is None
        self.names.give(parameter.name, "number" if is_number else "bytes", parameter.node)

    def body(self, statements: Sequence[ast.stmt]) -> None:
        if ast.get_docstring(self.source.tree) is not None:
            statements = statements[1:]
        for index, statement in enumerate(statements):
            if isinstance(statement, ast.Return):
                if index < len(statements) - 1:
                    raise self.names.wrong(statements[index + 1], "nothing runs after 'return'")
                self.returns(statement)
            else:
                self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Pass() | ast.Expr(ast.Constant()) | ast.AnnAssign(value=None):
                return
            case ast.Expr(ast.Call() as call):
                if self.append(node)[1] is not None:
                    message = "a row is the last statement of a loop over windows or spans"
                    raise self.names.wrong(call, message)
                self.calls.operation(call, None)
            case ast.Assign([target], value) | ast.AnnAssign(target, _, ast.expr() as value):
                self.assign(node, target, value)
            case ast.Assign():
                raise self.names.wrong(node, "one name a statement: a = 1, and then b = 1")
            case ast.AugAssign():
                self.augmented(node)
            case ast.If():
                self.branch(node)
            case ast.For():
                self.loop(node)
            case ast.With():
                self.fused(node)
            case ast.Return():
                message = "a program returns at its end, outside of branches and loops"
                raise self.names.wrong(node, message)
            case _:
                message = _REFUSED.get(type(node), f"{shown(node)} means nothing in a program")
                raise self.names.wrong(node, message)

    # Assignments

    def assign(self, node: ast.stmt, target: ast.expr, value: ast.expr) -> None:
        names = self.names
        if isinstance(target, ast.Subscript):
            self.calls.assign(node, target, value)
            return
        if not isinstance(target, ast.Name):
            raise names.wrong(target, "a name or a slice of a buffer stands on the left of '='")
        place = names.place(target)
        name = self.assembly.take(target.id, place)
        if self.calls.is_operation(value) and isinstance(value, ast.Call) and name in self.once:
            self.calls.operation(value, name)
        elif names.is_call_of(value, language.out) and isinstance(value, ast.Call):
            self.output(target, value)
        elif names.is_call_of(value, language.rows):
            names.give(name, "rows", target)
        elif isinstance(value, ast.Constant) and isinstance(value.value, bytes):
            self.assembly.note(("tables", len(self.assembly.tables)), place)
            self.assembly.tables.append((name, value.value))
            names.give(name, "table", target)
        else:
            self.let(target, self.values.number(value), value)

    def let(self, target: ast.Name, value: ir.Scalar, node: ast.AST) -> None:
        path, place = self.assembly.path, self.names.place(target)
        self.assembly.note((*path, "value"), self.names.place(node))
        self.assembly.add(Let(target.id, value, place.line), place)
        self.names.give(target.id, "number", target)
        self.names.registers.add(target.id)

    def augmented(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise self.names.wrong(node, "only a number can be changed so; call an operation")
        before = self.values.signed(ast.copy_location(ast.Name(node.target.id), node.target))
        after = self.values.binary(node, node.op, before, self.values.signed(node.value))
        self.let(node.target, after, node.value)

    def output(self, target: ast.Name, value: ast.Call) -> None:
        names, assembly = self.names, self.assembly
        if assembly.depth:
            raise names.wrong(value, "an output is made outside of branches and loops")
        if len(value.args) != 1 or value.keywords:
            raise names.wrong(value, "pcpu.out takes the size of the output")
        before = len(assembly.body)
        size = self.values.number(value.args[0])
        if len(assembly.body) != before:
            message = "the size is made of numeric parameters and lengths of buffers"
            raise names.wrong(value, message, "unbounded")
        path = ("buffers", len(assembly.buffers))
        assembly.note(path, names.place(target))
        assembly.note((*path, "size"), names.place(value.args[0]))
        assembly.buffers.append(Buffer(target.id, "out", size))
        names.give(target.id, "buffer", target)

    # Blocks

    def block(self, statements: Sequence[ast.stmt]) -> set[str]:
        """Translate the statements of a block; the names that it gives a value, which they have
        after it only if the block surely runs."""
        before = set(self.names.known)
        for statement in statements:
            self.statement(statement)
        given = self.names.known - before
        self.names.known = before
        return given

    def branch(self, node: ast.If) -> None:
        place = self.names.place(node)
        test = self.values.truth(node.test)
        self.assembly.note((*self.assembly.path, "if"), self.names.place(node.test))
        self.assembly.open("then", place, lambda body: If(test, body, (), place.line))
        then = self.block(node.body)
        self.assembly.close()
        other: set[str] = set()
        if node.orelse:
            self.assembly.open_else(place)
            other = self.block(node.orelse)
            self.assembly.close()
        self.names.known |= then & other

    def loop(self, node: ast.For) -> None:
        names = self.names
        if node.orelse:
            raise names.wrong(node.orelse[0], "a loop of a program has no 'else'")
        if not isinstance(node.target, ast.Name):
            raise names.wrong(node.target, "one name stands between 'for' and 'in'")
        name = self.assembly.take(node.target.id, names.place(node.target))
        if name in names.kinds:
            message = f"{name} has another meaning above; choose another name"
            raise names.wrong(node.target, message, "name-taken")
        if names.is_call_of(node.iter, range) and isinstance(node.iter, ast.Call):
            self.counted(node, name, node.iter)
        elif self.is_method(node.iter, "windows", "spans"):
            assert isinstance(node.iter, ast.Call)
            self.windows(node, name, node.iter)
        else:
            raise names.wrong(
                node.iter, f"a program loops over {_LOOPS}; pcpu.Builder unrolls others"
            )
        names.forget(name)

    def counted(self, node: ast.For, name: str, call: ast.Call) -> None:
        place, names = self.names.place(node), self.names
        if call.keywords or not 1 <= len(call.args) <= 3:
            raise names.wrong(call, "range takes one to three numbers")
        parts = [self.values.signed(part) for part in call.args]
        if len(parts) > 1 and not all(isinstance(part, int) for part in parts):
            message = "of range(start, stop, step) all are constants, or there is only the stop"
            raise names.wrong(call, message, "unbounded")
        if parts[2:] == [0]:
            raise names.wrong(call, "the step of a range is not 0")
        count, meaning = turns(parts, name)
        self.assembly.note((*self.assembly.path, "repeat"), names.place(call))
        self.assembly.note((*self.assembly.path, "as"), names.place(node.target))
        self.assembly.open("body", place, lambda body: Repeat(count, body, name, place.line))
        names.give(name, "number", node.target)
        names.meanings[name] = meaning
        self.block(node.body)
        self.assembly.close()

    def windows(self, node: ast.For, name: str, call: ast.Call) -> None:
        names, place, assembly = self.names, self.names.place(node), self.assembly
        assert isinstance(call.func, ast.Attribute)
        if len(call.args) != 1 or call.keywords:
            raise names.wrong(call, f"{call.func.attr} takes one argument")
        over, size = self.calls.span(call.func.value), self.window_size(call)
        *rest, last = node.body
        table, append = self.append(last)
        columns: list[str] = []
        path = assembly.path
        for part, where in (("each", node.target), ("in", call.func.value), ("size", call)):
            assembly.note((*path, part), names.place(where))

        def close(body: tuple[ir.Statement, ...]) -> Each:
            output = None
            if append is not None:
                output = Output(table, tuple(columns))
            return Each(name, over, size, body, output, place.line)

        assembly.open("body", place, close)
        names.give(name, "window", node.target)
        if append is not None:
            assembly.note((*path, "into"), names.place(append))
            before = set(names.known)
            for statement in rest:
                self.statement(statement)
            columns += self.columns(append)
            names.known = before
        else:
            self.block(node.body)
        assembly.close()

    def window_size(self, call: ast.Call) -> ir.Scalar | str:
        (argument,) = call.args
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "windows":
            return self.values.number(argument)
        is_name = isinstance(argument, ast.Name) and self.names.is_local(argument)
        if isinstance(argument, ast.Name) and is_name and self.names.kind(argument) == "list":
            return argument.id
        raise self.names.wrong(
            argument, "spans takes a parameter of the type pcpu.Spans", "wrong-kind"
        )

    def columns(self, append: ast.Call) -> Iterator[str]:
        """The registers of a row; what is none yet becomes one."""
        given = [(None, a) for a in append.args] + [(k.arg, k.value) for k in append.keywords]
        for name, value in given:
            if name is None and isinstance(value, ast.Name) and self.is_register(value):
                yield value.id
            elif name is None and self.calls.is_operation(value) and isinstance(value, ast.Call):
                yield self.calls.hoisted(value, True)
            else:
                wanted = value.attr if isinstance(value, ast.Attribute) else "column"
                yield self.register(name or self.assembly.fresh(wanted), value)

    def fused(self, node: ast.With) -> None:
        place = self.names.place(node)
        (item, *more) = node.items
        if (
            more
            or item.optional_vars
            or not self.names.is_call_of(item.context_expr, language.fuse)
        ):
            raise self.names.wrong(node, "the one 'with' of a program is 'with pcpu.fuse():'")
        self.assembly.open("fuse", place, self.assembly.fused(place.line))
        self.names.known |= self.block(node.body)
        self.assembly.close()

    # Results

    def returns(self, node: ast.Return) -> None:
        """The results; outputs and tables may be returned too, which they are anyway."""
        if node.value is None:
            return
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        registers = [r for part in parts if (r := self.result(part)) is not None]
        for index, part in enumerate(parts):
            self.assembly.note(("returns", index), self.names.place(part))
        if registers:
            self.assembly.returns = tuple(registers)

    def result(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name) and self.names.is_local(node):
            if self.names.kind(node) in ("buffer", "rows"):
                return None
            if self.is_register(node):
                return node.id
        if self.calls.is_operation(node) and isinstance(node, ast.Call):
            return self.calls.operation(node, None)
        return self.register(self.assembly.fresh("result"), node)

    def register(self, name: str, node: ast.expr) -> str:
        """A register for a number that has none."""
        self.let(ast.copy_location(ast.Name(name), node), self.values.number(node), node)
        return name

    def is_register(self, node: ast.Name) -> bool:
        return node.id in self.names.registers and self.names.kind(node) in ("number", "several")

    def is_method(self, node: ast.AST, *methods: str) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in methods
            and self.calls.is_span(node.func.value)
        )

    def append(self, node: ast.stmt) -> tuple[str, ast.Call | None]:
        """The table of rows that a statement appends to, and the call; ("", None) for others."""
        match node:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append")) as call):
                if self.names.kinds.get(name) == "rows":
                    return name, call
        return "", None


def _assigned(tree: ast.FunctionDef) -> Iterator[str]:
    """The names that a function assigns, as often as it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
