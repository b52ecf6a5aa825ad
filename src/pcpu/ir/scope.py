"""The names of a program: what each means where the verifier is, and what bounds it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from fractions import Fraction

from pcpu import expr
from pcpu.expr import Index, Var
from pcpu.ir.bound import HELPFUL, Bound, upper
from pcpu.ir.fault import Fault, Path
from pcpu.ir.model import (
    MAX_NAME,
    Parameter,
    Program,
)
from pcpu.ir.names import RESERVED
from pcpu.ir.parts import names_of
from pcpu.ir.statement import (
    Each,
    Instruction,
    Scalar,
    Span,
)
from pcpu.ir.work import LoopWork

SPAN_BYTES = 16  # of one span of a list: two numbers of 64 bits
HINTS = 20  # unknown names for which others like them are looked up
_ATTRIBUTES = {
    "buffer": ("len",),
    "table": ("len",),
    "bytes": ("len",),
    "window": ("len", "start", "index"),
    "list": ("count",),
}
WORDS = {
    "parameter": "a parameter", "bytes": "a bytes parameter", "constant": "a constant",
    "table": "a table", "buffer": "a buffer", "list": "a list of spans", "register": "a register",
    "counter": "a counter", "window": "a window", "output": "an output table",
}  # fmt: skip
_UNKNOWN = "unknown"  # the kind of a name that has been reported, once
_LOOPS = ("counter", "window")


class Scope:
    """The names that are known, while the verifier goes through a program."""

    def __init__(self, program: Program) -> None:
        self.registers = program.registers
        self.kinds: dict[str, str] = {}
        self.roles: dict[str, str] = {}  # of buffers and lists
        self.sizes: dict[str, int] = {}  # of buffers and tables, where known
        self.constants: dict[str, int] = {}
        self.parameters: dict[str, Parameter] = {}
        self.bounds: dict[str, Bound | None] = {}
        self.windows: list[str] = []  # that we are in
        self._longest: dict[str, int] = {}  # windows -> what their length is at most, where known
        self._roots: dict[str, str] = {}  # windows -> the buffer or table that they lie in
        self._ended: dict[str, str] = {}  # names of loops that have ended, and their kinds
        self._results: set[str] = set()  # registers that an operation sets
        self._hints = HINTS

    # Declaring

    def take(self, name: str, kind: str, at: Path) -> Iterator[Fault]:
        """Give ``name`` a meaning; what is wrong with that."""
        before = self.kinds.get(name, _UNKNOWN)
        if before == _UNKNOWN and kind not in _LOOPS:
            before = self._ended.get(name, _UNKNOWN)
        if name in RESERVED:
            yield Fault("syntax", f"{name!r} is a word of the language and no name", at)
        elif len(name) > MAX_NAME:
            yield Fault("syntax", f"a name has at most {MAX_NAME} characters", at)
        elif before != _UNKNOWN and not before == kind == "register":
            yield Fault("name-taken", f"{name!r} is {WORDS[before]} already", at)
            self.kinds.setdefault(name, kind)
            return
        self.kinds[name] = kind

    def know_size(self, name: str, size: int) -> None:
        self.sizes[name] = size
        self.bounds[f"{name}.len"] = Bound.of(size)

    def set_result(self, s: Instruction, at: Path) -> Iterator[Fault]:
        assert s.name is not None
        if self.kinds.get(s.name) == "register":
            yield Fault("name-taken", f"{s.name!r} is set above; a result is set once", at)
        else:
            yield from self.take(s.name, "register", at)
        self._results.add(s.name)

    def set_variable(self, name: str, at: Path) -> Iterator[Fault]:
        if name in self._results:
            message = f"{name!r} is the result of an operation; choose another name"
            yield Fault("name-taken", message, at)
        else:
            yield from self.take(name, "register", at)

    def enter_window(self, s: Each, loop: LoopWork, at: Path) -> Iterator[Fault]:
        self._roots[s.name] = root = self.root(s.over.buffer)
        if loop.most.constant is not None:
            self._longest[s.name] = loop.most.constant
        self.bounds |= {
            f"{s.name}.len": Bound.length(f"{s.name}.len"),
            f"{s.name}.start": self.bounds.get(f"{root}.len"),
            f"{s.name}.index": loop.turns,
        }
        self.windows.append(s.name)
        return self.take(s.name, "window", at)

    def enter_counter(self, name: str, turns: Bound | None, at: Path) -> Iterator[Fault]:
        self.bounds[name] = turns
        return self.take(name, "counter", at)

    def leave(self, name: str) -> None:
        """End the loop whose counter or window is ``name``, which then means nothing."""
        if self.kinds.get(name) in _LOOPS:
            self._ended[name] = self.kinds.pop(name)
            self._longest.pop(name, None)
            for known in (name, f"{name}.len", f"{name}.start", f"{name}.index"):
                self.bounds.pop(known, None)

    # Looking up

    def kind(self, name: str) -> str | None:
        """What ``name`` is; None where it has been reported as unknown."""
        found = self.kinds.get(name)
        return None if found == _UNKNOWN else found

    def look_up(self, name: str, at: Path, what: str = "") -> Iterator[Fault]:
        """That ``name`` is not known, the first time that it is asked for."""
        if name in self.kinds:
            return
        hint = "; it is set only further below" if name in self.registers else self._hint(name)
        message = f"there is no {what}{expr.shown(name)} here{hint}"
        self.kinds[name] = _UNKNOWN
        yield Fault("unknown-name", message, at, frozenset([name]))

    def _hint(self, name: str) -> str:
        self._hints -= 1
        if self._hints < 0:  # looking is slow, and nobody reads so many
            return ""
        close = difflib.get_close_matches(name[:64], list(self.kinds)[:1000], n=1)
        return f"; did you mean {close[0]!r}?" if close else ""

    def check_scalar(self, name: str, at: Path, *, indexed: bool) -> Iterator[Fault]:
        """What is wrong with ``name``, or ``name[...]``, in a scalar."""
        base, _, attribute = name.partition(".")
        yield from self.look_up(base, at)
        kind = self.kind(base)
        if kind is None:
            return
        attributes = _ATTRIBUTES.get(kind, ())
        if attribute and indexed:
            yield Fault("wrong-kind", f"{name} is a number, which has no items", at)
        elif attribute:
            if attribute not in attributes:
                has = ", ".join(f"{base}.{a}" for a in attributes) or "nothing after a dot"
                yield Fault("wrong-kind", f"{base} is {WORDS[kind]}; it has {has}", at)
        elif indexed:
            if kind not in ("table", "bytes") and not self.is_several(base):
                yield Fault("wrong-kind", f"{base} is {WORDS[kind]}, which has no items", at)
        elif kind not in ("parameter", "constant", "counter", "register"):
            hints = [f"{base}.{a}" for a in attributes]
            hint = f"; did you mean {' or '.join(hints)}?" if hints else ""
            yield Fault("wrong-kind", f"{base} is {WORDS[kind]} and no number{hint}", at)
        elif self.is_several(base):
            count = self.registers[base].count
            yield Fault("wrong-kind", f"{base} is {count} numbers; take one: {base}[0]", at)

    def is_several(self, name: str) -> bool:
        return name in self.registers and self.registers[name].count > 1

    def is_settled(self, scalar: Scalar) -> bool:
        """Whether it is made of constants, parameters and tables alone."""
        return all(
            self.kinds.get(name.partition(".")[0], _UNKNOWN)
            in ("constant", "parameter", "bytes", "table", _UNKNOWN)
            for name, _ in names_of(scalar)
        )

    def check_buffer(self, name: str, at: Path, *, writes: bool) -> Iterator[Fault]:
        yield from self.look_up(name, at, "buffer ")
        kind = self.kind(name)
        if kind is None:
            return
        if kind not in ("buffer", "table", "window"):
            yield Fault("wrong-kind", f"{name} is {WORDS[kind]}, not a buffer", at)
            return
        root = self.root(name)
        if writes and self.roles.get(root, "in") == "in":
            what = "read only" if root in self.roles else "a table"
            yield Fault("read-only", f"{root} is {what}; write to an inout or out buffer", at)

    def check_list(self, name: str, at: Path) -> Iterator[Fault]:
        yield from self.look_up(name, at, "list ")
        kind = self.kind(name)
        if kind not in ("list", None):
            yield Fault("wrong-kind", f"{name} is {WORDS[kind]}, not a list of spans", at)

    def root(self, name: str) -> str:
        """The buffer or table that ``name``, which may be a window, lies in."""
        return self._roots.get(name, name) if self.kinds.get(name) == "window" else name

    def bytes_sizes(self, name: str) -> tuple[int, int] | None:
        """The least and the greatest length of a table or bytes parameter."""
        if self.kinds.get(name) == "table":
            return self.sizes[name], self.sizes[name]
        parameter = self.parameters.get(name)
        return None if parameter is None else parameter.kind.sizes

    # Bounds

    def bound(self, scalar: Scalar) -> Bound | None:
        return upper(scalar, self.bounds)

    def is_doubtful(self, scalar: Scalar) -> bool:
        """Whether a name in it has been reported as unknown, so that nothing else need be."""
        bases = (name.partition(".")[0] for name, _ in names_of(scalar))
        return any(self.kinds.get(base) == _UNKNOWN for base in bases)

    def whole(self, buffer: str) -> Bound:
        """What the length of a buffer, table or window is at most."""
        return self.bounds.get(f"{buffer}.len") or Bound()

    def span_bound(self, span: Span) -> Bound:
        """What the length of a span is at most: that of its buffer, or a number where that is
        the better bound."""
        length = None if span.length is None else self.bound(span.length)
        constant = None if length is None else length.constant
        if constant is None or constant >= self._longest.get(span.buffer, HELPFUL):
            return self.whole(span.buffer)
        return Bound.of(constant)

    def loop_work(self, s: Each) -> LoopWork:
        """The turns of a loop over windows or spans."""
        over = self.span_bound(s.over)
        name = f"{s.name}.len"
        if isinstance(s.size, str):
            turns = Bound.length(f"{s.size}.count")
            total = turns * over if over.constant is not None else Bound.length(f"{s.size}.total")
            return LoopWork(name, total, over, turns)
        size = known(s.size, self)
        turns = over * Bound.of(Fraction(1, size)) + Bound.of(1) if size else over
        return LoopWork(name, over, self.bound(s.size) or over, turns)

    def window_lengths(self) -> list[str]:
        """The names of the lengths of all windows that we are in."""
        return [f"{name}.len" for name in self.windows]


def known(scalar: Scalar, scope: Scope) -> int | None:
    """The value of a scalar that is made of constants, else None."""
    if isinstance(scalar, int):
        return scalar
    values = {}
    for node in expr.walk(scalar):
        if isinstance(node, Index):
            return None
        if isinstance(node, Var):
            value = _constant(node.name, scope)
            if value is None:
                return None
            values[node.name] = value
    return expr.evaluate(scalar, values, 64)


def _constant(name: str, scope: Scope) -> int | None:
    if name.endswith(".len"):
        return scope.sizes.get(name.removesuffix(".len"))
    return scope.constants.get(name)
