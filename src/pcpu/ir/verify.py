"""The verifier of programs: the rules of spec/pasm.md that a Program can break.

It is the safety argument (docs/notes/safety.md): what it lets pass ends, and stays within its
buffers given the checks that ``lower`` and ``interp`` make when the program runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcpu.expr import Var
from pcpu.ir.model import (
    MOVES,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    bodies,
    walk,
)
from pcpu.ir.scope import Fault, Path, Scope, known, names_of, plural, show
from pcpu.ir.work import Work, cost, excess
from pcpu.isa import Immediate

MAX_STATEMENTS = 65536
MAX_DEPTH = 16
MAX_LITERALS = 16 << 20
MAX_RESULTS = 256


def check(program: Program) -> tuple[list[Fault], Work]:
    """What is wrong with ``program``, in program order, and the bound of its work."""
    verifier = _Verifier(Scope(program))
    faults = verifier.scope.declare()
    if (fault := _size(program)) is not None:
        return [*faults, fault], Work()
    verifier.faults = faults
    work = verifier.block(program.body, ("body",), 0)
    verifier.returns(program)
    if not verifier.faults and (reason := excess(work)) is not None:
        verifier.fault("too-much-work", reason, ("body",))
    return verifier.faults, work


def _size(program: Program) -> Fault | None:
    """Sizes first: the rest of the verifier may rely on them."""
    deep: list[tuple[tuple[Statement, ...], Path, int]] = [(program.body, ("body",), 1)]
    count = literals = 0
    while deep:
        body, path, depth = deep.pop()
        for index, statement in enumerate(body):
            count += 1
            here = (*path, index)
            if count > MAX_STATEMENTS:
                return Fault("too-long", f"a program has at most {MAX_STATEMENTS} statements", here)
            if isinstance(statement, Move) and isinstance(statement.value, bytes):
                literals += len(statement.value)
            inner = [b for b in bodies(statement) if b]
            if inner and depth >= MAX_DEPTH:
                return Fault("too-long", f"blocks nest at most {MAX_DEPTH} deep", here)
            deep += [
                (b, (*here, key), depth + 1)
                for b, key in zip(bodies(statement), _keys(statement), strict=False)
            ]
    literals += sum(len(value) for _, value in program.tables)
    if literals > MAX_LITERALS:
        limit = f"tables and literals have at most {MAX_LITERALS} bytes together"
        return Fault("too-long", f"{limit}, these have {literals}", ("body",))
    if not program.body:
        return Fault("syntax", "a program has at least one statement", ("body",))
    return None


def _keys(statement: Statement) -> tuple[str, ...]:
    match statement:
        case If():
            return ("then", "else")
        case Fuse():
            return ("fuse",)
        case _:
            return ("body",)


@dataclass
class _Verifier:
    scope: Scope

    def __post_init__(self) -> None:
        self.faults: list[Fault] = []
        self.loops = 0  # that we are in

    def fault(self, code: str, message: str, path: Path) -> None:
        self.faults.append(Fault(code, message, path))

    def block(self, body: Sequence[Statement], path: Path, depth: int) -> Work:
        work = Work()
        for index, statement in enumerate(body):
            work += self.statement(statement, (*path, index), depth)
        return work

    def statement(self, s: Statement, at: Path, depth: int) -> Work:
        match s:
            case Instruction():
                self.instruction(s, at)
            case Move():
                self.move(s, at)
            case Let():
                self.scalar(s.value, (*at, "value"))
                self.faults += self.scope.set_variable(s.name, (*at, "let"))
            case If():
                self.scalar(s.test, (*at, "if"))
                then = self.block(s.then, (*at, "then"), depth + 1)
                return Work.of(0, 1) + (then | self.block(s.other, (*at, "else"), depth + 1))
            case Repeat():
                return self.repeat(s, at, depth)
            case Each():
                return self.each(s, at, depth)
            case Fuse():
                return self.fuse(s, at, depth)
        return cost(s, self.scope)

    # Expressions and spans

    def scalar(self, value: Scalar, at: Path) -> None:
        if isinstance(value, int):
            if not 0 <= value < 1 << 64:
                self.fault("immediate-range", "a number has 64 bits and no sign", at)
            return
        for name, indexed in names_of(value):
            self.faults += self.scope.check_scalar(name, at, indexed=indexed)

    def below(self, value: Scalar, limit: int, what: str, at: Path) -> None:
        """A scalar that has to be below ``limit``, as far as that is known."""
        self.scalar(value, at)
        number = known(value, self.scope)
        if number is not None and number >= limit:
            message = f"{show(number)} is outside 0..{limit - 1}, the range of {what}"
            self.fault("immediate-range", message, at)

    def span(self, span: Span, at: Path, *, writes: bool = False) -> None:
        if (
            fault := self.scope.check_buffer(span.buffer, (*at, "buffer"), writes=writes)
        ) is not None:
            self.faults.append(fault)
            return
        self.scalar(span.offset, (*at, "offset"))
        if span.length is not None:
            self.scalar(span.length, (*at, "length"))
        size = self.scope.sizes.get(span.buffer)
        offset = known(span.offset, self.scope)
        if size is None or offset is None:
            return
        length = 0 if span.length is None else known(span.length, self.scope) or 0
        if offset + length > size:
            end = show(offset + length)
            message = f"the span ends at {end}, and {span.buffer} has {plural(size, 'byte')}"
            self.fault("span-range", message, (*at, "offset"))

    # Statements

    def instruction(self, s: Instruction, at: Path) -> None:
        self.span(s.span, (*at, "span"), writes=s.op.kind == "map")
        wanted = s.op.immediates
        if len(s.immediates) != len(wanted):
            names = ", ".join(imm.name for imm in wanted) or "none"
            takes = f"{s.op.name} takes {plural(len(wanted), 'operand')} ({names})"
            message = f"{takes}, {len(s.immediates)} given"
            self.fault("immediate-count", message, (*at, "op"))
            return
        for index, (operand, imm) in enumerate(zip(s.immediates, wanted, strict=True)):
            self.operand(operand, imm, s.op.name, (*at, "imm", index))
        if s.name is not None:
            if s.op.has_result:
                self.faults += self.scope.set_result(s, (*at, "name"))
            else:
                message = f"{s.op.name} changes the data and has no result to name"
                self.fault("name-on-map", message, (*at, "name"))
        elif s.op.has_result:
            self.fault("syntax", f"the result of {s.op.name} has no name", (*at, "op"))

    def operand(self, operand: Operand, imm: Immediate, op: str, at: Path) -> None:
        what = f"{imm.name} of {op}"
        if imm.sizes is None:
            if isinstance(operand, bytes):
                self.fault("wrong-kind", f"{what} is a number", at)
            else:
                self.below(operand, 1 << imm.bits, what, at)
            return
        sizes = self.bytes_sizes(operand, what, at)
        least, most = imm.sizes
        if sizes is not None and not least <= sizes[0] <= sizes[1] <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            given = f"{sizes[0]}" if sizes[0] == sizes[1] else f"{sizes[0]} to {sizes[1]}"
            self.fault("immediate-range", f"{what} is {wanted} bytes, {given} given", at)

    def bytes_sizes(self, operand: Operand, what: str, at: Path) -> tuple[int, int] | None:
        """The least and the greatest length of an operand that has to be bytes."""
        if isinstance(operand, bytes):
            return len(operand), len(operand)
        sizes = self.scope.bytes_sizes(operand.name) if isinstance(operand, Var) else None
        if sizes is None:
            hint = "0x and pairs of digits, a string, or the name of a table or bytes parameter"
            self.fault("wrong-kind", f"{what} is bytes: {hint}", at)
        return sizes

    def move(self, s: Move, at: Path) -> None:
        form = MOVES[s.kind]
        self.span(s.target, (*at, "target"), writes=True)
        for index, source in enumerate(s.sources):
            self.span(source, (*at, "sources", index))
        if len(s.sources) != form.sources or (s.value is None) != (form.value is None):
            self.fault("immediate-count", f"{s.kind} takes {_takes(s.kind)}", (*at, "move"))
            return
        lengths = [_length(span, self.scope) for span in (s.target, *s.sources)]
        places: list[Path] = [(*at, "sources", index) for index in range(len(s.sources))]
        if form.value == "byte" and s.value is not None:
            if isinstance(s.value, bytes):
                self.fault("wrong-kind", f"the byte of {s.kind} is a number", (*at, "value"))
            else:
                self.below(s.value, 256, f"the byte of {s.kind}", (*at, "value"))
        elif form.value == "bytes" and s.value is not None:
            sizes = self.bytes_sizes(s.value, "what lit writes", (*at, "value"))
            lengths.append(sizes[0] if sizes is not None and sizes[0] == sizes[1] else None)
            places.append((*at, "value"))
        for length, place in zip(lengths[1:], places, strict=True):
            if None not in (lengths[0], length) and lengths[0] != length:
                message = f"this has {plural(length or 0, 'byte')}, the target {lengths[0]}"
                self.fault("length-mismatch", message, place)
        if s.kind == "adddiff" and len(s.sources) == 2:
            roots = [self.scope.root(span.buffer) for span in (s.target, s.sources[1])]
            if roots[0] == roots[1]:
                message = f"the differences lie in {roots[0]}, which adddiff writes to"
                self.fault("overlap", message, (*at, "sources", 1))

    def repeat(self, s: Repeat, at: Path, depth: int) -> Work:
        self.scalar(s.count, (*at, "repeat"))
        turns = self.scope.bound(s.count)
        if turns is None:
            message = "nothing bounds this number; try 'n < 100 ? n : 100', or a constant"
            self.fault("unbounded", message, (*at, "repeat"))
        if s.counter is not None:
            self.faults += self.scope.enter_counter(s.counter, turns, (*at, "as"))
        self.loops += 1
        work = Work.of(0, 1)
        for index, inner in enumerate(s.body):
            here = (*at, "body", index)
            each = self.statement(inner, here, depth + 1)
            if turns is not None:
                work += self.linear(each.times(turns), each, here, f"{turns} turns")
        self.loops -= 1
        if s.counter is not None:
            self.scope.leave(s.counter)
        return work

    def each(self, s: Each, at: Path, depth: int) -> Work:
        self.span(s.over, (*at, "in"))
        if isinstance(s.size, str):
            self.faults += self.scope.check_list(s.size, (*at, "spans"))
        else:
            self.scalar(s.size, (*at, "size"))
            self.faults += self.scope.check_window_size(s.size, (*at, "size"))
        self.faults += self.scope.enter_window(s, (*at, "each"))
        if s.output is not None and self.loops:
            message = "a loop with an output table stands in no other loop"
            self.fault("block", message, (*at, "into", "name"))
        self.loops += 1
        loop = self.scope.window_work(s)
        work = Work.of(0, 1)
        for index, inner in enumerate(s.body):
            here = (*at, "body", index)
            each = self.statement(inner, here, depth + 1)
            work += self.linear(each.over_turns(loop), each, here, f"{loop.turns} turns")
        self.loops -= 1
        if s.output is not None:
            self.faults += self.scope.add_output(s.output, (*at, "into"))
        self.scope.leave(s.name)
        return work

    def linear(self, work: Work, each: Work, at: Path, turns: str) -> Work:
        """``work``, unless it is too much: then nothing, and a fault."""
        if (reason := excess(work, self.scope.window_lengths())) is None:
            return work
        touched = each.bytes if each.bytes.terms else each.steps
        self.fault("too-much-work", f"{reason}: up to {touched} in each of up to {turns}", at)
        return Work()

    def fuse(self, s: Fuse, at: Path, depth: int) -> Work:
        work = self.block(s.body, (*at, "fuse"), depth)
        if not s.body:
            self.fault("block", "an empty fuse", at)
        set_here = {i.name for i in s.body if i.name is not None}
        for index, i in enumerate(s.body):
            here = (*at, "fuse", index)
            if i.span != s.body[0].span:
                self.fault("block", "the operations in a fuse have one span", (*here, "span"))
            used = {
                n for o in i.immediates if not isinstance(o, int | bytes) for n, _ in names_of(o)
            }
            if used & set_here:
                message = f"{min(used & set_here)} is set in this fuse, so nothing in it can use it"
                self.fault("block", message, (*here, "imm"))
        return work

    def returns(self, program: Program) -> None:
        registers = self.scope.registers
        for index, name in enumerate(program.returns or ()):
            if name not in registers:
                self.fault("unknown-name", f"no register is called {name!r}", ("returns", index))
        if len(set(program.returns or ())) < len(program.returns or ()):
            self.fault("name-taken", "a register is returned twice", ("returns",))
        count = sum(1 for s in walk(program.body) if isinstance(s, Instruction) and s.name)
        if count > MAX_RESULTS:
            self.fault("too-long", f"a program has at most {MAX_RESULTS} results", ("body",))


def _takes(kind: str) -> str:
    form = MOVES[kind]
    parts = ["a target", *["a source"] * form.sources, *([f"a {form.value}"] if form.value else [])]
    return ", ".join(parts)


def _length(span: Span, scope: Scope) -> int | None:
    """The length of a span, where it is known."""
    if span.length is not None:
        return known(span.length, scope)
    size, offset = scope.sizes.get(span.buffer), known(span.offset, scope)
    return None if size is None or offset is None else max(0, size - offset)
