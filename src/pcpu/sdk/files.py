"""Programs over files and pipes."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pcpu.artifact import open_output, write_all
from pcpu.errors import PcpuError, UsageError
from pcpu.run.buffer import copied
from pcpu.run.engine import BLOCK, block_size
from pcpu.sdk.outcome import Outcome

if TYPE_CHECKING:
    from pcpu.sdk.compiled import Compiled

Target = str | os.PathLike[str] | IO[bytes]


def run_file(
    compiled: Compiled,
    source: Target,
    target: Target | None,
    threads: int,
    named: Mapping[str, Any],
) -> Outcome:
    """Run over the file ``source`` (a path, or a binary file object such as a pipe).

    The changed data, or of a program that does not change it its one output, goes to ``target``:
    to a file object, or to a file that appears whole or not at all. The results are in the
    outcome. Programs over streams read block after block, in memory that does not grow; whole
    ones map the file. Other buffers and parameters come by name; a buffer may be the Path of a
    file, which is mapped.

    Raises UsageError (what cannot be opened or does not fit), PcpuError (reading or writing
    fails), OutputClosedError (the reader of a pipe left) and TrapError.
    """
    with ExitStack() as stack:
        file = stack.enter_context(_opened(source))
        if (running := compiled.streaming(named)) is not None:
            session = running[0].session(running[1], threads)
            sink = None if target is None else stack.enter_context(opened_target(target))
            for block in _blocks(file, block_size(threads)):
                session.update(block, in_place=True)
                if sink is not None:
                    write_all(sink, block)
            return Outcome(None, session.results())
        return _run_whole(compiled, file, target, threads, named, stack)


def _run_whole(
    compiled: Compiled,
    file: IO[bytes],
    target: Target | None,
    threads: int,
    named: Mapping[str, Any],
    stack: ExitStack,
) -> Outcome:
    """``stack`` closes what is mapped, once nothing looks at it any more."""
    main = compiled.main_input
    if main is None:
        raise UsageError("the program has no input that a file could be")
    program = compiled.program
    changed = {b.name for b in program.buffers if b.role == "inout"} & program.written
    values = {
        name: stack.enter_context(_mapped(value, writable=name in changed))
        for name, value in named.items()
    }
    values[main] = data = stack.enter_context(_whole(file, writable=main in changed))
    outcome = compiled(**values, in_place=True, threads=threads)
    if target is not None:
        with opened_target(target) as sink, memoryview(_left(outcome)) as left:
            write_all(sink, left.cast("B"))
    kept = {
        name: bytearray(content) if isinstance(content, mmap.mmap) else content
        for name, content in outcome.outputs.items()
        if content is not data
    }
    return Outcome(None, outcome.results, kept, outcome.tables)


def _opened(source: Target) -> AbstractContextManager[IO[bytes]]:
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "read"):
            kind = type(source).__name__
            raise UsageError(f"the source is a path or a binary file object, not {kind}")
        return nullcontext(source)
    try:
        return Path(source).open("rb", buffering=0)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{os.fspath(source)} cannot be read: {reason}") from None


def opened_target(target: Target) -> AbstractContextManager[IO[bytes]]:
    """A file that appears whole or not at all, or the caller's file object."""
    if isinstance(target, str | os.PathLike):
        return open_output(Path(target))
    return nullcontext(target)


def _blocks(file: IO[bytes], size: int) -> Iterator[memoryview]:
    """The file in one buffer that is used again and again."""
    buffer = memoryview(bytearray(size))
    while count := _read_into(file, buffer):
        yield buffer[:count]


def _read_into(file: IO[bytes], buffer: memoryview) -> int:
    try:
        if hasattr(file, "readinto"):
            count: int | None = file.readinto(buffer)
            if count is None:
                raise PcpuError("the data cannot be read: the file does not wait for it")
            return count
        content = file.read(len(buffer))
    except OSError as error:
        raise PcpuError(f"the data cannot be read: {error.strerror}") from None
    if isinstance(content, str):
        raise UsageError("the file gives text; open it in binary mode, 'rb'")
    buffer[: len(content)] = content
    return len(content)


def _whole(file: IO[bytes], *, writable: bool) -> AbstractContextManager[Any]:
    """All of a file from where it stands: mapped where it can be, changes staying private."""
    try:
        if file.tell() == 0 and os.fstat(file.fileno()).st_size:
            access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
            return mmap.mmap(file.fileno(), 0, access=access)
    except (OSError, ValueError):
        pass  # a pipe, or no file of the system's
    content = bytearray()
    for block in _blocks(file, BLOCK):
        content += block
    return nullcontext(content)


def _mapped(value: Any, *, writable: bool) -> AbstractContextManager[Any]:
    """The file that a Path names; any other value as it is, or copied before it is changed."""
    if not isinstance(value, os.PathLike):
        return nullcontext(copied(value) if writable else value)
    with _opened(value) as file:
        return _whole(file, writable=writable)


def _left(outcome: Outcome) -> Any:
    """What goes to the target: the changed data, or else the one output."""
    left = outcome.outputs if outcome.data is None else {"data": outcome.data}
    if len(left) != 1:
        names = ", ".join(left) or "nothing"
        raise UsageError(f"the program leaves {names}, and one buffer can be written; use a call")
    return next(iter(left.values()))
