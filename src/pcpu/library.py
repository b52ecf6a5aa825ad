"""An ISA as its users get it: the package's operations, their files, and vectors that hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pcpu import interp
from pcpu.errors import IsaError
from pcpu.ir import Program, with_names
from pcpu.isa import Isa, Op, read_isa, to_bytes, to_int


def load_isa(paths: Iterable[Path] = ()) -> Isa:
    """The built-in operations and those declared in ``paths``, whose vectors are checked.

    Raises IsaError with the JSON pointer of what is wrong.
    """
    isa = read_isa(paths)
    for op in isa.operations:
        if op.path is not None:  # those of the package are checked by its tests
            check_vectors(op)
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


def vector_program(op: Op, vector: dict[str, Any]) -> Program:
    """The one-operation program of a vector."""
    immediates = [to_int(vector[imm.name]) for imm in op.immediates]
    return with_names([(op, immediates, None)])
