"""``pcpu isa``: the table of operations, and all about one of them, from their declarations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pcpu.ir import Result, show_bytes
from pcpu.isa import Immediate, Isa, Op, to_bytes, to_operand
from pcpu.library import vector_result
from pcpu.target import Target

LONGEST = 60  # characters of data in an example


def print_table(isa: Isa) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("op", "code", "kind", "operands", "returns", "what it does"):
        table.add_column(heading, no_wrap=heading not in ("operands", "what it does"))
    for op in isa.operations:
        names = " ".join([op.name, *(f"({alias})" for alias in op.aliases)])
        returns = f"{op.result_count} x {op.returns}" if op.is_array else op.returns
        row = (names, str(op.opcode), op.kind, " ".join(op.args[1:]), returns, op.doc)
        # Text, since a description may hold what rich would take for its markup.
        table.add_row(*(Text(_printable(x)) for x in row))
    Console().print(table)


def describe(op: Op) -> list[str]:
    """The lines of the page of ``op``."""
    facts = [
        ("program", " ".join([op.name, *(imm.name.upper() for imm in op.immediates)])),
        *((imm.name.upper(), _range(imm)) for imm in op.immediates),
        ("kind", f"{op.kind}, opcode {op.opcode}"),
        *([("aliases", ", ".join(op.aliases))] if op.aliases else []),
        ("returns", _returns(op)),
        *_meaning(op),
        *_kernels(op),
    ]
    lines = [f"{op.name}: {op.doc}" if op.doc else op.name, ""]
    lines += [f"  {name:<9} {value}" for name, value in facts]
    examples = [line for vector in op.document.get("vectors", []) for line in _example(op, vector)]
    if examples:
        lines += ["", "Examples, whose results come from elsewhere:", "", *examples]
    return [_printable(line) for line in lines]


def _kernels(op: Op) -> Iterator[tuple[str, str]]:
    """The forms that the operation gets on this machine and in WebAssembly."""
    from pcpu import targets  # LLVM, which only this page of the reference needs
    from pcpu.lower.fuse import in_parts

    for heading, name in (("kernel", "host"), ("in wasm", "wasm")):
        target = targets.find(name)
        shown = dict.fromkeys(
            line for part in in_parts(op, target) for line in _kernel(part, target)
        )
        yield from zip([heading, *[""] * len(shown)], shown, strict=False)


def _kernel(op: Op, target: Target) -> Iterator[str]:
    from pcpu.lower.kernels import select

    kernel = select(op, target)
    yield f"{kernel.name}: {kernel.doc}"
    if why := kernel.why(op, target):
        yield why


def compact(numbers: Sequence[int | str]) -> str:
    """Several numbers on one line: those that are not 0, each after its place."""
    digits = (len(numbers) - 1).bit_length() + 3 >> 2
    shown = (f"0x{i:0{digits}x}:{n}" for i, n in enumerate(numbers) if not _is_zero(n))
    return " ".join(shown) or "all 0"


def _is_zero(number: int | str) -> bool:
    return (number if isinstance(number, int) else int(number, 16)) == 0


def _range(imm: Immediate) -> str:
    if imm.sizes is None:
        return f"a number, 0 to {(1 << imm.bits) - 1}"
    least, most = imm.sizes
    sizes = f"{least}" if least == most else f"{least} to {most}"
    return f"{sizes} bytes, as 0x and two hexadecimal digits each"


def _returns(op: Op) -> str:
    if op.kind == "map":
        return "the data, changed"
    many = f"{op.result_count} numbers" if op.is_array else "a number"
    return many if op.returns == "count" else f"{many} of {op.result_bits} bits, in hexadecimal"


def _meaning(op: Op) -> Iterator[tuple[str, str]]:
    if op.map is not None:
        yield "map", f"byte = {op.map}"
    if op.fold is not None:
        fold = op.fold
        yield "state", f"u{fold.state_bits}" + (f", {fold.bins} of them" if op.is_array else "")
        parts = {"init": fold.init, "bin": fold.bin, "step": fold.step, "finish": fold.finish}
        parts["merge"] = fold.merge or "none: one thread only"
        yield from ((name, text) for name, text in parts.items() if text is not None)
    if op.crc is not None:
        crc, digits = op.crc, (op.crc.width + 3) // 4
        for name, value in (("poly", crc.poly), ("init", crc.init), ("xorout", crc.xorout)):
            yield name, f"0x{value:0{digits}x}"
        yield "reflected", f"{_yes(crc.refin)} in, {_yes(crc.refout)} out"
        yield "check", f"0x{crc.check:0{digits}x} of 123456789"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _example(op: Op, vector: dict[str, Any]) -> Iterator[str]:
    operands = (to_operand(vector[imm.name]) for imm in op.immediates)
    words = (show_bytes(o) if isinstance(o, bytes) else str(o) for o in operands)
    yield f"  {' '.join([op.name, *map(_cut, words)])}"
    yield f"    of     {_data(to_bytes(vector['data']))}"
    yield f"    gives  {_expected(op, vector['expect'])}"
    if source := vector.get("source"):
        yield f"    source {source}"


def _expected(op: Op, expect: Any) -> str:
    if op.kind == "map":
        return _data(to_bytes(expect))
    shown = Result(op.name, op.returns, op.result_bits).show(vector_result(expect))
    return compact(shown) if isinstance(shown, list) else str(shown)


def _data(data: bytes) -> str:
    """As text in quotes where it is such, else in hexadecimal."""
    if not data:
        return "nothing"
    text = data.decode("ascii", "replace")
    readable = all(c.isprintable() or c == "\n" for c in text) and data.isascii()
    return _cut(repr(text) if readable else show_bytes(data))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
