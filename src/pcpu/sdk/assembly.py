"""A program that grows statement by statement, and where in a source each part came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pcpu.errors import ProgramErrors
from pcpu.ir import (
    MAX_NAME,
    Buffer,
    Fuse,
    If,
    Instruction,
    Names,
    Parameter,
    Path,
    Program,
    Statement,
    check,
)
from pcpu.isa import Isa
from pcpu.sdk.place import Place
from pcpu.source.builder import NAME

MAX_ERRORS = 20
Close = Callable[[tuple[Statement, ...]], Statement]


@dataclass
class _Block:
    """A block that has begun: where its statements go, and what makes a statement of it."""

    path: Path
    place: Place | None
    close: Close | None
    body: list[Statement] = field(default_factory=list)


class Assembly:
    """The parts of a Program. Paths are those of the verifier (JSON pointers, in parts)."""

    def __init__(self, isa: Isa) -> None:
        self.isa = isa
        self.names = Names()
        self.parameters: list[Parameter] = []
        self.constants: list[tuple[str, int]] = []
        self.tables: list[tuple[str, bytes]] = []
        self.buffers: list[Buffer] = []
        self.returns: tuple[str, ...] | None = None
        self._places: dict[Path, Place] = {}
        self._blocks = [_Block(("body",), None, None)]

    # Names and places

    def take(self, name: str, place: Place) -> str:
        """``name`` for something new. Raises ProgramError where it is no name."""
        if not NAME.fullmatch(name):
            message = f"{name[:40]!r} is no name: a-z, 0-9 and _, at most {MAX_NAME} characters"
            raise place.error("syntax", message)
        self.names.taken.add(name)
        return name

    def fresh(self, wanted: str) -> str:
        """``wanted``, or with a number after it what is not taken."""
        name, number = wanted, 2
        while name in self.names.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.names.taken.add(name)
        return name

    def note(self, path: Path, place: Place) -> None:
        self._places[path] = place

    @property
    def path(self) -> Path:
        """Of the next statement."""
        block = self._blocks[-1]
        return (*block.path, len(block.body))

    @property
    def depth(self) -> int:
        """How many blocks are open."""
        return len(self._blocks) - 1

    @property
    def body(self) -> list[Statement]:
        """The statements of the innermost block so far."""
        return self._blocks[-1].body

    # Statements and blocks

    def add(self, statement: Statement, place: Place) -> None:
        block = self._blocks[-1]
        if block.path[-1] == "fuse" and not isinstance(statement, Instruction):
            raise place.error("block", "only operations stand in a fuse")
        self.note(self.path, place)
        block.body.append(statement)

    def open(self, key: str, place: Place, close: Close) -> None:
        """Begin a block, whose statements are the member ``key`` of what ``close`` makes."""
        if self._blocks[-1].path[-1] == "fuse":
            raise place.error("block", "only operations stand in a fuse")
        self.note(self.path, place)
        self._blocks.append(_Block((*self.path, key), place, close))

    def open_else(self, place: Place) -> None:
        """Begin the other block of the If that the innermost block ends with."""
        last = self.body[-1] if self.body else None
        if not isinstance(last, If) or last.other:
            raise place.error("block", "an 'else' without an 'if' that ended just before it")
        self.body.pop()
        first = self._places[self.path]
        test, then, line = last.test, last.then, last.line
        self.open("else", first, lambda body: If(test, then, body, line))

    def close(self) -> None:
        block = self._blocks.pop()
        assert block.close is not None
        assert block.place is not None
        self.add(block.close(tuple(block.body)), block.place)

    def fused(self, line: int) -> Close:
        """What makes a Fuse of operations."""
        return lambda body: Fuse(tuple(s for s in body if isinstance(s, Instruction)), line)

    # The end

    def program(self) -> Program:
        """The program so far, not verified; blocks that are open are left out."""
        parts = (
            tuple(self._blocks[0].body), tuple(self.parameters), tuple(self.constants),
            tuple(self.tables), tuple(self.buffers),
        )  # fmt: skip
        program = Program(*parts)
        usual = self.returns is None or self.returns == program.usual_returns
        return program if usual else Program(*parts, self.returns)

    def verified(self, place: Place) -> Program:
        """The program. Raises ProgramErrors, each at the place that it is about; ``place`` is
        that of what is nowhere."""
        program = self.program()
        faults, _ = check(program)
        if faults:
            errors = [
                self._place(f.path, place).error(f.code, f.message) for f in faults[:MAX_ERRORS]
            ]
            raise ProgramErrors(errors)
        return program

    def _place(self, path: Path, otherwise: Place) -> Place:
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, otherwise)
