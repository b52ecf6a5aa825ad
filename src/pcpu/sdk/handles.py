"""What a builder hands out: the numbers, bytes and spans of a program that is being built."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import NoReturn, overload

from pcpu import expr, ir
from pcpu.expr import MAX_DEPTH, Binary, Cond, Const, Expr, Var
from pcpu.sdk.place import caller
from pcpu.sdk.slices import as_scalar, span_between


class Number:
    """A number of 64 bits, unsigned, that is known when the program runs.

    ``+ - * & | ^ << >> ~``, ``%`` with a constant, and comparisons give numbers, modulo 2**64; a
    comparison is 1 or 0.
    """

    __slots__ = ("_depth", "_expr")

    def __init__(self, expr: Expr, depth: int = 1) -> None:
        if depth > MAX_DEPTH:
            message = f"an expression nests at most {MAX_DEPTH} deep; keep a part of it in a let"
            raise caller().error("too-long", message)
        self._expr, self._depth = expr, depth

    def __repr__(self) -> str:
        return f"<Number {expr.show(self._expr, ir.SCALAR_BITS)}>"

    def _binary(self, op: str, other: object, *, swapped: bool = False) -> Number:
        if isinstance(other, Number):
            right, depth = other._expr, other._depth
        elif isinstance(other, int):
            right, depth = _part(other)
        else:
            return NotImplemented  # type: ignore[no-any-return]
        left = self._expr
        if swapped:
            left, right = right, left
        if op == "%" and (not isinstance(right, Const) or right.value == 0):
            raise caller().error("syntax", "'%' takes a constant above 0 on its right")
        return Number(Binary(op, left, right), 1 + max(self._depth, depth))

    def __add__(self, other: Number | int) -> Number:
        return self._binary("+", other)

    def __radd__(self, other: int) -> Number:
        return self._binary("+", other, swapped=True)

    def __sub__(self, other: Number | int) -> Number:
        return self._binary("-", other)

    def __rsub__(self, other: int) -> Number:
        return self._binary("-", other, swapped=True)

    def __mul__(self, other: Number | int) -> Number:
        return self._binary("*", other)

    def __rmul__(self, other: int) -> Number:
        return self._binary("*", other, swapped=True)

    def __mod__(self, other: int) -> Number:
        return self._binary("%", other)

    def __and__(self, other: Number | int) -> Number:
        return self._binary("&", other)

    def __rand__(self, other: int) -> Number:
        return self._binary("&", other, swapped=True)

    def __or__(self, other: Number | int) -> Number:
        return self._binary("|", other)

    def __ror__(self, other: int) -> Number:
        return self._binary("|", other, swapped=True)

    def __xor__(self, other: Number | int) -> Number:
        return self._binary("^", other)

    def __rxor__(self, other: int) -> Number:
        return self._binary("^", other, swapped=True)

    def __lshift__(self, other: Number | int) -> Number:
        return self._binary("<<", other)

    def __rlshift__(self, other: int) -> Number:
        return self._binary("<<", other, swapped=True)

    def __rshift__(self, other: Number | int) -> Number:
        return self._binary(">>", other)

    def __rrshift__(self, other: int) -> Number:
        return self._binary(">>", other, swapped=True)

    def __invert__(self) -> Number:
        return self._binary("^", (1 << 64) - 1)

    def __neg__(self) -> Number:
        return self._binary("-", 0, swapped=True)

    def __eq__(self, other: Number | int) -> Number:  # type: ignore[override]
        return self._binary("==", other)

    def __ne__(self, other: Number | int) -> Number:  # type: ignore[override]
        return self._binary("!=", other)

    def __lt__(self, other: Number | int) -> Number:
        return self._binary("<", other)

    def __le__(self, other: Number | int) -> Number:
        return self._binary("<=", other)

    def __gt__(self, other: Number | int) -> Number:
        return self._binary(">", other)

    def __ge__(self, other: Number | int) -> Number:
        return self._binary(">=", other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> NoReturn:
        raise caller().error(
            "wrong-kind",
            "this number is not known while the program is built; write 'with b.if_(...):' for "
            "'if', and & and | for 'and' and 'or'",
        )

    def __index__(self) -> NoReturn:
        raise caller().error(
            "wrong-kind",
            "this number is not known while the program is built; write 'with b.repeat(...)' for "
            "a loop over it",
        )

    def then(self, value: Number | int, other: Number | int) -> Number:
        """``value`` where this is not 0, else ``other``."""
        parts = [_part(self), _part(value), _part(other)]
        depth = 1 + max(depth for _, depth in parts)
        return Number(Cond(*(part for part, _ in parts)), depth)


class Variable(Number):
    """A register that may be set again: ``n.set(n + 1)``."""

    __slots__ = ("_let",)

    def __init__(self, name: str, let: Callable[[str, Scalar], None]) -> None:
        super().__init__(Var(name))
        self._let = let

    def set(self, value: Scalar) -> None:
        """A statement: from here on the register has this value."""
        assert isinstance(self._expr, Var)
        self._let(self._expr.name, value)


Scalar = Number | int


def _constant(value: int) -> Expr:
    """An int in an expression; one below 0 is its difference from 0, modulo 2**64."""
    if value.bit_length() > 64 or value < -(1 << 63):
        raise caller().error("immediate-range", "a number has at most 64 bits")
    return Const(value) if value >= 0 else Binary("-", Const(0), Const(-value))


def _part(value: object) -> tuple[Expr, int]:
    """The expression of a number or int, and how deep it nests."""
    if isinstance(value, Number):
        return value._expr, value._depth
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        what = f"an int or a Number, not {type(value).__name__}"
        raise caller().error("wrong-kind", f"a number is needed here: {what}") from None
    return _constant(number), 1 if number >= 0 else 2


def scalar_of(value: object) -> ir.Scalar:
    """The scalar of a program that ``value`` stands for. Raises ProgramError."""
    return as_scalar(_part(value)[0])


class Slice:
    """Bytes of a buffer, table or window: ``data[offset:end]``."""

    __slots__ = ("_span",)

    def __init__(self, span: ir.Span) -> None:
        self._span = span

    def __repr__(self) -> str:
        from pcpu.ir.text import show_span

        return f"<Slice {show_span(self._span)}>"


class _Named:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _number(self, member: str) -> Number:
        return Number(Var(f"{self.name}.{member}"))


class _Sized(_Named):
    __slots__ = ()

    @property
    def len(self) -> Number:
        """The length in bytes."""
        return self._number("len")

    def __len__(self) -> NoReturn:
        message = f"the length is not known while the program is built; write {self.name}.len"
        raise caller().error("wrong-kind", message)

    def __bool__(self) -> bool:
        return True

    __iter__ = None


class Buffer(_Sized):
    """Bytes that the caller gives; ``data[4:20]`` are some of them, ``data.len`` is their number.

    A slice that leaves the buffer is a trap when the program runs: none is shortened.
    """

    __slots__ = ()

    def __getitem__(self, part: slice) -> Slice:
        return Slice(span_of_slice(self.name, part))


class Window(Buffer):
    """The window or span that a loop is at. ``start`` is where it begins in its buffer, ``index``
    the number of its turn, from 0."""

    __slots__ = ("_row",)

    def __init__(self, name: str, row: Callable[[tuple[Number, ...]], None]) -> None:
        super().__init__(name)
        self._row = row

    @property
    def start(self) -> Number:
        return self._number("start")

    @property
    def index(self) -> Number:
        return self._number("index")

    def row(self, *columns: Number) -> None:
        """These registers are the columns of the loop's table (``into``), in place of all that
        the loop sets."""
        self._row(columns)


class Bytes(_Sized):
    """A parameter that is bytes: an operand, or ``key[i]`` for one of them, modulo their number."""

    __slots__ = ()

    def __getitem__(self, index: Scalar) -> Number:
        return item(self.name, index)


class Table(_Sized):
    """Bytes of the program: an operand, a span to read, or ``table[i]``, modulo their number."""

    __slots__ = ()

    @overload
    def __getitem__(self, part: Scalar) -> Number: ...
    @overload
    def __getitem__(self, part: slice) -> Slice: ...
    def __getitem__(self, part: Scalar | slice) -> Number | Slice:
        if isinstance(part, slice):
            return Slice(span_of_slice(self.name, part))
        return item(self.name, part)


class Numbers(_Named):
    """A result that is several numbers: ``hist[i]`` is one, modulo their number."""

    __slots__ = ()

    def __getitem__(self, index: Scalar) -> Number:
        return item(self.name, index)

    __iter__ = None


class Spans(_Named):
    """A list of spans, for ``each_span``; ``count`` is how many."""

    __slots__ = ()

    @property
    def count(self) -> Number:
        return self._number("count")


SpanLike = Buffer | Table | Slice
BytesLike = bytes | bytearray | str | Bytes | Table


def item(name: str, index: Scalar) -> Number:
    found, depth = _part(index)
    return Number(expr.Index(name, found), depth + 1)


def span_of_slice(name: str, part: object) -> ir.Span:
    """The span ``name[start:stop]``. Raises ProgramError."""
    if not isinstance(part, slice):
        message = f"write {name}[{part!r}:...] for a span; a byte of a buffer is no number"
        raise caller().error("wrong-kind", message)
    if part.step is not None:
        raise caller().error("syntax", "a span has no step")
    start = 0 if part.start is None else _place(part.start)
    stop = None if part.stop is None else _place(part.stop)
    try:
        return span_between(name, start, stop)
    except ValueError as error:
        raise caller().error("span-range", str(error)) from None


def _place(value: object) -> ir.Scalar:
    """A start or stop; an int below 0 stays one."""
    return scalar_of(value) if isinstance(value, Number) else operator.index(value)  # type: ignore[arg-type]
