"""The names of a program: what each means, where it may stand, what bounds it (spec/pasm.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pcpu import expr
from pcpu.expr import Index, Var
from pcpu.ir.bound import Bound, upper
from pcpu.ir.model import (
    MAX_NAME,
    Buffer,
    Each,
    Instruction,
    Output,
    Parameter,
    Program,
    Scalar,
    Span,
)
from pcpu.ir.work import LoopWork

Path = tuple[str | int, ...]  # to a part of a Program, as JSON pointers into its JSON form go
RESERVED = frozenset(["if", "else", "end", "repeat", "each", "fuse"])
MAX_PARAMETERS, MAX_BUFFERS, MAX_TABLES, MAX_BYTES = 64, 64, 1024, 65536
MAX_OUTPUT_FACTOR = 65536  # bytes of an output for each byte of input
MAX_OUTPUT = 1 << 40
SPAN_BYTES = 16  # of one span of a list: two numbers of 64 bits
_ATTRIBUTES = {
    "buffer": ("len",),
    "table": ("len",),
    "bytes": ("len",),
    "window": ("len", "start", "index"),
    "list": ("count",),
}
_WORDS = {
    "parameter": "a parameter", "bytes": "a bytes parameter", "constant": "a constant",
    "table": "a table", "buffer": "a buffer", "list": "a list of spans", "register": "a register",
    "counter": "a counter", "window": "a window", "output": "an output table",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What is wrong with a program and with which part of it."""

    code: str
    message: str
    path: Path


