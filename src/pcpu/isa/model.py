"""Operations as frozen values. Expressions are kept as text and parsed when first used."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pcpu import expr

Kind = Literal["map", "fold", "crc"]
_INDEX = ("index", expr.INDEX_WIDTH)


@dataclass(frozen=True)
class Immediate:
    """A constant that an operation takes: its name in expressions, and its width in bits or,
    for bytes, the least and the greatest length (``bits`` is 0 then)."""

    name: str
    bits: int
    sizes: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        sizes = {} if self.sizes is None else {"sizes": list(self.sizes)}
        return {"name": self.name, "bits": self.bits, **sizes}


@dataclass(frozen=True)
class Fold:
    """state = init; for each byte: state = step; result = finish.

    With ``bins`` there are so many states, and a byte is for number ``bin`` modulo that.
    """

    state_bits: int
    init: str
    step: str
    merge: str | None
    finish: str | None
    bins: int | None = None
    bin: str | None = None


@dataclass(frozen=True)
class CrcModel:
    """The parameters of Ross Williams' Rocksoft model ("A painless guide to CRC", 1993)."""

    width: int
    poly: int
    init: int
    refin: bool
    refout: bool
    xorout: int
    check: int


@dataclass(frozen=True)
class Op:
    """One operation. Exactly one of ``map``, ``fold`` and ``crc`` is set.

    ``document`` is the declaration as it was read. ``path`` and ``pointer`` say where a
    user's operation comes from; ``path`` is None for those of the package.
    """

    name: str
    opcode: int
    aliases: tuple[str, ...]
    args: tuple[str, ...]
    immediates: tuple[Immediate, ...]
    returns: str
    doc: str
    document: dict[str, Any]
    map: str | None = None
    fold: Fold | None = None
    crc: CrcModel | None = None
    path: str | None = None
    pointer: str = ""

    @property
    def kind(self) -> Kind:
        return "map" if self.map is not None else "fold" if self.fold is not None else "crc"

    @property
    def has_result(self) -> bool:
        return self.map is None

    @property
    def state_bits(self) -> int:
        """Width of a state as it travels between calls: 8, 16, 32 or 64; 0 for a map."""
        if self.fold is not None:
            return self.fold.state_bits
        if self.crc is not None:
            return max(8, 1 << (self.crc.width - 1).bit_length())
        return 0

    @property
    def result_count(self) -> int:
        """How many numbers the result is, and how many states there are; 0 for a map."""
        if self.fold is not None and self.fold.bins is not None:
            return self.fold.bins
        return int(self.has_result)

    @property
    def is_array(self) -> bool:
        """Whether the result is a list of numbers."""
        return self.fold is not None and self.fold.bins is not None

    @property
    def is_plain_fold(self) -> bool:
        """Whether it is a fold whose state is one number."""
        return self.fold is not None and self.fold.bins is None

    @property
    def uses_index(self) -> bool:
        """Whether the place of a byte in the stream is part of the meaning."""
        # By the word and not by the tree: a program that is compiled already needs no parser.
        texts = (self.map, *((self.fold.step, self.fold.bin) if self.fold else ()))
        return any(text is not None and re.search(r"\bindex\b", text) for text in texts)

    @property
    def result_bits(self) -> int:
        """Width of the result; 0 for a map."""
        if self.returns.startswith("u"):
            return int(self.returns[1:])
        return self.crc.width if self.crc is not None else self.state_bits

    # The expressions, typed. Each raises ExpressionError where the text is wrong.

    @cached_property
    def map_expr(self) -> expr.Expr:
        assert self.map is not None
        return expr.parse(self.map, (("byte", 8), _INDEX, *self._imm_widths), 8)

    @cached_property
    def init_expr(self) -> expr.Expr:
        assert self.fold is not None
        return expr.parse(self.fold.init, self._imm_widths, self.fold.state_bits)

    @cached_property
    def step_expr(self) -> expr.Expr:
        assert self.fold is not None
        bits = self.fold.state_bits
        names = (("byte", 8), ("state", bits), _INDEX, *self._imm_widths)
        return expr.parse(self.fold.step, names, bits)

    @cached_property
    def bin_expr(self) -> expr.Expr | None:
        assert self.fold is not None
        if self.fold.bin is None:
            return None
        names = (("byte", 8), _INDEX, *self._imm_widths)
        return expr.parse(self.fold.bin, names, expr.INDEX_WIDTH)

    @cached_property
    def merge_expr(self) -> expr.Expr | None:
        assert self.fold is not None
        if self.fold.merge is None:
            return None
        bits = self.fold.state_bits
        names = (("a", bits), ("b", bits), *self._imm_widths)
        return expr.parse(self.fold.merge, names, bits)

    @cached_property
    def finish_expr(self) -> expr.Expr:
        assert self.fold is not None
        if self.fold.finish is None:
            return expr.Var("state")
        bits = self.fold.state_bits
        return expr.parse(self.fold.finish, (("state", bits), *self._imm_widths), bits)

    @property
    def terms(self) -> int:
        """How many names, constants and operators each byte costs, as a measure of code."""
        bodies: list[expr.Expr | None] = []
        if self.map is not None:
            bodies = [self.map_expr]
        elif self.fold is not None:
            bodies = [self.step_expr, self.bin_expr]
        return sum(1 for body in bodies if body is not None for _ in expr.walk(body))

    @property
    def _imm_widths(self) -> tuple[tuple[str, int], ...]:
        return tuple((i.name, expr.BYTES if i.sizes else i.bits) for i in self.immediates)

    def to_json(self) -> dict[str, Any]:
        """What ``pcpu isa --json`` prints and a module's manifest holds."""
        derived: dict[str, Any] = {
            "op": self.name,
            "opcode": self.opcode,
            "aliases": list(self.aliases),
            "kind": self.kind,
            "args": list(self.args),
            "immediates": [imm.to_json() for imm in self.immediates],
            "uses_index": self.uses_index,
            "returns": self.returns,
            "doc": self.doc,
        }
        if self.has_result:
            derived |= {
                "state_bits": self.state_bits,
                "result_bits": self.result_bits,
                "result_count": self.result_count,
            }
        meaning = {key: self.document[key] for key in ("map", "fold", "crc", "vectors")
                   if key in self.document}  # fmt: skip
        return derived | meaning


@dataclass(frozen=True)
class Isa:
    """The operations that programs may use, in the order of their opcodes."""

    operations: tuple[Op, ...]

    @cached_property
    def _by_name(self) -> dict[str, Op]:
        return {name: op for op in self.operations for name in (op.name, *op.aliases)}

    def find(self, name: str) -> Op | None:
        """The operation with that name or alias."""
        return self._by_name.get(name)

    def only(self, operations: Collection[Op]) -> Isa:
        """Without all others: less to compile."""
        return Isa(tuple(op for op in self.operations if op in operations))

    def suggest(self, name: str) -> str | None:
        """The known name closest to an unknown one."""
        close = difflib.get_close_matches(name[:64], self._by_name, n=1)
        return close[0] if close else None

    @cached_property
    def digest(self) -> str:
        """``sha256:...`` of the canonical JSON of all operations."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {"operations": [op.to_json() for op in self.operations]}
