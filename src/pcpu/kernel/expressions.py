"""The expressions of kernels -> IR."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from llvmlite import ir

from pcpu.errors import InternalError
from pcpu.kernel.declare import Extern
from pcpu.kernel.intrinsics import INTRINSICS
from pcpu.kernel.module import Kernel, Translation
from pcpu.kernel.settled import settled
from pcpu.kernel.values import I1, I8, I64, ITEMS, MEMORY, POINTER, VARIABLES, Array

_RELATIONS: Mapping[type, str] = MappingProxyType({
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
})  # fmt: skip
_PLAIN: Mapping[type, str] = MappingProxyType({
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_",
    ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "ashr",
})  # fmt: skip

_NEAR = 4096  # what is added to an address that is one itself


class Expressions:
    """Values of one kernel, whose function is being written."""

    def __init__(self, translation: Translation, kernel: Kernel, function: Any) -> None:
        self.translation, self.kernel, self.function = translation, kernel, function
        entry = function.append_basic_block("entry")
        first = function.append_basic_block("first")
        self.b: Any = ir.IRBuilder(entry)
        self.b.branch(first)  # variables are made in the entry, before this
        self.b.position_at_end(first)
        self.locals: dict[str, tuple[str, Any, Any]] = {}
        self.loops: list[tuple[Any, Any]] = []
        self._trap: Any = None

    def wrong(self, node: Any, why: str) -> InternalError:
        return InternalError(f"{self.kernel.where(node)}: {why}: {ast.unparse(node)}")

    def block(self, name: str) -> Any:
        return self.function.append_basic_block(name)

    def intrinsic(self, name: str, type_: Any) -> Any:
        """A function of LLVM itself."""
        found = self.translation.module.globals.get(name)
        return found or ir.Function(self.translation.module, type_, name)

    # Kinds

    def wide(self, value: Any) -> Any:
        """A number of 64 bits; a truth is 0 or 1."""
        return self.b.zext(value, I64) if value.type == I1 else value

    def narrow(self, value: Any) -> Any:
        """A number of the target's size of pointers."""
        size = self.translation.size
        return value if value.type == size else self.b.trunc(value, size)

    def truth(self, value: Any) -> Any:
        if isinstance(value, ir.Constant):
            return I1(int(value.constant != 0))
        return value if value.type == I1 else self.b.icmp_signed("!=", value, I64(0))

    def condition(self, node: ast.expr) -> Any:
        return self.truth(self.value(node))

    # Arrays

    def check(self, holds: Any) -> None:
        """End the program where this does not hold."""
        if self._trap is None:
            self._trap = self.block("outside")
            builder = ir.IRBuilder(self._trap)
            builder.call(self.intrinsic("llvm.trap", ir.FunctionType(ir.VoidType(), [])), [])
            builder.unreachable()
        after = self.block("inside")
        self.b.cbranch(holds, after, self._trap)
        self.b.position_at_end(after)

    def array(self, node: ast.expr) -> Array:
        found = self.value(node)
        if not isinstance(found, Array):
            raise self.wrong(node, "no array")
        return found

    def element(self, array: Array, index: Any, count: int = 1) -> Any:
        """A pointer to ``count`` items from an index on, which lie in the array."""
        if array is MEMORY:
            return self.address(index)
        if array is VARIABLES:
            return self.variable(index)
        if count == 1:
            self.check(self.b.icmp_unsigned("<", index, array.length))
        else:
            room = self.b.sub(array.length, I64(count))
            enough = self.b.icmp_signed(">=", room, I64(0))
            self.check(self.b.and_(enough, self.b.icmp_unsigned("<=", index, room)))
        return self.b.gep(array.pointer, [index], source_etype=array.item)

    def address(self, index: Any) -> Any:
        """A pointer to memory. A constant that is added stays apart: machines add it themselves."""
        offset = 0
        if getattr(index, "opname", "") == "add" and isinstance(index.operands[1], ir.Constant):
            more = index.operands[1].constant
            if 0 <= more <= _NEAR:
                index, offset = index.operands[0], more
        start = self.b.inttoptr(self.narrow(index), POINTER)
        return self.b.gep(start, [I64(offset)], inbounds=True, source_etype=I8) if offset else start

    def variable(self, index: Any) -> Any:
        """A pointer to a number of the state: one of its variables, or of what is in memory."""
        variables = self.translation.variables
        if isinstance(index, ir.Constant) and index.constant < len(variables):
            return variables[index.constant]
        place = self.b.sub(index, I64(len(variables)))
        self.check(self.b.icmp_unsigned("<", place, I64(self.translation.rest_count)))
        return self.b.gep(self.translation.rest, [place], source_etype=I64)

    def slice(self, array: Array, first: Any, last: Any) -> Array:
        within = self.b.icmp_unsigned("<=", first, last)
        if array is not MEMORY:
            within = self.b.and_(within, self.b.icmp_unsigned("<=", last, array.length))
        self.check(within)
        start = self.b.gep(array.pointer, [first], source_etype=array.item)
        kind = "Bytes" if array is MEMORY else array.kind
        return Array(kind, start, self.b.sub(last, first))

    # Values

    def value(self, node: ast.expr) -> Any:
        variables = dict.fromkeys(self.locals)
        known = settled(self.kernel, node, variables, self.translation.known)
        if known is not None:
            return self.constant(node, known)
        method = getattr(self, f"of_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.wrong(node, "an expression that kernels do not have")
        return method(node)

    def of_constant(self, node: ast.expr) -> Any:
        return self.constant(node, self.kernel.constant(node, self.translation.known))

    def constant(self, node: ast.expr, value: Any) -> Any:
        if isinstance(value, bool):
            return I1(int(value))
        if isinstance(value, (int, np.integer)):
            return I64(int(value))
        if isinstance(value, np.ndarray):
            return self.translation.table(value)
        raise self.wrong(node, "no number and no table")

    def of_name(self, node: ast.Name) -> Any:
        if node.id not in self.locals:
            return self.of_constant(node)
        kind, slot, length = self.locals[node.id]
        if kind in self.translation.everywhere:
            return self.translation.everywhere[kind]
        if kind in ITEMS:
            return Array(kind, self.b.load(slot, typ=POINTER), self.b.load(length, typ=I64))
        return self.b.load(slot, typ=I1 if kind == "bool" else I64)

    of_attribute = of_constant

    def of_subscript(self, node: ast.Subscript) -> Any:
        array = self.array(node.value)
        if isinstance(node.slice, ast.Slice):
            first = I64(0) if node.slice.lower is None else self.wide(self.value(node.slice.lower))
            last = node.slice.upper
            stop = array.length if last is None else self.wide(self.value(last))
            return self.slice(array, first, stop)
        place = self.element(array, self.wide(self.value(node.slice)))
        loaded = self.b.load(place, typ=array.item, align=array.item.width // 8)
        return self.b.zext(loaded, I64) if array.item == I8 else loaded

    def of_unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return self.b.not_(self.truth(value))
        value = self.wide(value)
        if isinstance(node.op, ast.USub):
            return self.b.neg(value)
        return self.b.not_(value)

    def of_binop(self, node: ast.BinOp) -> Any:
        left, right = self.wide(self.value(node.left)), self.wide(self.value(node.right))
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)):
            return self.divided(node, left, right)
        name = _PLAIN.get(type(node.op))
        if name is None:
            raise self.wrong(node, "an operator that kernels do not have")
        return getattr(self.b, name)(left, right)

    def divided(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        """Rounded down, as Python does, by a positive constant."""
        if not isinstance(right, ir.Constant) or right.constant <= 0:
            raise self.wrong(node, "division is by a positive constant")
        divisor = right.constant
        if divisor & (divisor - 1) == 0:
            if isinstance(node.op, ast.FloorDiv):
                return self.b.ashr(left, I64(divisor.bit_length() - 1))
            return self.b.and_(left, I64(divisor - 1))
        rest = self.b.srem(left, right)
        negative = self.b.icmp_signed("<", rest, I64(0))
        if isinstance(node.op, ast.Mod):
            return self.b.select(negative, self.b.add(rest, right), rest)
        return self.b.sub(self.b.sdiv(left, right), self.wide(negative))

    def of_compare(self, node: ast.Compare) -> Any:
        """A chain; its middle values are found once."""
        left, found = self.value(node.left), None
        for relation, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(relation, (ast.In, ast.NotIn)):
                one = self.member(left, other)
                one = self.b.not_(one) if isinstance(relation, ast.NotIn) else one
            else:
                right = self.value(other)
                relation_name = _RELATIONS[type(relation)]
                one = self.b.icmp_signed(relation_name, self.wide(left), self.wide(right))
                left = right
            found = one if found is None else self.b.and_(found, one)
        return found

    def member(self, value: Any, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            others = [self.value(item) for item in node.elts]
        else:
            assert isinstance(node, ast.Name)
            others = [I64(int(item)) for item in self.kernel.outer(node.id)]
        found = I1(0)
        for other in others:
            found = self.b.or_(found, self.b.icmp_signed("==", self.wide(value), other))
        return found

    def of_boolop(self, node: ast.BoolOp) -> Any:
        """``and`` and ``or``, which stop where the answer is known; what is behind a constant that
        says it is not translated at all."""
        ends = isinstance(node.op, ast.Or)
        end, incoming = None, []
        for item in node.values[:-1]:
            value = self.condition(item)
            if isinstance(value, ir.Constant):
                if bool(value.constant) == ends:
                    break
                continue
            end, more = end or self.block("known"), self.block("more")
            incoming.append((I1(int(ends)), self.b.block))
            self.b.cbranch(value, end if ends else more, more if ends else end)
            self.b.position_at_end(more)
        else:
            value = self.condition(node.values[-1])
        if end is None:
            return value
        incoming.append((value, self.b.block))
        self.b.branch(end)
        return self.joined(end, I1, incoming)

    def of_ifexp(self, node: ast.IfExp) -> Any:
        condition = self.condition(node.test)
        if isinstance(condition, ir.Constant):
            chosen = self.value(node.body if condition.constant else node.orelse)
            return chosen if isinstance(chosen, Array) else self.wide(chosen)
        then, other, end = self.block("then"), self.block("else"), self.block("end")
        self.b.cbranch(condition, then, other)
        incoming = []
        for block, item in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(block)
            value = self.value(item)
            incoming.append((value, self.b.block))
        if isinstance(incoming[0][0], Array):
            return self.chosen(end, incoming)
        widened = []
        for value, block in incoming:
            self.b.position_at_end(block)
            widened.append((self.wide(value), self.b.block))
            self.b.branch(end)
        return self.joined(end, I64, widened)

    def chosen(self, end: Any, incoming: Sequence[tuple[Any, Any]]) -> Array:
        for _, block in incoming:
            self.b.position_at_end(block)
            self.b.branch(end)
        pointer = self.joined(end, POINTER, [(array.pointer, block) for array, block in incoming])
        length = self.joined(end, I64, [(array.length, block) for array, block in incoming])
        return Array(incoming[0][0].kind, pointer, length)

    def joined(self, end: Any, type_: Any, incoming: Sequence[tuple[Any, Any]]) -> Any:
        self.b.position_at_end(end)
        value = self.b.phi(type_)
        for one, block in incoming:
            value.add_incoming(one, block)
        return value

    # Calls

    def of_call(self, node: ast.Call) -> Any:
        callee = self.kernel.callee(node.func)
        arguments = [self.value(argument) for argument in node.args]
        if isinstance(node.func, ast.Name) and node.func.id in INTRINSICS:
            return INTRINSICS[node.func.id](self, arguments)
        if isinstance(callee, Extern):
            return self.of_extern(callee, arguments)
        if callee is None:
            raise self.wrong(node, "no such kernel")
        kernel, function = self.translation.callee(self.b, callee)
        passed: list[Any] = []
        for (_, kind), value in zip(kernel.parameters, arguments, strict=True):
            if kind in self.translation.everywhere:
                continue
            if isinstance(value, Array):
                passed += [value.pointer, value.length]
            else:
                passed.append(self.truth(value) if kind == "bool" else self.wide(value))
        result = self.b.call(function, passed)
        if kernel.result and kernel.result[0] in ITEMS:
            pointer, length = (self.b.extract_value(result, n) for n in range(2))
            return Array(kernel.result[0], pointer, length)
        return result

    def of_extern(self, callee: Extern, arguments: Sequence[Any]) -> Any:
        passed: list[Any] = []
        for value in arguments:
            if isinstance(value, Array):
                passed += [value.pointer, self.narrow(value.length)]
            else:
                passed.append(self.narrow(self.wide(value)))
        result = self.b.call(self.translation.extern(callee), passed)
        return result if result.type == I64 else self.b.sext(result, I64)
