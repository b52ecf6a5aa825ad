"""The verifier of programs: the rules of spec/pasm.md that a Program can break.

It is the safety argument (docs/notes/safety.md): what it lets pass ends, and stays within its
buffers given the checks that ``lower`` and ``interp`` make when the program runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pcpu.errors import plural
from pcpu.expr import Var
from pcpu.ir.bound import Bound
from pcpu.ir.declare import declare
from pcpu.ir.fault import Fault, Path, show_number
from pcpu.ir.model import Program
from pcpu.ir.parts import named_in, names_of, operands_of
from pcpu.ir.scope import SPAN_BYTES, Scope, known
from pcpu.ir.statement import (
    MOVES,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Output,
    Repeat,
    Scalar,
    Span,
    Statement,
)
from pcpu.ir.wellformed import malformed
from pcpu.ir.work import Work, excess
from pcpu.isa import Immediate

MAX_RESULTS = 256
MAX_COLUMNS = 256
MAX_NUMBERS = 1 << 20  # in registers that are several
NUMBER_BYTES = 8


def check(program: Program) -> tuple[list[Fault], Work]:
    """What is wrong with ``program``, in program order, and the bound of its work."""
    faults = malformed(program)
    if faults:
        return faults, Work()
    verifier = _Verifier(Scope(program))
    verifier.faults += declare(verifier.scope, program)
    if not program.body:
        verifier.fault("syntax", "a program has at least one statement", ("body",))
    parts = [*verifier.start(program), *verifier.statements(program.body, ("body",))]
    verifier.results(program)
    *_, work = sums = [*accumulate((part for _, part in parts), initial=Work())]
    if not verifier.faults and (reason := excess(work)) is not None:
        place = next(path for (path, _), s in zip(parts, sums[1:], strict=True) if excess(s))
        verifier.fault("too-much-work", f"up to here {reason}", place)
    return verifier.faults, work


@dataclass
class _Verifier:
    scope: Scope
    faults: list[Fault] = field(default_factory=list)
    loops: int = 0  # that we are in

    def fault(self, code: str, message: str, path: Path, *about: Operand) -> None:
        names = frozenset[str]().union(*map(named_in, about))
        self.faults.append(Fault(code, message, path, names))

    def start(self, program: Program) -> Iterator[tuple[Path, Work]]:
        """What is done before the first statement: outputs and registers become zeros."""
        for index, buffer in enumerate(program.buffers):
            if buffer.role == "out":
                yield ("buffers", index), Work(self.scope.whole(buffer.name), Bound())
        numbers = sum(r.count for r in program.registers.values() if r.count > 1)
        if numbers > MAX_NUMBERS:
            message = f"results that are several have at most {MAX_NUMBERS} numbers together"
            self.fault("too-long", f"{message}, these {numbers}", ("body",))
        yield ("body",), Work.of(NUMBER_BYTES * numbers, 0)

    def statements(self, body: Sequence[Statement], path: Path) -> Iterator[tuple[Path, Work]]:
        for index, statement in enumerate(body):
            yield (*path, index), self.statement(statement, (*path, index))

    def block(self, body: Sequence[Statement], path: Path) -> Work:
        return sum((work for _, work in self.statements(body, path)), Work())

    def statement(self, s: Statement, at: Path) -> Work:
        match s:
            case Instruction():
                return self.instruction(s, at)
            case Move():
                return self.move(s, at)
            case Let():
                self.scalar(s.value, (*at, "value"))
                self.faults += self.scope.set_variable(s.name, (*at, "let"))
                return Work.of(0, 1)
            case If():
                self.scalar(s.test, (*at, "if"))
                then = self.block(s.then, (*at, "then"))
                return Work.of(0, 1) + (then | self.block(s.other, (*at, "else")))
            case Repeat():
                return self.repeat(s, at)
            case Each():
                return self.each(s, at)
            case Fuse():
                return self.fuse(s, at)

    # Scalars and spans

    def scalar(self, value: Scalar, at: Path) -> None:
        for name, indexed in names_of(value):
            self.faults += self.scope.check_scalar(name, at, indexed=indexed)

    def below(self, value: Scalar, limit: int, what: str, at: Path) -> None:
        """A scalar that has to be below ``limit``, as far as that is known."""
        self.scalar(value, at)
        number = known(value, self.scope)
        if number is not None and number >= limit:
            message = f"{show_number(number)} is outside 0..{limit - 1}, the range of {what}"
            self.fault("immediate-range", message, at)

    def span(self, span: Span, at: Path, *, writes: bool = False) -> None:
        self.faults += self.scope.check_buffer(span.buffer, (*at, "buffer"), writes=writes)
        self.scalar(span.offset, (*at, "offset"))
        if span.length is not None:
            self.scalar(span.length, (*at, "length"))
        size = self.scope.sizes.get(span.buffer)
        offset = known(span.offset, self.scope)
        if size is None or offset is None:
            return
        length = 0 if span.length is None else known(span.length, self.scope) or 0
        if offset + length > size:
            end = show_number(offset + length)
            message = f"the span ends at {end}, and {span.buffer} has {plural(size, 'byte')}"
            self.fault("span-range", message, (*at, "offset"))

    def length(self, span: Span) -> int | None:
        """The length of a span, where it is known."""
        if span.length is not None:
            return known(span.length, self.scope)
        size, offset = self.scope.sizes.get(span.buffer), known(span.offset, self.scope)
        return None if size is None or offset is None else max(0, size - offset)

    # Operations

    def instruction(self, s: Instruction, at: Path) -> Work:
        self.span(s.span, (*at, "span"), writes=s.op.kind == "map")
        work = Work(self.scope.span_bound(s.span), Bound.of(max(1, s.op.result_count)))
        wanted = s.op.immediates
        if len(s.immediates) != len(wanted):
            names = ", ".join(imm.name for imm in wanted)
            takes = f"{s.op.name} takes {plural(len(wanted), 'operand')} after the span"
            takes += f" ({names})" if names else ""
            message = f"{takes}, {len(s.immediates)} given"
            self.fault("immediate-count", message, (*at, "op"))
        for index, (operand, imm) in enumerate(zip(s.immediates, wanted, strict=False)):
            touched = self.operand(operand, imm, s.op.name, (*at, "imm", index))
            work += Work.of(touched, 0)
        self.result(s, at)
        return work

    def result(self, s: Instruction, at: Path) -> None:
        if s.name is None:
            if s.op.has_result:
                self.fault("syntax", f"the result of {s.op.name} has no name", (*at, "op"))
        elif s.op.has_result:
            self.faults += self.scope.set_result(s, (*at, "name"))
        else:
            message = f"{s.op.name} changes the data and has no result to name"
            self.fault("name-on-map", message, (*at, "name"))

    def operand(self, operand: Operand, imm: Immediate, op: str, at: Path) -> int:
        """Check an operand; how many bytes it is at most, 0 for a number."""
        what = f"{imm.name} of {op}"
        if imm.sizes is None:
            if isinstance(operand, bytes):
                self.fault("wrong-kind", f"{what} is a number", at)
            else:
                self.below(operand, 1 << imm.bits, what, at)
            return 0
        sizes = self.bytes_sizes(operand, what, at)
        least, most = imm.sizes
        if sizes is not None and not least <= sizes[0] <= sizes[1] <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            given = f"{sizes[0]}" if sizes[0] == sizes[1] else f"{sizes[0]} to {sizes[1]}"
            self.fault("immediate-range", f"{what} is {wanted} bytes, {given} given", at)
        return most if sizes is None else sizes[1]

    def bytes_sizes(self, operand: Operand, what: str, at: Path) -> tuple[int, int] | None:
        """The least and the greatest length of an operand that has to be bytes."""
        if isinstance(operand, bytes):
            return len(operand), len(operand)
        name = operand.name if isinstance(operand, Var) else None
        if name is not None:
            self.faults += self.scope.look_up(name.partition(".")[0], at)
        sizes = None if name is None else self.scope.bytes_sizes(name)
        if sizes is None and not self.scope.is_doubtful(operand):
            hint = "0x and pairs of digits, a string, or the name of a table or bytes parameter"
            self.fault("wrong-kind", f"{what} is bytes: {hint}", at, operand)
        return sizes

    def move(self, s: Move, at: Path) -> Work:
        form = MOVES[s.kind]
        self.span(s.target, (*at, "target"), writes=True)
        for index, source in enumerate(s.sources):
            self.span(source, (*at, "sources", index))
        work = Work.of(0, 1)
        for span in (s.target, *s.sources):
            work += Work(self.scope.span_bound(span), Bound())
        if len(s.sources) != form.sources or (s.value is None) != (form.value is None):
            self.fault("immediate-count", f"{s.kind} takes {form.takes}", (*at, "move"))
            return work
        lengths = [self.length(span) for span in s.sources]
        places: list[Path] = [(*at, "sources", index) for index in range(len(s.sources))]
        if s.value is not None:
            if form.value == "bytes":
                work += Work(self.scope.span_bound(s.target), Bound())
            lengths.append(self.value(s, s.value, (*at, "value")))
            places.append((*at, "value"))
        target = self.length(s.target)
        for length, place in zip(lengths, places, strict=True):
            if target is not None and length is not None and target != length:
                message = f"this has {plural(length, 'byte')}, the target {target}"
                self.fault("length-mismatch", message, place)
        if s.kind == "adddiff":
            root = self.scope.root(s.target.buffer)
            if root == self.scope.root(s.sources[1].buffer):
                message = f"the differences lie in {root}, which adddiff writes to"
                self.fault("overlap", message, (*at, "sources", 1))
        return work

    def value(self, s: Move, value: Operand, at: Path) -> int | None:
        """Check the value of a block operation; how many bytes it is, where that is known."""
        if MOVES[s.kind].value == "bytes":
            sizes = self.bytes_sizes(value, "what lit writes", at)
            return sizes[0] if sizes is not None and sizes[0] == sizes[1] else None
        if isinstance(value, bytes):
            self.fault("wrong-kind", f"the byte of {s.kind} is a number", at)
        else:
            self.below(value, 256, f"the byte of {s.kind}", at)
        return None

    def fuse(self, s: Fuse, at: Path) -> Work:
        if not s.body:
            self.fault("block", "a fuse has at least one operation", at)
        set_here = {i.name for i in s.body if i.name is not None}
        for index, i in enumerate(s.body):
            here = (*at, "fuse", index)
            if i.span != s.body[0].span:
                self.fault("block", "the operations in a fuse have one span", (*here, "span"))
            for path, operand in operands_of(i):
                for name in sorted(named_in(operand) & set_here):
                    message = f"{name} is set in this fuse, and nothing in it can use it"
                    self.fault("block", message, (*here, *path))
                    set_here.discard(name)
        return self.block(s.body, (*at, "fuse"))

    # Loops

    def repeat(self, s: Repeat, at: Path) -> Work:
        self.scalar(s.count, (*at, "repeat"))
        turns = self.scope.bound(s.count)
        if turns is None and not self.scope.is_doubtful(s.count):
            message = "nothing bounds this number; try 'n < 100 ? n : 100', or a constant"
            self.fault("unbounded", message, (*at, "repeat"), s.count)
        entered = s.counter is not None and self.enter(
            self.scope.enter_counter(s.counter, turns, (*at, "as"))
        )
        self.loops += 1
        work = Work.of(0, 1) + Work(Bound(), turns or Bound())
        for index, inner in enumerate(s.body):
            here = (*at, "body", index)
            each = self.statement(inner, here)
            if turns is not None:
                work += self.linear(each.times(turns), each, here, f"{turns} turns")
        self.loops -= 1
        if entered and s.counter is not None:
            self.scope.leave(s.counter)
        return work

    def enter(self, faults: Iterable[Fault]) -> bool:
        """Whether the name of a loop, about which these are the faults, now means the loop."""
        found = list(faults)
        self.faults += found
        return not found

    def each(self, s: Each, at: Path) -> Work:
        self.span(s.over, (*at, "in"))
        if isinstance(s.size, str):
            self.faults += self.scope.check_list(s.size, (*at, "spans"))
        else:
            self.window_size(s.size, (*at, "size"))
        if s.output is not None and self.loops:
            message = "a loop with an output table stands in no other loop"
            self.fault("block", message, (*at, "into", "name"))
        loop = self.scope.loop_work(s)
        entered = self.enter(self.scope.enter_window(s, loop, (*at, "each")))
        self.loops += 1
        columns = 0 if s.output is None else len(s.output.columns)
        entry = NUMBER_BYTES * columns + (SPAN_BYTES if isinstance(s.size, str) else 0)
        turn = Work.of(entry, 1)
        turns = f"{loop.turns} turns"
        work = Work.of(0, 1) + self.linear(turn.over_turns(loop), turn, at, turns)
        for index, inner in enumerate(s.body):
            here = (*at, "body", index)
            each = self.statement(inner, here)
            work += self.linear(each.over_turns(loop), each, here, turns)
        self.loops -= 1
        if s.output is not None:
            self.output(s.output, (*at, "into"))
        self.scope.windows.pop()
        if entered:
            self.scope.leave(s.name)
        return work

    def window_size(self, size: Scalar, at: Path) -> None:
        self.scalar(size, at)
        if not self.scope.is_settled(size):
            message = "the size of windows is made of constants and parameters"
            self.fault("unbounded", message, at, size)
        elif known(size, self.scope) == 0:
            self.fault("immediate-range", "a window has at least one byte", at)

    def output(self, output: Output, at: Path) -> None:
        self.faults += self.scope.take(output.name, "output", (*at, "name"))
        if not 1 <= len(output.columns) <= MAX_COLUMNS:
            message = f"an output table has 1 to {MAX_COLUMNS} columns"
            self.fault("syntax", message, (*at, "columns"))
        for index, name in enumerate(output.columns):
            here = (*at, "columns", index)
            self.faults += self.scope.look_up(name, here, "register ")
            kind = self.scope.kind(name)
            if kind not in ("register", None):
                self.fault("wrong-kind", f"a column is a register, and {name} is not one", here)
            elif self.scope.is_several(name):
                self.fault("wrong-kind", f"{name} is several numbers, and no column", here)

    def linear(self, work: Work, each: Work, at: Path, turns: str) -> Work:
        """``work``, unless it is too much: then nothing, and a fault."""
        if (reason := excess(work, self.scope.window_lengths())) is None:
            return work
        touched = f"{each.bytes} bytes" if each.bytes.terms else f"{each.steps} statements"
        self.fault("too-much-work", f"{reason}: up to {touched} in each of up to {turns}", at)
        return Work()

    def results(self, program: Program) -> None:
        returns = program.returns or ()
        seen: set[str] = set()
        for index, name in enumerate(returns):
            if name not in self.scope.registers:
                about = frozenset([name])
                message = f"there is no register {name[:40]!r} to return"
                self.faults.append(Fault("unknown-name", message, ("returns", index), about))
            elif name in seen:
                message = f"{name!r} is returned twice"
                self.fault("name-taken", message, ("returns", index))
            seen.add(name)
        count = len(program.usual_returns if program.returns is None else returns)
        if count > MAX_RESULTS:
            message = f"a program has at most {MAX_RESULTS} results, this one {count}"
            place: Path = ("body",) if program.returns is None else ("returns",)
            self.fault("too-long", f"{message}; name those that you want with .return", place)
