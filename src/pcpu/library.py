"""An ISA as its users get it: the package's operations, their files, and vectors that hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from os import PathLike
from pathlib import Path
from random import Random
from typing import Any

from pcpu import interp
from pcpu.errors import IsaError
from pcpu.expr import Const, walk
from pcpu.ir import Instruction, Program, ResultValue, with_names
from pcpu.isa import Immediate, Isa, Op, read_declared, to_bytes, to_int, to_operand

_SHOWN = 80  # characters of a value in a message
_WORK = 1 << 20  # steps that are taken to try a merge, half a second


def load_isa(paths: str | PathLike[str] | Iterable[str | PathLike[str]] = ()) -> Isa:
    """The built-in operations and those declared in ``paths``, or in one path.

    Their vectors and merges are checked. Raises IsaError with the JSON pointer of what is wrong.
    """
    several = [paths] if isinstance(paths, str | PathLike) else paths
    isa, declared = read_declared(Path(path) for path in several)
    for op in declared:  # those of the package are checked by its tests
        check_vectors(op)
        check_merge(op)
    return isa


def check_vectors(op: Op) -> None:
    """Raise IsaError unless the interpreter agrees with the vectors of ``op``."""
    if op.crc is not None:
        program = with_names([(op, (), None)])
        _, (check,) = interp.run(program, b"123456789")
        if check != op.crc.check:
            shown = program.results[0].show(check)
            message = f"these parameters give {shown} for '123456789'"
            raise IsaError(message, f"{op.pointer}/crc/check", op.path)
    for index, vector in enumerate(op.document.get("vectors", [])):
        program = vector_program(op, vector)
        data, results = interp.run(program, to_bytes(vector["data"]))
        expect = vector["expect"]
        fits = results == (vector_result(expect),) if op.has_result else data == to_bytes(expect)
        if not fits:
            shown = program.results[0].show(results[0]) if op.has_result else f"hex:{data.hex()}"
            message = "{} gives {}, not {}".format(op.name, *_apart(str(shown), str(expect)))
            raise IsaError(message, f"{op.pointer}/vectors/{index}/expect", op.path)


def _apart(a: str, b: str) -> Iterator[str]:
    """Two texts that differ; of long ones the part where they begin to."""
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
    start = max(0, alike - _SHOWN // 4)
    for text in (a, b):
        part = text[start : start + _SHOWN]
        more = "..." if len(text) > start + _SHOWN else ""
        yield text if len(text) <= _SHOWN else f"{'...' if start else ''}{part}{more}"


def check_merge(op: Op) -> None:
    """Raise IsaError unless ``merge`` joins the states of two pieces into those of the whole."""
    if op.fold is None or op.merge_expr is None:
        return
    random = Random(op.name)
    left = _WORK
    for instruction, data, cuts in _tried(op, random):
        left -= len(data) * len(cuts) + op.result_count
        if left < 0:
            break
        merge = interp.merge(instruction)
        for cut in cuts:
            first, second, whole = (
                interp.states(instruction, data[begin:end], begin)
                for begin, end in ((0, cut), (cut, len(data)), (0, len(data)))
            )
            # Of an array most numbers are still what init gave: these are tried once.
            for a, b, wanted in dict.fromkeys(zip(first, second, whole, strict=True)):
                if merge(a, b) != wanted:
                    message = (
                        f"merge gives {merge(a, b):#x} for {_piece(data[:cut])} and "
                        f"{_piece(data[cut:])}, and the whole has the state {wanted:#x}"
                    )
                    raise IsaError(message, f"{op.pointer}/fold/merge", op.path)


def _tried(op: Op, random: Random) -> Iterator[tuple[Instruction, bytes, set[int]]]:
    """Operands, data and where they are cut, the shortest first: of any bytes; of bytes near
    numbers that the operation has; and so much of these that counts and places come beyond such
    numbers."""
    steps = [op.step_expr, *([] if op.bin_expr is None else [op.bin_expr])]
    numbers = {node.value for step in steps for node in walk(step) if isinstance(node, Const)}
    for size in (0, 1, 2, 3, 40, 300):
        cuts = {0, size, *(random.randrange(size + 1) for _ in range(4))}
        for chosen in (range(256), None):
            instruction = Instruction(op, tuple(_any_operand(imm, random) for imm in op.immediates))
            data = bytes(random.choices(chosen or _near(numbers, instruction), k=size))
            yield instruction, data, cuts
    for number in sorted(n for n in numbers if 3 < n < _WORK):
        size = 2 * number if number < 1 << 14 else number + 300
        instruction = Instruction(op, tuple(_any_operand(imm, random) for imm in op.immediates))
        same = [bytes([byte]) * size for byte in _near(numbers, instruction)]
        for data in (random.randbytes(size), *same):
            yield instruction, data, {random.randrange(size // 3, number)}


def _near(numbers: set[int], instruction: Instruction) -> list[int]:
    """Bytes beside numbers of an operation and its operands, and one that is none."""
    operands = [n for n in instruction.immediates if isinstance(n, int)]
    near = {n + d for n in (*numbers, *operands) for d in (-1, 0, 1)} & set(range(256))
    return sorted(near | {0xA7})


def _piece(data: bytes) -> str:
    shown = f"hex:{data[:20].hex()}"
    return shown if len(data) <= 20 else f"{shown}... ({len(data)} bytes)"


def _any_operand(imm: Immediate, random: Random) -> int | bytes:
    if imm.sizes is None:
        return random.randrange(1 << imm.bits)
    return random.randbytes(random.randint(*imm.sizes))


def vector_program(op: Op, vector: dict[str, Any]) -> Program:
    """The one-operation program of a vector."""
    operands = [to_operand(vector[imm.name]) for imm in op.immediates]
    return with_names([(op, operands, None)])


def vector_result(expect: Any) -> ResultValue:
    """The result that a vector of an operation with one states."""
    return tuple(map(to_int, expect)) if isinstance(expect, list) else to_int(expect)
