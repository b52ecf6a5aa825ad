"""Random programs for the optimizer: few registers and offsets, so that spans touch, meet and fail.

``tests/pasm/strategies.py`` has programs of every shape; these are the ones that passes look for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import assume
from hypothesis import strategies as st

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var
from pcpu.ir import (
    MOVES,
    Buffer,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Output,
    Parameter,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    check,
)
from pcpu.ir.text import pasm_text
from pcpu.isa import Immediate
from pcpu.library import load_isa
from pcpu.source.pasm import parse_pasm

ISA = load_isa()
PARAMETERS = (Parameter(Immediate("k", 8), 3), Parameter(Immediate("m", 3), 2),
              Parameter(Immediate("key", 0, (1, 4)), b"ab"))  # fmt: skip
CONSTANTS = (("four", 4), ("one", 1), ("none", 0))
TABLES = (("magic", b"\x00\x01GET \x07\xff"),)
MAPS, FOLDS = ("xor", "add"), ("counteq", "crc32c")
REGISTERS = ("x", "y", "z")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Case:
    """A program, what it is run on and the values of its parameters."""

    program: Program
    inputs: dict[str, bytes]
    arguments: dict[str, int | bytes]

    def __repr__(self) -> str:
        return f"{self.inputs} {self.arguments}\n{pasm_text(self.program)}"


@dataclass
class _Known:
    """What may be named at a place of the program."""

    names: list[str]
    buffers: list[str]
    results: int = 0


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size: Scalar = draw(
        st.sampled_from([8, 16, Var("src.len"), Binary("+", Var("data.len"), Const(4))])
    )
    buffers = (Buffer("data", "inout"), Buffer("src", "in"), Buffer("out", "out", size),
               Buffer("list", "spans"))  # fmt: skip
    known = _Known(["k", "m", "four", "one", "none", "data.len", "src.len", "magic.len", "list.count"],
                   ["data", "data", "out", "out", "src", "magic"])  # fmt: skip
    body = draw(_blocks(known, 3, 10))
    program = Program(body, PARAMETERS, CONSTANTS, TABLES, buffers)
    program = _valid(program)
    if names := program.usual_returns:
        chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
        program = replace(program, returns=tuple(chosen) or None)
    program = parse_pasm(pasm_text(_valid(program)), ISA)  # with numbers of lines
    content = st.binary(max_size=24)
    pairs = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3))
    listed = b"".join(n.to_bytes(8, "little") for pair in pairs for n in pair)
    listed += draw(st.sampled_from([b"", b"", b"", b"x"]))
    arguments: dict[str, int | bytes] = {
        "k": draw(st.integers(0, 255)),
        "m": draw(st.integers(0, 7)),
        "key": draw(st.binary(min_size=1, max_size=4)),
    }
    return Case(program, {"data": draw(content), "src": draw(content), "list": listed}, arguments)


def _valid(program: Program) -> Program:
    """The program without the statements that the verifier refuses."""
    for _ in range(20):
        assume(program.body)
        faults, _ = check(program)
        if not faults:
            return program
        if faults[0].path[0] != "body":
            program = replace(program, returns=None)
            continue
        wrong = {path[1] for f in faults if len(path := f.path) > 1}
        kept = tuple(s for index, s in enumerate(program.body) if index not in wrong)
        program = replace(program, body=kept if wrong else ())
    assume(False)
    raise AssertionError


@st.composite
def _blocks(draw: st.DrawFn, known: _Known, depth: int, most: int) -> tuple[Statement, ...]:
    count = draw(st.integers(0 if depth < 3 else 1, most))
    found: list[Statement] = []
    for _ in range(count):
        # The same statement on other bytes, or the same bytes again: what passes look for.
        if found and draw(st.integers(0, 3)) == 0:
            found.append(draw(_neighbour(draw(st.sampled_from(found)))))
        else:
            found.append(draw(_statements(known, depth)))
    return tuple(found)


@st.composite
def _neighbour(draw: st.DrawFn, s: Statement) -> Statement:
    step = draw(st.sampled_from([0, 4, -4, 1, "own"]))

    def moved(span: Span) -> Span:
        offset, length = span.offset, span.length
        by = length if step == "own" else step
        if isinstance(offset, int) and isinstance(by, int):
            return replace(span, offset=max(0, offset + by))
        if by is None or isinstance(by, int):
            return span
        left = Const(offset) if isinstance(offset, int) else offset
        return replace(span, offset=Binary("+", left, by))

    if isinstance(s, Instruction) and s.name is None:
        return replace(s, span=moved(s.span))
    if isinstance(s, Move):
        return replace(s, target=moved(s.target), sources=tuple(moved(x) for x in s.sources))
    return s if isinstance(s, Let) else Let("x", 1)


@st.composite
def _statements(draw: st.DrawFn, known: _Known, depth: int) -> Statement:
    kinds = ["op", "op", "op", "move", "move", "let", "fuse"]
    kinds += ["if", "repeat", "window", "list"] if depth else []
    kind = draw(st.sampled_from(kinds))
    if kind == "op":
        return draw(_operations(known, draw(_spans(known))))
    if kind == "fuse":
        span = draw(_spans(known))
        return Fuse(tuple(draw(_operations(known, span)) for _ in range(draw(st.integers(1, 3)))))
    if kind == "move":
        return draw(_moves(known))
    if kind == "let":
        value = draw(_scalars(known))
        name = draw(st.sampled_from(REGISTERS))
        known.names.append(name)
        return Let(name, value)
    if kind == "if":
        test = draw(_scalars(known, tests=True))
        return If(test, draw(_blocks(known, depth - 1, 3)), draw(_blocks(known, depth - 1, 2)))
    name = f"{kind[0]}{depth}"
    if kind == "repeat":
        bound = draw(st.sampled_from([0, 1, 1, 2, Var("m"), Var("four"), Var("x"),
                                      Cond(Binary("<", Var("x"), Const(3)), Var("x"), Const(3))]))  # fmt: skip
        inner = replace(known, names=[*known.names, name])
        body = draw(_blocks(inner, depth - 1, 3))
        _back(known, inner)
        return Repeat(bound, body, name if draw(st.booleans()) else None)
    over = draw(_spans(known))
    attributes = [f"{name}.len", f"{name}.start", f"{name}.index"]
    inner = replace(known, names=[*known.names, *attributes], buffers=[*known.buffers, name, name])
    body = draw(_blocks(inner, depth - 1, 3))
    _back(known, inner)
    size = (
        "list"
        if kind == "list"
        else draw(st.sampled_from([1, 4, 8, Var("k"), Var("m"), Var("four")]))
    )
    output = Output(f"t{name}", ("x",)) if draw(st.integers(0, 5)) == 0 else None
    return Each(name, over, size, body, output)


def _back(known: _Known, inner: _Known) -> None:
    known.results = inner.results
    known.names += [name for name in inner.names if name in REGISTERS]


@st.composite
def _operations(draw: st.DrawFn, known: _Known, span: Span) -> Instruction:
    op = ISA.find(draw(st.sampled_from(MAPS + FOLDS)))
    assert op is not None
    operands = tuple(draw(_scalars(known)) for _ in op.immediates)
    name = None
    if op.has_result:
        known.results += 1
        name = f"r{known.results}"
        known.names.append(name)
    return Instruction(op, operands, name, span)


@st.composite
def _moves(draw: st.DrawFn, known: _Known) -> Move:
    kind = draw(
        st.sampled_from(["copy", "copy", "copyxor", "copyadd", "adddiff", "fill", "fill", "lit"])
    )
    target = draw(_spans(known))
    sources = tuple(
        replace(draw(_spans(known)), length=target.length) for _ in range(MOVES[kind].sources)
    )
    value: Scalar | bytes | None = None
    if MOVES[kind].value == "byte":
        value = draw(_scalars(known))
    elif kind == "lit":
        value = draw(st.sampled_from([b"abcd", b"e", Var("key"), Var("magic")]))
        target = replace(target, length=draw(st.sampled_from([4, 1, Var("key.len"), 8])))
    return Move(kind, target, sources, value)  # type: ignore[arg-type]


@st.composite
def _spans(draw: st.DrawFn, known: _Known) -> Span:
    buffer = draw(st.sampled_from(known.buffers))
    own = Var(f"{buffer}.len")
    parts: list[Scalar] = [0, 0, 4, 4, 8, Var("x"), Var("m"), Var("four"), Binary("-", own, Const(4)),
                           Binary("&", Var("x"), Const(7)), Binary("+", Var("x"), Const(4))]  # fmt: skip
    lengths: list[Scalar | None] = [
        None,
        None,
        own,
        Cond(Binary("<", Var("y"), own), Var("y"), own),
        *parts,
    ]
    if draw(st.integers(0, 2)) == 0:
        return Span(buffer)
    return Span(buffer, draw(st.sampled_from(parts)), draw(st.sampled_from(lengths)))


@st.composite
def _scalars(draw: st.DrawFn, known: _Known, *, tests: bool = False) -> Scalar:
    if tests and draw(st.booleans()):
        sides: list[Expr] = [Const(draw(st.sampled_from([1, 4, 8, 12]))), Var(draw(st.sampled_from(
            ["data.len", "src.len", "out.len", *known.names])))]  # fmt: skip
        left, right = draw(st.permutations(sides))
        return Binary(draw(st.sampled_from(COMPARISONS)), left, right)
    atoms: list[Expr] = [Var(name) for name in known.names]
    small = st.sampled_from([0, 1, 3, 4, 7, 8, 255, 256])
    if draw(st.booleans()):
        return draw(small)
    left, right = draw(st.sampled_from(atoms)), draw(st.sampled_from(atoms))
    form = draw(st.sampled_from(["name", "name", "table", "cond", *"+-*&<"]))
    match form:
        case "name":
            return left
        case "table":
            return Index("magic", left)
        case "cond":
            return Cond(left, right, Const(draw(small)))
        case "<":
            return Binary(draw(st.sampled_from(COMPARISONS)), left, right)
        case _:
            return Binary(form, left, Const(draw(small)))
