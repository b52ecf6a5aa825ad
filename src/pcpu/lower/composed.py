"""Maps that are one table: where one of them looks bytes up and what all of them make of a byte is
known when compiling, one look-up does for them what took one each. A map that looks up in fewer
bytes than 256 is such a table, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcpu.expr import Index, Var, function
from pcpu.isa import Immediate
from pcpu.lower.code import Code
from pcpu.lower.kernels.few_rows import ROWS, rows_of
from pcpu.lower.kernels.table import SIZE
from pcpu.lower.stage import Bytes, Stage

_TABLE = Immediate("table", 0, (SIZE, SIZE))
_SINGLE = 4 * ROWS  # what single bytes take where a look-up of a few rows takes as many


def composed(code: Code, stages: Sequence[Stage]) -> list[Stage]:
    """The same in fewer stages."""
    found: list[Stage] = []
    for stage in stages:
        found.append(_whole(code, stage))
        while len(found) > 1 and (both := _both(code, found[-2], found[-1])) is not None:
            found[-2:] = [both]
    return found


def _whole(code: Code, stage: Stage) -> Stage:
    """A map that looks up in other tables than those of 256 bytes as one of these."""
    sizes = {len(table.content) for table in stage.bytes.values() if table.content is not None}
    values = _values(stage) if sizes - {SIZE} else None
    if values is None:
        return stage
    op = replace(stage.op, map=f"{_TABLE.name}[byte]", immediates=(_TABLE,))
    return replace(stage, op=op, immediates=(_bytes(code, values),))


def _both(code: Code, first: Stage, second: Stage) -> Stage | None:
    """Two maps as one that looks up, unless they take less as they are."""
    a, b = _values(first), _values(second)
    pure = next((stage for stage in (first, second) if _operand(stage) is not None), None)
    if a is None or b is None or pure is None:
        return None
    values = bytes(b[byte] for byte in a)
    apart = sum(_cost(t) for s, t in ((first, a), (second, b)) if s.bytes)
    if code.target.plain_engine and _cost(values) > apart:
        return None
    names = [imm.name for imm in pure.op.immediates]
    operands = [
        _bytes(code, values) if name == _operand(pure) else value
        for name, value in zip(names, pure.immediates, strict=True)
    ]
    return replace(pure, immediates=tuple(operands))


def _bytes(code: Code, table: bytes) -> Bytes:
    return Bytes(code.array(table), code.size(SIZE), table)


def _cost(table: bytes) -> int:
    """What WebAssembly takes for a table: kernels have two rows or four, or single bytes."""
    rows = rows_of(table)
    return _SINGLE if rows > ROWS else ROWS if rows > ROWS // 2 else ROWS // 2


def _values(stage: Stage) -> bytes | None:
    """What a map makes of each byte; None where that hangs on more, or is not known."""
    op, tables = stage.op, stage.bytes
    known: dict[str, int | bytes] = {**stage.constants}
    known |= {name: t.content for name, t in tables.items() if t.content is not None}
    if op.kind != "map" or op.uses_index or len(known) < len(op.immediates):
        return None
    return bytes(map(function(op.map_expr, ("byte",), 8, known), range(SIZE)))


def _operand(stage: Stage) -> str | None:
    """The operand of 256 bytes that a map is a look-up in, and nothing else."""
    if stage.op.kind != "map":
        return None
    match stage.op.map_expr:
        case Index(name, Var("byte")):
            content = stage.bytes[name].content
            return name if content is not None and len(content) == SIZE else None
    return None
