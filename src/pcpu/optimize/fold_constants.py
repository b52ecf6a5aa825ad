"""Numbers in the place of scalars whose value is the same in every run, and what follows.

Constants, lengths of tables and registers that are set to a number become that number. Then a known
``if`` is one of its branches, ``repeat 0`` is nothing and ``repeat 1`` its body.

What fails when the program runs must go on to fail there. So a statement which the verifier would
refuse with its numbers filled in, such as ``xor data, n`` where n is 300, stays as it was written.
Arithmetic with what is not known is left to LLVM.
"""

from __future__ import annotations

from dataclasses import replace

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var
from pcpu.ir import (
    Buffer,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Path,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    check,
)
from pcpu.ir.parts import names_of
from pcpu.optimize.edit import Body, assigned, with_blocks, with_body
from pcpu.optimize.settle import settle
from pcpu.optimize.trail import Trail
from pcpu.optimize.values import operation

UNKNOWN = -1  # a register that is not the same number in every run
# A branch that is gone may leave registers constant that were not. Each round takes linear time.
ROUNDS = 8
_BLOCKS = frozenset(["body", "then", "else"])


def fold_constants(program: Program) -> Program:
    for _ in range(ROUNDS):
        before, program = program, settle(_folded(program))
        if program == before:
            break
    return program


def _folded(program: Program) -> Program:
    """``program`` with numbers for scalars, where the verifier takes it so."""
    kept: set[Path] = set()
    lengths = True
    while True:
        found = _Folder(program, kept, lengths).program()
        faults, _ = check(found)
        if not faults:
            return found
        # The work over a span of n bytes is bounded by n where that is a number, else by its
        # buffer; the number may be the larger one.
        too_much = any(fault.code == "too-much-work" for fault in faults)
        new = {_statement(fault.path) for fault in faults if fault.code != "too-much-work"} - kept
        if not new and not (too_much and lengths):
            return found  # no doing of ours: it was refused before
        kept |= new
        lengths = lengths and not too_much


def _statement(path: Path) -> Path:
    """The path of the statement that ``path`` leads into; a fuse counts as one statement."""
    end = 2
    while len(path) > end + 1 and path[end] in _BLOCKS and isinstance(path[end + 1], int):
        end += 2
    return path[:end]


