"""The statements of kernels -> IR."""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir

from pcpu.kernel.expressions import Expressions
from pcpu.kernel.module import Kernel, Translation
from pcpu.kernel.values import I64, ITEMS, POINTER, Array


def write_body(translation: Translation, kernel: Kernel, function: Any) -> None:
    """Write what a kernel does. Raises InternalError."""
    _Body(translation, kernel, function).write()


class _Body(Expressions):
    """Variables live in memory of the function; LLVM makes registers of them."""

    def write(self) -> None:
        arguments = iter(self.function.args)
        for name, kind in self.kernel.parameters:
            if kind in self.translation.everywhere:
                self.locals[name] = kind, None, None
            elif kind in ITEMS:
                self.assign(name, Array(kind, next(arguments), next(arguments)))
            else:
                self.assign(name, next(arguments))
        self.statements(self.kernel.syntax.body)
        if not self.b.block.is_terminated:
            if self.kernel.result is None:
                self.b.ret_void()
            else:
                self.b.unreachable()

    def statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if self.b.block.is_terminated:
                return
            method = getattr(self, f"on_{type(statement).__name__.lower()}", None)
            if method is None:
                raise self.wrong(statement, "a statement that kernels do not have")
            method(statement)

    # Variables

    def slot(self, name: str, type_: Any) -> Any:
        """Memory for a variable, from the start of the function on."""
        builder = ir.IRBuilder(self.function.entry_basic_block)
        builder.position_at_start(self.function.entry_basic_block)
        return builder.alloca(type_, name=name)

    def assign(self, name: str, value: Any) -> None:
        if isinstance(value, Array):
            kind, _, _ = self.locals.setdefault(
                name, (value.kind, self.slot(name, POINTER), self.slot(f"{name}.length", I64))
            )
            assert kind == value.kind, name
            self.b.store(value.pointer, self.locals[name][1])
            self.b.store(value.length, self.locals[name][2])
            return
        if name not in self.locals:
            kind = "bool" if value.type.width == 1 else "int"
            self.locals[name] = kind, self.slot(name, value.type), None
        kind, slot, _ = self.locals[name]
        self.b.store(self.truth(value) if kind == "bool" else self.wide(value), slot)

    def on_assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1:
            self.give(node.targets[0], node.value)
            return
        value = self.value(node.value)
        for target in node.targets:
            self.give_found(target, value)

    def give(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple):
            self.give_several(target, value)
        elif isinstance(target, ast.Name):
            self.assign(target.id, self.value(value))
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
            self.copy(target, value)
        elif isinstance(target, ast.Subscript):
            self.put(target, self.wide(self.value(value)))
        else:
            raise self.wrong(target, "nothing can be assigned to this")

    def put(self, target: ast.Subscript, number: Any) -> None:
        array = self.array(target.value)
        place = self.element(array, self.wide(self.value(target.slice)))
        number = number if array.item == I64 else self.b.trunc(number, array.item)
        self.b.store(number, place, align=array.item.width // 8)

    def give_several(self, target: ast.Tuple, value: ast.expr) -> None:
        if isinstance(value, ast.Tuple):
            found = [self.value(item) for item in value.elts]
        else:
            whole = self.value(value)
            found = [self.b.extract_value(whole, n) for n in range(len(target.elts))]
        for item, one in zip(target.elts, found, strict=True):
            self.give_found(item, one)

    def give_found(self, target: ast.expr, value: Any) -> None:
        """Give a target what was found before."""
        if isinstance(target, ast.Name):
            self.assign(target.id, value)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            self.put(target, self.wide(value))
        else:
            raise self.wrong(target, "nothing can be assigned to this")

    def copy(self, target: ast.Subscript, value: ast.expr) -> None:
        """``a[i:j] = b[k:l]``, of one length. The two may overlap only if both are called ``a``."""
        to, source = self.value(target), self.value(value)
        arrays = [ast.unparse(item).partition("[")[0] for item in (target, value)]
        name = "memmove" if arrays[0] == arrays[1] else "memcpy"
        self.check(self.b.icmp_unsigned("==", to.length, source.length))
        size = self.b.mul(to.length, I64(to.item.width // 8))
        type_ = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, ir.IntType(1)])
        copy = self.intrinsic(f"llvm.{name}.p0.p0.i64", type_)
        self.b.call(copy, [to.pointer, source.pointer, size, ir.IntType(1)(0)])

    def on_augassign(self, node: ast.AugAssign) -> None:
        target = node.target
        load = ast.parse(ast.unparse(target), mode="eval").body
        value = ast.BinOp(load, node.op, node.value)
        for part in ast.walk(value):
            ast.copy_location(part, node)
        self.give(target, value)

    def on_annassign(self, node: ast.AnnAssign) -> None:
        assert node.value is not None
        self.give(node.target, node.value)

    # Control

    def on_if(self, node: ast.If) -> None:
        condition = self.condition(node.test)
        if isinstance(condition, ir.Constant):
            self.statements(node.body if condition.constant else node.orelse)
            return
        then, end = self.block("then"), self.block("end")
        other = self.block("else") if node.orelse else end
        self.b.cbranch(condition, then, other)
        for block, body in ((then, node.body), (other, node.orelse)):
            if block is end:
                continue
            self.b.position_at_end(block)
            self.statements(body)
            if not self.b.block.is_terminated:
                self.b.branch(end)
        self.b.position_at_end(end)

    def on_while(self, node: ast.While) -> None:
        test, body, end = self.block("while"), self.block("do"), self.block("end")
        self.b.branch(test)
        self.b.position_at_end(test)
        self.b.cbranch(self.condition(node.test), body, end)
        self.loop(node.body, body, test, end)

    def on_for(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "range"):
            raise self.wrong(node, "kernels loop over range() only")
        given = [self.wide(self.value(argument)) for argument in call.args]
        start, stop = given[:2] if len(given) > 1 else (I64(0), given[0])
        step = given[2] if len(given) > 2 else I64(1)
        if not isinstance(step, ir.Constant) or not isinstance(node.target, ast.Name):
            raise self.wrong(node, "a loop has a constant step and one name")
        counter = self.slot("counter", I64)
        self.b.store(start, counter)
        test, body = self.block("for"), self.block("do")
        turn, end = self.block("next"), self.block("end")
        self.b.branch(test)
        self.b.position_at_end(test)
        relation = "<" if step.constant > 0 else ">"
        self.b.cbranch(self.b.icmp_signed(relation, self.b.load(counter, typ=I64), stop), body, end)
        self.b.position_at_end(body)
        self.assign(node.target.id, self.b.load(counter, typ=I64))
        self.loop(node.body, body, turn, end, entered=True)
        self.b.position_at_end(turn)
        self.b.store(self.b.add(self.b.load(counter, typ=I64), step), counter)
        self.b.branch(test)
        self.b.position_at_end(end)

    def loop(
        self, statements: list[ast.stmt], body: Any, again: Any, end: Any, *, entered: bool = False
    ) -> None:
        if not entered:
            self.b.position_at_end(body)
        self.loops.append((again, end))
        self.statements(statements)
        self.loops.pop()
        if not self.b.block.is_terminated:
            self.b.branch(again)
        self.b.position_at_end(end)

    def on_break(self, node: ast.Break) -> None:
        self.b.branch(self.loops[-1][1])

    def on_continue(self, node: ast.Continue) -> None:
        self.b.branch(self.loops[-1][0])

    def on_return(self, node: ast.Return) -> None:
        kinds = self.kernel.result
        if kinds is None or node.value is None:
            self.b.ret_void()
            return
        if len(kinds) > 1 and not isinstance(node.value, ast.Tuple):
            self.b.ret(self.value(node.value))
            return
        if kinds[0] in ITEMS:
            array = self.array(node.value)
            self.b.ret(self.struct([array.pointer, array.length]))
            return
        items = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        found = [
            self.truth(value) if kind == "bool" else self.wide(value)
            for kind, value in zip(kinds, map(self.value, items), strict=True)
        ]
        if len(found) == 1:
            self.b.ret(found[0])
            return
        self.b.ret(self.struct(found))

    def struct(self, found: list[Any]) -> Any:
        """Several values that are returned as one."""
        whole = ir.Constant(self.function.function_type.return_type, ir.Undefined)
        for place, value in enumerate(found):
            whole = self.b.insert_value(whole, value, place)
        return whole

    def on_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def on_pass(self, node: ast.Pass) -> None:
        pass
