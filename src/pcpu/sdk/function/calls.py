"""The operations in a function that is a program: calls of methods -> instructions and moves."""

from __future__ import annotations

import ast
from typing import Any

from pcpu import ir
from pcpu.errors import plural
from pcpu.expr import Var
from pcpu.ir import MOVES, Instruction, Move
from pcpu.ir.fault import Path
from pcpu.isa import Isa, Op
from pcpu.sdk.function.names import SPANS, WORDS, Names, shown
from pcpu.sdk.function.values import Values
from pcpu.sdk.generate import method_name
from pcpu.sdk.slices import span_between
from pcpu.source.unknown import unknown_operation


class Calls:
    """Adds operations to the assembly of ``names``."""

    def __init__(self, names: Names, isa: Isa) -> None:
        self._names, self._assembly, self._isa = names, names.assembly, isa
        self._methods = {method_name(name): name for name in MOVES}
        self._methods |= {method_name(op.name): op.name for op in isa.operations}
        self.values = Values(names, self.hoisted)

    def hoisted(self, node: ast.Call, always: bool) -> str:
        """The register of an operation within an expression, which runs before it."""
        if not always:
            message = (
                "an operation runs always here, unlike in Python; give its result a name first"
            )
            raise self._names.wrong(node, message)
        register = self.operation(node, None)
        if register is None:
            raise self._names.wrong(node, f"{shown(node.func)} gives no number", "wrong-kind")
        return register

    def is_operation(self, node: ast.AST) -> bool:
        """Whether this is a call of an operation that has a result."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return False
        op = self._isa.find(self._methods.get(node.func.attr, node.func.attr))
        return op is not None and op.has_result and self.is_span(node.func.value)

    def is_span(self, node: ast.AST) -> bool:
        """Whether this is a buffer, or a part of one."""
        if isinstance(node, ast.Subscript):
            return isinstance(node.slice, ast.Slice) and self.is_span(node.value)
        if isinstance(node, ast.Name) and self._names.is_local(node):
            return self._names.kinds.get(node.id) in SPANS
        return isinstance(self._names.outer(node), bytes)

    def operation(self, node: ast.Call, name: str | None) -> str | None:
        """Add the operation that is called; the register of its result, ``name`` where one is
        given, or None where it has none."""
        names = self._names
        if not isinstance(node.func, ast.Attribute) or not self.is_span(node.func.value):
            message = "only operations can be called, as methods of buffers and of slices"
            raise names.wrong(node.func, f"{shown(node.func)} is no operation: {message}")
        word = self._methods.get(node.func.attr, node.func.attr)
        span = self.span(node.func.value)
        if word in MOVES:
            self._move(node, word, span)
            return None
        op = self._isa.find(word)
        if op is None:
            message = unknown_operation(node.func.attr, self._isa, MOVES)
            raise names.wrong(node.func, message, "unknown-op")
        return self._instruction(node, op, span, name)

    def _instruction(self, node: ast.Call, op: Op, span: ir.Span, name: str | None) -> str | None:
        names = self._names
        arguments = self._operands(node, op)
        operands = [
            self.bytes_(argument) if imm.sizes is not None else self.values.number(argument)
            for imm, argument in zip(op.immediates, arguments, strict=True)
        ]
        path, place = self._assembly.path, names.place(node)
        self._note(path, "span", node.func)
        for index, argument in enumerate(arguments):
            self._assembly.note((*path, "imm", index), names.place(argument))
        given = self._assembly.names.add(op, name)
        self._assembly.add(Instruction(op, tuple(operands), given, span, place.line), place)
        if given is not None:
            names.give(given, "several" if op.is_array else "number", node)
            names.counts[given] = op.result_count
            names.registers.add(given)
        return given

    def _operands(self, node: ast.Call, op: Op) -> list[ast.expr]:
        """The arguments of a call in the order of the operation's operands."""
        return self._ordered(node, [method_name(imm.name) for imm in op.immediates])

    def _ordered(self, node: ast.Call, wanted: list[str]) -> list[ast.expr]:
        starred = next((a for a in node.args if isinstance(a, ast.Starred)), None)
        if starred is not None:
            raise self._names.wrong(starred, "the operands are given one by one")
        found = dict(zip(wanted, node.args, strict=False))
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in found or keyword.arg not in wanted:
                names = ", ".join(wanted) or "none"
                raise self._names.wrong(keyword, f"the operands are {names}", "immediate-count")
            found[keyword.arg] = keyword.value
        if len(found) != len(wanted) or len(node.args) > len(wanted):
            given = len(node.args) + len(node.keywords)
            takes = f"{shown(node.func)} takes {plural(len(wanted), 'operand')}"
            message = f"{takes} ({', '.join(wanted) or 'none'}), {given} given"
            raise self._names.wrong(node, message, "immediate-count")
        return [found[name] for name in wanted]

    def _move(self, node: ast.Call, kind: Any, target: ir.Span) -> None:
        form = MOVES[kind]
        wanted = ["source", "diff"][: form.sources]
        wanted += {None: [], "byte": ["byte"], "bytes": ["content"]}[form.value]
        arguments = self._ordered(node, wanted)
        sources = tuple(self.span(argument) for argument in arguments[: form.sources])
        value: ir.Operand | None = None
        if form.value == "byte":
            value = self.values.number(arguments[-1])
        elif form.value == "bytes":
            value = self.bytes_(arguments[-1])
        path, place = self._assembly.path, self._names.place(node)
        for index, argument in enumerate(arguments[: form.sources]):
            self._assembly.note((*path, "sources", index), self._names.place(argument))
        if value is not None:
            self._note(path, "value", arguments[-1])
        self._assembly.add(Move(kind, target, sources, value, place.line), place)

    def assign(self, node: ast.stmt, target: ast.Subscript, source: ast.expr) -> None:
        """``data[0:4] = other[8:12]``, or bytes in place of the other."""
        span, place = self.span(target), self._names.place(node)
        path = self._assembly.path
        if self.is_span(source):
            move = Move("copy", span, (self.span(source),), None, place.line)
            self._assembly.note((*path, "sources", 0), self._names.place(source))
        else:
            move = Move("lit", span, (), self.bytes_(source), place.line)
            self._note(path, "value", source)
        self._assembly.add(move, place)

    def _note(self, path: Path, part: str, node: ast.AST) -> None:
        self._assembly.note((*path, part), self._names.place(node))

    # Spans and bytes

    def span(self, node: ast.expr) -> ir.Span:
        names = self._names
        if isinstance(node, ast.Subscript):
            return self._slice(node)
        if isinstance(node, ast.Name) and names.is_local(node):
            kind = names.kind(node)
            if kind not in SPANS:
                message = f"{node.id} is {WORDS[kind]}, and a buffer is needed here"
                raise names.wrong(node, message, "wrong-kind")
            return ir.Span(node.id)
        table = names.table(node)
        if table is None:
            message = f"a buffer, or a slice of one, is needed here, not {shown(node)}"
            raise names.wrong(node, message, "wrong-kind")
        return ir.Span(table)

    def _slice(self, node: ast.Subscript) -> ir.Span:
        names = self._names
        if not isinstance(node.slice, ast.Slice):
            raise names.wrong(node, "a span is a slice, such as data[4:8]", "wrong-kind")
        if isinstance(node.value, ast.Subscript):
            raise names.wrong(node, "a slice of a slice; add the offsets and slice the buffer")
        if node.slice.step is not None:
            raise names.wrong(node.slice.step, "a span has no step")
        whole = self.span(node.value)
        lower, upper = node.slice.lower, node.slice.upper
        start = 0 if lower is None else self.values.signed(lower)
        stop = None if upper is None else self.values.signed(upper)
        try:
            return span_between(whole.buffer, start, stop)
        except ValueError as error:
            raise names.wrong(node, str(error), "span-range") from None

    def bytes_(self, node: ast.expr) -> ir.Operand:
        """Bytes that are written here, or the name of a parameter or table that holds some."""
        names = self._names
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            return node.value
        if isinstance(node, ast.Name) and names.is_local(node):
            kind = names.kind(node)
            if kind in ("bytes", "table"):
                return Var(node.id)
            raise names.wrong(
                node, f"{node.id} is {WORDS[kind]}, and bytes are needed here", "wrong-kind"
            )
        table = names.table(node)
        if table is None:
            raise names.wrong(node, f"bytes are needed here, not {shown(node)}", "wrong-kind")
        return Var(table)
