"""The exception tree.

    PcpuError                 anything pCPU reports on purpose; ``exit_code`` 1
    ├── UsageError            the caller's input is at fault; ``exit_code`` 2
    │   ├── ExpressionError   an expression of an operation, with its column
    │   ├── IsaError          an operation file, with its JSON pointer
    │   └── ProgramError      a program, with its place
    │       └── ProgramErrors several of them, in the order of their places
    ├── OutputClosedError     whoever read our output left; ``exit_code`` 141, as of a shell's pipe
    ├── TrapError             a program asked for what its buffers do not have, with its line
    ├── IprogError            a plan cannot be read or made; ``kind`` is one of spec/iprog.md G31
    │   ├── DamagedPlanError  it is none, is cut off, or breaks a rule
    │   ├── UnsupportedPlanError  it uses what this version does not know
    │   └── WrongBlobError    a blob is not the one that it was made for
    ├── BankError             a bank of blobs is damaged (spec/bank.md)
    ├── ToolchainError        a tool is missing or failed
    ├── EngineError           an engine could not run a program
    ├── WorkerError           a Worker refused a request, or could not be reached
    └── InternalError         pCPU broke a rule of its own

Messages say what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def plural(count: int, word: str) -> str:
    """A number and what it counts, for messages."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def excerpt(line: str, column: int, width: int = 100) -> str:
    """The line and a caret below a column of it, which counts from 1; of a long line the part
    around it, in ``width`` columns, with dots where something is left out."""
    start = max(0, column - 1 - width * 3 // 4)
    # Characters that move the cursor would put the caret somewhere else.
    shown = "".join(c if c.isprintable() else " " for c in line[start : start + width])
    if start:
        shown = f"...{shown[3:]}"
    if len(line) > start + width:
        shown = f"{shown[:-3]}..."
    return f"{shown}\n{' ' * (column - 1 - start)}^"


class PcpuError(Exception):
    """Base of every error that pCPU raises on purpose."""

    exit_code = 1


class UsageError(PcpuError):
    """The input is at fault, not the machine."""

    exit_code = 2


class ExpressionError(UsageError):
    """A step expression does not parse or type."""

    def __init__(self, message: str, text: str, column: int | None = None) -> None:
        self.message, self.text, self.column = message, text, column
        shown = [] if column is None else excerpt(text, column).split("\n")
        super().__init__("\n  ".join([message, *shown]))


class IsaError(UsageError):
    """An operation file is wrong at the JSON pointer ``pointer``."""

    def __init__(self, message: str, pointer: str, path: str | None = None) -> None:
        self.message, self.pointer, self.path = message, pointer, path
        super().__init__(_place(path or "ISA", pointer) + message)


def _place(file: str, pointer: str | None) -> str:
    """What a message about a JSON document begins with; the pointer to all of it is empty."""
    return f"{file}#{pointer}: " if pointer else f"{file}: "


@dataclass(frozen=True)
class TextPlace:
    """A place in a program text; ``line`` and ``column`` count from 1, in code points.

    ``file`` is what the text is called in messages.
    """

    text: str
    offset: int
    file: str = "program"

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.offset) + 1

    @property
    def column(self) -> int:
        return self.offset - (self.text.rfind("\n", 0, self.offset) + 1) + 1

    def excerpt(self, width: int = 100) -> str:
        """The source line and a caret below the place, as ``excerpt``."""
        return excerpt(self.text.split("\n")[self.line - 1], self.column, width)


class ProgramError(UsageError):
    """A program is wrong. ``code`` is one of spec/program.md P9.

    ``place`` is set for text, ``pointer`` for JSON, neither for a Program built by hand. ``file``
    is what the program is called in messages, where ``place`` does not say it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        place: TextPlace | None = None,
        pointer: str | None = None,
        file: str = "program",
    ) -> None:
        self.code, self.message, self.place, self.pointer = code, message, place, pointer
        self.file = place.file if place is not None else file
        super().__init__(message)

    def __str__(self) -> str:
        if self.place is not None:
            excerpt = "".join(f"\n  {line}" for line in self.place.excerpt().split("\n"))
            place = f"{self.file}:{self.place.line}:{self.place.column}"
            return f"{place}: {self.message}{excerpt}"
        return _place(self.file, self.pointer) + self.message


class ProgramErrors(ProgramError):
    """Several things wrong with a program; it has the code and the place of the first."""

    def __init__(self, errors: Sequence[ProgramError]) -> None:
        self.errors = tuple(errors)
        first = errors[0]
        super().__init__(first.code, first.message, first.place, first.pointer, first.file)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in getattr(self, "errors", ()))


class TrapError(PcpuError):
    """A check failed while a program ran (spec/pasm.md S17).

    ``line`` is that of the statement in its source, 0 where there is none; ``numbers`` are the
    offending ones.
    """

    def __init__(self, code: str, message: str, line: int, numbers: Sequence[int] = ()) -> None:
        self.code, self.message, self.line, self.numbers = code, message, line, tuple(numbers)
        super().__init__(f"line {line}: {message}" if line else message)


class OutputClosedError(PcpuError):
    """The reader of our output left, as ``head`` does."""

    exit_code = 141


class IprogError(PcpuError):
    """A plan cannot be read or made (spec/iprog.md)."""

    kind = "plan"


class DamagedPlanError(IprogError):
    """What should be a plan is none, is cut off, or breaks a rule of spec/iprog.md."""

    kind = "damaged"


class UnsupportedPlanError(IprogError):
    """A plan uses a version, codec, finder or transform that is not known here."""

    kind = "unsupported"


class WrongBlobError(IprogError):
    """A blob is not the one that the plan was made for."""

    kind = "wrong-blob"


class BankError(PcpuError):
    """A bank of blobs, or a sketch in it, is damaged or of another version (spec/bank.md)."""


class ToolchainError(PcpuError):
    """A tool of the toolchain is missing or failed."""


class EngineError(PcpuError):
    """An engine could not run a program."""


class WorkerError(PcpuError):
    """A Worker refused a request, or the connection to it failed.

    ``code`` is one of spec/http.md H9, or ``unreachable``, ``timeout`` or ``cut-off``, or
    ``url-too-long``; ``status`` is that of the answer, 0 where there was none. ``line``, ``column``
    and ``excerpt`` say where a program's text is wrong, ``pointer`` where JSON is; None where the
    Worker did not say.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        url: str,
        status: int = 0,
        line: int | None = None,
        column: int | None = None,
        excerpt: str | None = None,
        pointer: str | None = None,
    ) -> None:
        self.code, self.detail, self.url, self.status = code, detail, url, status
        self.line, self.column, self.excerpt, self.pointer = line, column, excerpt, pointer
        place = "" if line is None else f":{line}" + ("" if column is None else f":{column}")
        place += "" if pointer is None else f"#{pointer}"
        shown = "".join(f"\n  {part}" for part in (excerpt or "").split("\n") if part)
        super().__init__(f"{url}: " + (f"program{place}: " if place else "") + detail + shown)


class InternalError(PcpuError):
    """pCPU broke a rule of its own: a mistake of ours, not of the caller."""
