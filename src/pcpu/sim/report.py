"""A simulation as one JSON document, which ``simulation.schema.json`` describes."""

from __future__ import annotations

from typing import Any

from pcpu.ir import Program
from pcpu.sim.source import Site
from pcpu.sim.static import Numbers, Static
from pcpu.sim.trace import Change, RegisterChange, Simulation, Step, Where

SHOWN_ROWS = 100  # of an output table
VERSION = 1


def to_json(simulation: Simulation, static: Static) -> dict[str, Any]:
    """The document, of what ``json`` can write."""
    source, outcome, trap = simulation.source, simulation.outcome, simulation.trap
    metrics = simulation.metrics
    checksum = metrics.checksum_out
    return {
        "version": VERSION,
        "program": {"file": source.file, "lines": source.lines},
        "status": simulation.status,
        "trap": trap and {
            "code": trap.error.code,
            "message": trap.error.message,
            "line": trap.place.line,
            "column": trap.place.column,
            "numbers": [*trap.error.numbers],
        },
        "results": outcome and outcome.shown(source.program),
        "tables": {} if outcome is None else _tables(simulation),
        "metrics": {
            "bytes_total": metrics.bytes_total,
            "bytes_touched": metrics.bytes_touched,
            "desc_count": metrics.desc_count,
            "checksum_out": None if checksum is None else f"0x{checksum:08x}",
            "ns": metrics.ns,
        },
        "precision": {
            "clock_ns": round(simulation.precision.clock, 1),
            "probe_ns": round(simulation.precision.probe, 1),
        },
        "static": {
            "target": static.target,
            "instructions": static.total.instructions,
            "vector_bits": static.total.vector_bits,
        },
        "statements": [
            _statement(simulation, site, static.statements[site.number]) for site in source.steps
        ],
        "steps": [_step(step, source.program) for step in simulation.steps],
        "steps_left_out": simulation.left_out,
    }  # fmt: skip


def _tables(simulation: Simulation) -> dict[str, Any]:
    assert simulation.outcome is not None
    source, found = simulation.source, {}
    registers = source.program.registers
    for name, rows in simulation.outcome.tables.items():
        columns = source.columns[name]
        first = [
            [registers[column].show(value) for column, value in zip(columns, row, strict=True)]
            for row in rows[:SHOWN_ROWS]
        ]
        found[name] = {"columns": [*columns], "rows": len(rows), "first": first}
    return found


def _statement(simulation: Simulation, site: Site, numbers: Numbers | None) -> dict[str, Any]:
    total = simulation.totals[site.number]
    return {
        "statement": site.number + 1,
        "line": site.line,
        "text": simulation.source.line(site),
        "canonical": site.canonical,
        "depth": site.depth,
        "loops": [number + 1 for number in site.loops],
        "runs": total.runs,
        "bytes": total.bytes,
        "bytes_touched": total.touched,
        "ns": total.ns,
        "gb_per_s": _rounded(total.rate),
        "static": numbers and {
            "instructions": numbers.instructions,
            "vector_bits": numbers.vector_bits,
            "estimated_cycles_per_byte": _rounded(numbers.cycles_per_byte),
        },
    }  # fmt: skip


def _step(step: Step, program: Program) -> dict[str, Any]:
    return {
        "step": step.index,
        "statement": step.site.number + 1,
        "line": step.site.line,
        "turns": [*step.turns],
        "span": step.where and _span(step.where),
        "bytes_touched": step.touched,
        "done": step.done,
        "ns": step.ns,
        "gb_per_s": _rounded(step.rate),
        "compared": step.compared,
        "change": step.change and _change(step.change),
        "registers": [_register(change, program) for change in step.registers],
    }


def _span(where: Where) -> dict[str, Any]:
    return {"buffer": where.buffer, "offset": where.offset, "length": where.length}


def _change(change: Change) -> dict[str, Any]:
    before, after = f"0x{change.before.hex()}", f"0x{change.after.hex()}"
    return {"offset": change.offset, "before": before, "after": after}


def _register(change: RegisterChange, program: Program) -> dict[str, Any]:
    result = program.registers[change.name]
    before, after = ([result.show(n) for n in ns] for ns in (change.before, change.after))
    return {"name": change.name, "index": change.index, "before": before, "after": after}


def _rounded(value: float | None) -> float | None:
    """Three digits, which is more than is known."""
    return None if value is None else float(f"{value:.3g}")