class _Folder:
    """Goes through a program in its order. The statements at ``kept`` stay as they are, and without
    ``lengths`` so do all lengths of spans and windows."""

    def __init__(self, program: Program, kept: set[Path], lengths: bool) -> None:
        self.source, self.kept, self.lengths = program, kept, lengths
        self.tables = dict(program.tables)
        self.known: Trail[str, int] = Trail(dict(program.constants))
        for name, register in program.registers.items():
            self.known.set(name, 0 if register.count == 1 else UNKNOWN)
        self.sizes = {name: len(content) for name, content in program.tables}
        self.declared = set(self.sizes)
        for parameter in program.parameters:
            sizes = parameter.kind.sizes
            if sizes is not None and sizes[0] == sizes[1]:
                self.sizes[parameter.name] = sizes[0]

    def program(self) -> Program:
        buffers = tuple(self.buffer(buffer) for buffer in self.source.buffers)
        body = self.block(self.source.body, ("body",))
        return with_body(replace(self.source, buffers=buffers), body)

    def buffer(self, buffer: Buffer) -> Buffer:
        """An output whose size the verifier knows. We must not teach it another one: it would
        refuse spans that leave that output when they run."""
        if buffer.size is None:
            return buffer
        known = {name for name, _ in self.source.constants}
        known |= {f"{name}.len" for name in self.declared}
        if any(indexed or name not in known for name, indexed in names_of(buffer.size)):
            return buffer
        size = self.scalar(buffer.size)
        assert isinstance(size, int)
        self.declared.add(buffer.name)
        self.sizes[buffer.name] = size
        return replace(buffer, size=size)

    def block(self, body: Body, path: Path) -> Body:
        return tuple(self.statement(s, (*path, index)) for index, s in enumerate(body))

    def statement(self, s: Statement, at: Path) -> Statement:
        found = s if at in self.kept else self.header(s)
        match found:
            case Let():
                self.known.set(found.name, found.value if isinstance(found.value, int) else UNKNOWN)
            case Instruction() if found.name is not None:
                self.known.set(found.name, UNKNOWN)
            case If():
                return self.branch(found, at)
            case Repeat():
                return self.repeat(found, at)
            case Each():
                self.forget(found.body)
                body = self.block(found.body, (*at, "body"))
                self.forget(found.body)
                return replace(found, body=body)
            case Fuse():
                for i in found.body:
                    if i.name is not None:
                        self.known.set(i.name, UNKNOWN)
        return found

    def header(self, s: Statement) -> Statement:
        """The statement with its own scalars folded."""
        match s:
            case Instruction():
                operands = tuple(self.operand(operand) for operand in s.immediates)
                return replace(s, span=self.span(s.span), immediates=operands)
            case Move():
                value = None if s.value is None else self.operand(s.value)
                sources = tuple(self.span(span) for span in s.sources)
                return replace(s, target=self.span(s.target), sources=sources, value=value)
            case Let():
                return replace(s, value=self.scalar(s.value))
            case If():
                return replace(s, test=self.scalar(s.test))
            case Repeat():
                # Half a number may have a larger bound than the whole scalar had.
                count = self.scalar(s.count)
                return replace(s, count=count) if isinstance(count, int) else s
            case Each():
                size = s.size
                if not isinstance(size, str) and self.lengths:
                    size = self.scalar(size)
                return replace(s, over=self.span(s.over), size=size)
            case Fuse():
                found = tuple(self.header(i) for i in s.body)
                return with_blocks(s, (found,))

    def branch(self, s: If, at: Path) -> If:
        if isinstance(s.test, int):  # the other one never runs
            if s.test:
                return replace(s, then=self.block(s.then, (*at, "then")))
            return replace(s, other=self.block(s.other, (*at, "else")))
        blocks, changes = [], []
        for body, key in ((s.then, "then"), (s.other, "else")):
            mark = self.known.mark()
            blocks.append(self.block(body, (*at, key)))
            changes.append(self.known.undo(mark))
        for name in changes[0].keys() | changes[1].keys():
            then, other = (change.get(name, self.known.get(name)) for change in changes)
            self.known.set(name, UNKNOWN if then is None or then != other else then)
        return replace(s, then=blocks[0], other=blocks[1])

    def repeat(self, s: Repeat, at: Path) -> Repeat:
        if s.count == 0:
            return s
        once = s.count == 1
        if not once:
            self.forget(s.body)
        if s.counter is not None:
            self.known.set(s.counter, 0 if once else UNKNOWN)
        body = self.block(s.body, (*at, "body"))
        if not once:
            self.forget(s.body)
        return replace(s, body=body)

    def forget(self, body: Body) -> None:
        for name in assigned(body):
            self.known.set(name, UNKNOWN)

    def span(self, span: Span) -> Span:
        offset, length = self.scalar(span.offset), span.length
        folded = None if length is None else self.scalar(length)
        whole = folded is not None and folded in (Var(f"{span.buffer}.len"), self.size(span.buffer))
        if offset == 0 and whole:
            folded = None
        elif not self.lengths:
            folded = length
        return Span(span.buffer, offset, folded)

    def size(self, buffer: str) -> int | None:
        return self.sizes.get(buffer)

    def operand(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, bytes) else self.scalar(operand)

    def scalar(self, scalar: Scalar) -> Scalar:
        if isinstance(scalar, int):
            return scalar
        found = self.expression(scalar)
        return found.value if isinstance(found, Const) else found

    def expression(self, e: Expr) -> Expr:
        match e:
            case Var(name):
                number = self.number(name)
                return e if number is None else Const(number)
            case Binary(op, left, right):
                left, right = self.expression(left), self.expression(right)
                if isinstance(left, Const) and isinstance(right, Const):
                    return Const(operation(op)(left.value, right.value))
                return Binary(op, left, right)
            case Cond(test, then, other):
                test = self.expression(test)
                if isinstance(test, Const):
                    return self.expression(then if test.value else other)
                return Cond(test, self.expression(then), self.expression(other))
            case Index(name, index):
                index = self.expression(index)
                table = self.tables.get(name)
                if table is not None and isinstance(index, Const):
                    return Const(table[index.value % len(table)])
                return Index(name, index)
        return e

    def number(self, name: str) -> int | None:
        base, dot, attribute = name.partition(".")
        if dot:
            return self.sizes.get(base) if attribute == "len" else None
        number = self.known.get(name)
        return None if number == UNKNOWN else number
