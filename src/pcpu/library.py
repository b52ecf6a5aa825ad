"""An ISA as its users get it: the package's operations, their files, and vectors that hold."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from random import Random
from typing import Any

from pcpu import expr, interp
from pcpu.errors import IsaError
from pcpu.ir import Program, with_names
from pcpu.isa import Isa, Op, read_isa, to_bytes, to_int


def load_isa(paths: Iterable[str | PathLike[str]] = ()) -> Isa:
    """The built-in operations and those declared in ``paths``.

    Their vectors and merges are checked. Raises IsaError with the JSON pointer of what is wrong.
    """
    isa = read_isa(Path(path) for path in paths)
    for op in isa.operations:
        if op.path is not None:  # those of the package are checked by its tests
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
        if op.has_result:
            fits = results[0] == to_int(vector["expect"])
            shown = program.results[0].show(results[0])
        else:
            fits, shown = data == to_bytes(vector["expect"]), f"hex:{data.hex()}"
        if not fits:
            message = f"{op.name} gives {shown}, not {vector['expect']}"
            raise IsaError(message, f"{op.pointer}/vectors/{index}/expect", op.path)


def check_merge(op: Op) -> None:
    """Raise IsaError unless ``merge`` joins the states of two pieces into that of the whole."""
    if op.fold is None or op.merge_expr is None:
        return
    random = Random(op.name)
    names, bits = tuple(imm.name for imm in op.immediates), op.state_bits
    init, step, merge = (
        expr.function(expression, (*parameters, *names), bits)
        for expression, parameters in (
            (op.init_expr, ()), (op.step_expr, ("state", "byte")), (op.merge_expr, ("a", "b")),
        )
    )  # fmt: skip
    for size in (0, 1, 2, 3, 40, 300):
        data = random.randbytes(size)
        imms = [random.randrange(1 << imm.bits) for imm in op.immediates]

        def state(piece: bytes, imms: list[int] = imms) -> int:
            return functools.reduce(lambda s, byte: step(s, byte, *imms), piece, init(*imms))

        for cut in {0, size, *(random.randrange(size + 1) for _ in range(4))}:
            merged = merge(state(data[:cut]), state(data[cut:]), *imms)
            if merged != state(data):
                message = (
                    f"merge gives {merged:#x} for hex:{data[:cut].hex()[:40]} and "
                    f"hex:{data[cut:].hex()[:40]}, and the whole has the state {state(data):#x}"
                )
                raise IsaError(message, f"{op.pointer}/fold/merge", op.path)


def vector_program(op: Op, vector: dict[str, Any]) -> Program:
    """The one-operation program of a vector."""
    immediates = [to_int(vector[imm.name]) for imm in op.immediates]
    return with_names([(op, immediates, None)])