class Scope:
    """The names that are known, while the verifier goes through a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.kinds: dict[str, str] = {}
        self.sizes: dict[str, int] = {}  # of buffers and tables, where known
        self.constants: dict[str, int] = {}
        self.registers = program.registers
        self._bounds: dict[str, Bound | None] = {}
        self._set: set[str] = set()
        self._results: set[str] = set()  # registers that an operation sets
        self._parameters: dict[str, Parameter] = {}
        self._roles: dict[str, str] = {}
        self._roots: dict[str, str] = {}  # windows -> the buffer that they lie in

    def declare(self) -> list[Fault]:
        """Take the declarations; what is wrong with them."""
        program = self.program
        faults: list[Fault] = []
        for index, parameter in enumerate(program.parameters):
            faults += self._declare_parameter(parameter, ("params", index))
        for index, (name, value) in enumerate(program.constants):
            faults += self._take(name, "constant", ("constants", index, "name"))
            if not 0 <= value < 1 << 64:
                message = "a number has 64 bits and no sign"
                faults.append(Fault("immediate-range", message, ("constants", index, "value")))
            self.constants[name] = value
            self._bounds[name] = Bound.of(value)
        for index, (name, content) in enumerate(program.tables):
            faults += self._take(name, "table", ("tables", index, "name"))
            if not 1 <= len(content) <= MAX_BYTES:
                message = f"a table has 1 to {MAX_BYTES} bytes, this one {len(content)}"
                faults.append(Fault("immediate-range", message, ("tables", index, "bytes")))
            self._know_size(name, len(content))
        for index, buffer in enumerate(program.buffers):
            faults += self._declare_buffer(buffer, ("buffers", index))
        for what, items, limit in (
            ("params", program.parameters, MAX_PARAMETERS),
            ("buffers", program.buffers, MAX_BUFFERS),
            ("tables", program.tables, MAX_TABLES),
        ):
            if len(items) > limit:
                faults.append(Fault("too-long", f"at most {limit} of these", (what, limit)))
        return faults

    def _declare_parameter(self, parameter: Parameter, at: Path) -> Iterator[Fault]:
        kind, default = parameter.kind, parameter.default
        yield from self._take(
            parameter.name, "parameter" if kind.sizes is None else "bytes", (*at, "name")
        )
        self._parameters[parameter.name] = parameter
        if kind.sizes is None:
            self._bounds[parameter.name] = Bound.of((1 << kind.bits) - 1)
            if default is not None and not (
                isinstance(default, int) and 0 <= default < 1 << kind.bits
            ):
                message = f"the default is a number of {kind.bits} bits"
                yield Fault("immediate-range", message, (*at, "default"))
            return
        least, most = kind.sizes
        self._bounds[f"{parameter.name}.len"] = Bound.of(most)
        self._bounds[parameter.name] = Bound.of(255)
        if not 1 <= least <= most <= MAX_BYTES:
            message = f"bytes are 1 to {MAX_BYTES}, the least before the most"
            yield Fault("immediate-range", message, (*at, "kind"))
        elif default is not None and not (
            isinstance(default, bytes) and least <= len(default) <= most
        ):
            wanted = f"{least}" if least == most else f"{least} to {most}"
            yield Fault("immediate-range", f"the default is {wanted} bytes", (*at, "default"))

    def _declare_buffer(self, buffer: Buffer, at: Path) -> Iterator[Fault]:
        name = buffer.name
        self._roles[name] = buffer.role
        if buffer.role == "spans":
            yield from self._take(name, "list", (*at, "name"))
            self._bounds[f"{name}.count"] = Bound.length(f"{name}.count")
            return
        if (buffer.size is None) != (buffer.role != "out"):
            yield Fault("wrong-kind", "an output has a size, and nothing else has", (*at, "size"))
        elif buffer.size is not None:
            yield from self._declare_output(buffer, buffer.size, (*at, "size"))
        else:
            self._bounds[f"{name}.len"] = Bound.length(f"{name}.len")
        yield from self._take(name, "buffer", (*at, "name"))

    def _declare_output(self, buffer: Buffer, size: Scalar, at: Path) -> Iterator[Fault]:
        for used, indexed in names_of(size):
            yield from self.check_scalar(used, at, indexed=indexed)
        bound = self.bound(size)
        number = known(size, self)
        if bound is None:
            yield Fault("unbounded", "nothing bounds this size", at)
        elif bound.degree > 1:
            yield Fault("too-much-work", "an output grows with the product of lengths", at)
        elif any(f > (MAX_OUTPUT_FACTOR if m else MAX_OUTPUT) for m, f in bound.terms.items()):
            yield Fault("too-much-work", f"an output of up to {bound} bytes", at)
        self._bounds[f"{buffer.name}.len"] = bound
        if number is not None:
            self._know_size(buffer.name, number)

    def _know_size(self, name: str, size: int) -> None:
        self.sizes[name] = size
        self._bounds[f"{name}.len"] = Bound.of(size)
        self._bounds.setdefault(name, Bound.of(255))

    def _take(self, name: str, kind: str, at: Path) -> Iterator[Fault]:
        if name in RESERVED:
            yield Fault("syntax", f"{name!r} is a word of the language and no name", at)
        elif len(name) > MAX_NAME:
            yield Fault("syntax", f"a name has at most {MAX_NAME} characters", at)
        elif name in self.kinds and not (kind == self.kinds[name] == "register"):
            yield Fault("name-taken", f"{name!r} is {_WORDS[self.kinds[name]]} already", at)
        self.kinds[name] = kind

    # Scalars

    def check_scalar(self, name: str, at: Path, *, indexed: bool) -> Iterator[Fault]:
        """What is wrong with ``name``, or ``name[...]``, in a scalar."""
        base, _, attribute = name.partition(".")
        kind = self.kinds.get(base)
        if kind is None:
            hint = "; it is set only further below" if base in self.registers else ""
            yield Fault("unknown-name", f"there is no {base!r} here{hint}", at)
        elif attribute:
            if attribute not in _ATTRIBUTES.get(kind, ()):
                has = ", ".join(f"{base}.{a}" for a in _ATTRIBUTES.get(kind, ())) or "none"
                message = f"{base} is {_WORDS[kind]} without .{attribute}; it has {has}"
                yield Fault("wrong-kind", message, at)
        elif indexed:
            if kind not in ("table", "bytes") and not self._is_several(base):
                yield Fault("wrong-kind", f"{base} is {_WORDS[kind]}, which has no items", at)
        elif kind not in ("parameter", "constant", "counter", "register"):
            hints = [f"{base}.{a}" for a in _ATTRIBUTES.get(kind, ())]
            hint = f"; did you mean {' or '.join(hints)}?" if hints else ""
            yield Fault("wrong-kind", f"{base} is {_WORDS[kind]} and no number{hint}", at)
        elif self._is_several(base):
            count = self.registers[base].count
            yield Fault("wrong-kind", f"{base} is {count} numbers; take one: {base}[0]", at)

    def _is_several(self, name: str) -> bool:
        return name in self.registers and self.registers[name].count > 1

    def bound(self, scalar: Scalar) -> Bound | None:
        return upper(scalar, self._bounds)

    def bytes_sizes(self, name: str) -> tuple[int, int] | None:
        """The least and the greatest length of a table or bytes parameter."""
        if self.kinds.get(name) == "table":
            return self.sizes[name], self.sizes[name]
        parameter = self._parameters.get(name)
        return None if parameter is None else parameter.kind.sizes

    # Buffers and windows

    def check_buffer(self, name: str, at: Path, *, writes: bool) -> Fault | None:
        kind = self.kinds.get(name)
        if kind is None:
            return Fault("unknown-name", f"there is no buffer {name!r} here", at)
        if kind not in ("buffer", "table", "window"):
            return Fault("wrong-kind", f"{name} is {_WORDS[kind]}, not a buffer", at)
        root = self.root(name)
        if writes and (kind == "table" or self._roles.get(root, "in") == "in"):
            what = "a table" if root in self.sizes and root not in self._roles else "read only"
            return Fault("read-only", f"{root} is {what}; write to an inout or out buffer", at)
        return None

    def root(self, name: str) -> str:
        """The buffer or table that ``name``, which may be a window, lies in."""
        return self._roots.get(name, name)

    def check_list(self, name: str, at: Path) -> Iterator[Fault]:
        kind = self.kinds.get(name)
        if kind is None:
            yield Fault("unknown-name", f"there is no list {name!r}; declare it with .spans", at)
        elif kind != "list":
            yield Fault("wrong-kind", f"{name} is {_WORDS[kind]}, not a list of spans", at)

    def check_window_size(self, size: Scalar, at: Path) -> Iterator[Fault]:
        for name, _ in names_of(size):
            if self.kinds.get(name) not in ("constant", "parameter", None):
                message = "the size of windows is made of constants and parameters"
                yield Fault("unbounded", message, at)
                return
        if known(size, self) == 0:
            yield Fault("immediate-range", "a window has at least one byte", at)

    def span_bound(self, span: Span) -> Bound:
        """What the length of a span is at most: that of its buffer, unless it is a number."""
        whole = self._bounds.get(f"{span.buffer}.len") or Bound()
        length = None if span.length is None else self.bound(span.length)
        return whole if length is None or length.constant is None else length

    def window_work(self, s: Each) -> LoopWork:
        total = self.span_bound(s.over)
        name = f"{s.name}.len"
        if isinstance(s.size, str):
            count = Bound.length(f"{s.size}.count")
            return LoopWork(name, Bound.length(f"{s.size}.total"), total, count)
        size = known(s.size, self)
        most = self.bound(s.size) or total
        if not size:
            return LoopWork(name, total, most, total)
        return LoopWork(name, total, most, total * Bound.of(Fraction(1, size)) + Bound.of(1))

    def enter_window(self, s: Each, at: Path) -> Iterator[Fault]:
        turns, total = self.window_work(s).turns, self.span_bound(s.over)
        self._roots[s.name] = self.root(s.over.buffer)
        self._bounds |= {
            f"{s.name}.len": Bound.length(f"{s.name}.len"),
            f"{s.name}.start": total,
            f"{s.name}.index": turns,
        }
        return self._take(s.name, "window", at)

    def enter_counter(self, name: str, turns: Bound | None, at: Path) -> Iterator[Fault]:
        self._bounds[name] = turns
        return self._take(name, "counter", at)

    def leave(self, name: str) -> None:
        self.kinds.pop(name, None)

    def window_lengths(self) -> set[str]:
        """The names of the lengths of all windows that we are in."""
        return {f"{name}.len" for name, kind in self.kinds.items() if kind == "window"}

    def add_output(self, output: Output, at: Path) -> Iterator[Fault]:
        yield from self._take(output.name, "output", (*at, "name"))
        if not output.columns:
            yield Fault("syntax", "an output table has a column", (*at, "columns"))
        for index, name in enumerate(output.columns):
            here = (*at, "columns", index)
            if name not in self._set:
                yield Fault("unknown-name", f"no statement above sets a register {name!r}", here)
            elif self._is_several(name):
                yield Fault("wrong-kind", f"{name} is several numbers, and no column", here)

    # Registers

    def set_result(self, s: Instruction, at: Path) -> Iterator[Fault]:
        assert s.name is not None
        if self.kinds.get(s.name) == "register":
            yield Fault("name-taken", f"{s.name!r} is set above; a result is set once", at)
        else:
            yield from self._take(s.name, "register", at)
        self._results.add(s.name)
        self._set.add(s.name)

    def set_variable(self, name: str, at: Path) -> Iterator[Fault]:
        if name in self._results:
            message = f"{name!r} is the result of an operation; choose another name"
            yield Fault("name-taken", message, at)
        else:
            yield from self._take(name, "register", at)
        self._set.add(name)


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def show(number: int) -> str:
    """A number in a message; one that nobody can read is left out."""
    return str(number) if number < 1 << 64 else "the number"


def names_of(scalar: Scalar) -> Iterator[tuple[str, bool]]:
    """The names in a scalar, and whether each is indexed."""
    if not isinstance(scalar, int):
        for node in expr.walk(scalar):
            if isinstance(node, Var):
                yield node.name, False
            elif isinstance(node, Index):
                yield node.name, True


def known(scalar: Scalar, scope: Scope) -> int | None:
    """The value of a scalar that is made of constants, else None."""
    if isinstance(scalar, int):
        return scalar
    for node in expr.walk(scalar):
        if isinstance(node, Index):
            return None
        if isinstance(node, Var) and _constant(node.name, scope) is None:
            return None
    values = {name: _constant(name, scope) or 0 for name, _ in names_of(scalar)}
    return expr.evaluate(scalar, values, 64)


def _constant(name: str, scope: Scope) -> int | None:
    if name.endswith(".len"):
        return scope.sizes.get(name.removesuffix(".len"))
    return scope.constants.get(name)
