"""Writes ``operations.py``: the operations as methods with types, from the ISA.

python -m pcpu.sdk.generate
"""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pcpu.ir import MOVES
from pcpu.isa import Op
from pcpu.library import load_isa

PATH = Path(__file__).with_name("operations.py")
HEADER = '''"""The operations as methods. Written by generate.py from the ISA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pcpu.sdk.only import only_in_programs

if TYPE_CHECKING:
    from pcpu.sdk.handles import BytesLike, Number, Numbers, Scalar, SpanLike
'''
BUILDER = '''

class BuilderOperations:
    """What a Builder can do to spans."""

    def _map(self, op: str, span: SpanLike, *operands: object) -> None:
        raise NotImplementedError

    def _fold(self, op: str, name: str | None, span: SpanLike, *operands: object) -> Any:
        raise NotImplementedError

    def _move(self, kind: str, target: SpanLike, *rest: object) -> None:
        raise NotImplementedError
'''
SPAN = '''

class SpanOperations:
    """What a function that is a program can do to its buffers, and to parts of them."""
'''


def source() -> str:
    """The text of operations.py."""
    isa = load_isa()
    parts = [HEADER, BUILDER, *map(_builder_op, isa.operations), *map(_builder_move, MOVES)]
    parts += [SPAN, *map(_span_op, isa.operations), *map(_span_move, MOVES)]
    return "".join(parts)


def method_name(op: str) -> str:
    """The name of an operation as Python can have it."""
    return f"{op}_" if keyword.iskeyword(op) else op


def _operands(op: Op, number: str, content: str) -> Iterator[tuple[str, str]]:
    for imm in op.immediates:
        yield method_name(imm.name), number if imm.sizes is None else content


def _builder_op(op: Op) -> str:
    operands = list(_operands(op, "Scalar", "BytesLike"))
    takes = ", ".join(["self", "span: SpanLike", *(f"{n}: {kind}" for n, kind in operands)])
    given = ", ".join(["span", *(n for n, _ in operands)])
    if not op.has_result:
        return _method(op.name, takes, "None", op.doc, f'self._map("{op.name}", {given})')
    kind = "Numbers" if op.is_array else "Number"
    body = f'return cast("{kind}", self._fold("{op.name}", name, {given}))'
    return _method(op.name, f"{takes}, *, name: str | None = None", kind, op.doc, body)


def _builder_move(kind: str) -> str:
    form = MOVES[kind]
    sources = ["source: SpanLike", "diff: SpanLike"][: form.sources]
    value = {None: [], "byte": ["byte: Scalar"], "bytes": ["content: BytesLike"]}[form.value]
    takes = [*sources, *value]
    given = ", ".join(f'"{kind}"' if n == "" else n for n in ["", "target", *map(_first, takes)])
    signature = ", ".join(["self", "target: SpanLike", *takes])
    return _method(kind, signature, "None", f"Write {form.doc}.", f"self._move({given})")


def _span_op(op: Op) -> str:
    takes = ", ".join(["self", *(f"{n}: {kind}" for n, kind in _operands(op, "int", "bytes"))])
    kind = "None" if not op.has_result else "tuple[int, ...]" if op.is_array else "int"
    return _method(op.name, takes, kind, op.doc, "raise only_in_programs()")


def _span_move(kind: str) -> str:
    form = MOVES[kind]
    sources = ["source: SpanOperations", "diff: SpanOperations"][: form.sources]
    value = {None: [], "byte": ["byte: int"], "bytes": ["content: bytes"]}[form.value]
    signature = ", ".join(["self", *sources, *value])
    return _method(kind, signature, "None", f"Write {form.doc}.", "raise only_in_programs()")


def _first(parameter: str) -> str:
    return parameter.partition(":")[0]


def _method(name: str, takes: str, gives: str, doc: str, body: str) -> str:
    lines = textwrap.wrap(doc, 100 - 8 - 6)
    text = f'"""{lines[0]}"""' if len(lines) == 1 else '"""' + "\n        ".join([*lines, '"""'])
    return f"""
    def {method_name(name)}({takes}) -> {gives}:
        {text}
        {body}
"""


if __name__ == "__main__":
    PATH.write_text(source(), encoding="utf-8")
