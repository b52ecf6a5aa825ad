"""The only reader of operation files.

Package files are trusted, being tested, and read without the schema, which takes 0.15 s
to import; a user's files are validated first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from pcpu.errors import ExpressionError, IsaError
from pcpu.isa.model import CrcModel, Fold, Immediate, Isa, Op

FIRST_USER_OPCODE, LAST_OPCODE = 1024, 65535
MAX_FILE = 16 << 20
_DIGITS = 4300  # of a number that Python reads
# A kernel's exports are pcpu_OP and pcpu_OP_init, _update, _finish.
RESERVED_SUFFIXES = ("_init", "_update", "_finish")
RESERVED_NAMES = frozenset(["nop", "init", "update", "finish", "run"])
# What begins other lines of pASM, and what its bytes are called (spec/pasm.md S2, S6).
PASM_NAMES = frozenset([
    "if", "else", "end", "repeat", "each", "fuse", "copy", "copyxor", "copyadd", "adddiff", "fill",
    "lit", "data",
])  # fmt: skip
TAKEN_NAMES = frozenset(["byte", "state", "index", "a", "b", "data", "expect", "source"])
DERIVED = ("kind", "immediates", "uses_index", "state_bits", "result_bits", "result_count")
MAX_SIZE = 65536  # of an operand that is bytes


def read_isa(paths: Iterable[Path] = ()) -> Isa:
    """The operations of the package and those of the user's ``paths``.

    Raises IsaError with a JSON pointer where a file is wrong. Vectors are not run here:
    ``pcpu.library.load_isa`` does that.
    """
    return read_declared(paths)[0]


def read_declared(paths: Iterable[Path]) -> tuple[Isa, list[Op]]:
    """``read_isa``, and what has to be tried of the user's ``paths``: their operations, and those
    that they name again, with the vectors that they give for them."""
    operations = list(_builtin())
    declared: list[Op] = []
    for path in paths:
        _Reader(path, operations, declared).add(_read_json(path))
    return Isa(tuple(sorted(operations, key=lambda op: op.opcode))), declared


def to_bytes(text: str) -> bytes:
    """The bytes that ``hex:...`` or ``utf8:...`` of a vector stand for."""
    form, _, value = text.partition(":")
    return bytes.fromhex(value) if form == "hex" else value.encode()


def _builtin() -> Iterator[Op]:
    for file in sorted((files("pcpu.isa") / "ops").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            document = json.loads(file.read_text("utf-8"))
            yield _op(document, document["opcode"])


def to_operand(value: int | str) -> int | bytes:
    """The operand that a member of a vector stands for."""
    return to_bytes(str(value)) if is_bytes(value) else to_int(value)


def is_bytes(value: Any) -> bool:
    """Whether a member of a vector stands for bytes."""
    return isinstance(value, str) and value.startswith(("hex:", "utf8:"))


def to_int(value: int | str) -> int:
    """The integer that a number of an operation file stands for."""
    if isinstance(value, int):
        return value
    return int(value, 16) if value.startswith("0x") else int(value)


def _immediate(arg: str) -> Immediate:
    name, _, kind = arg.rpartition(":")
    if kind.startswith("imm"):
        return Immediate(name or kind, int(kind.removeprefix("imm")))
    least, _, most = kind.removeprefix("bytes").partition("-")
    return Immediate(name, 0, (int(least), int(most or least)))


def _op(document: dict[str, Any], opcode: int, path: str | None = None, pointer: str = "") -> Op:
    fold, crc = document.get("fold"), document.get("crc")
    return Op(
        name=document["op"],
        opcode=opcode,
        aliases=tuple(document.get("aliases", ())),
        args=tuple(document["args"]),
        immediates=tuple(_immediate(arg) for arg in document["args"][1:]),
        returns=document["returns"],
        doc=document.get("doc", ""),
        document=document,
        map=document.get("map"),
        fold=fold
        and Fold(
            state_bits=int(fold["state"][1:]),
            init=fold["init"],
            step=fold["step"],
            merge=fold.get("merge"),
            finish=fold.get("finish"),
            bins=fold.get("bins"),
            bin=fold.get("bin"),
        ),
        crc=crc
        and CrcModel(
            width=crc["width"],
            poly=to_int(crc["poly"]),
            init=to_int(crc["init"]),
            refin=crc["refin"],
            refout=crc["refout"],
            xorout=to_int(crc["xorout"]),
            check=to_int(crc["check"]),
        ),
        path=path,
        pointer=pointer,
    )


def _read_json(path: Path) -> Any:
    def fail(message: str) -> IsaError:
        return IsaError(message, "", str(path))

    try:
        with path.open("rb") as file:  # a device has no size to ask for
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise fail(f"the file is larger than {MAX_FILE} bytes")
        document = json.loads(
            content.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_integer,
        )
        json.dumps(document, ensure_ascii=False).encode()
    except OSError as error:
        raise fail(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise fail(f"not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise fail("a string holds a lone surrogate, which is no character") from None
    except json.JSONDecodeError as error:
        raise fail(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except ValueError as error:
        raise fail(f"not JSON: {error}") from None
    except RecursionError:
        raise fail("nested too deeply") from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the member {name!r} stands twice in one object")
        members[name] = value
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text)} digits is larger than any here")
    return int(text)


def _number(text: str) -> float:
    # JSON has one kind of number: 8.0 is the integer 8.
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _pointer(parts: Iterable[str | int]) -> str:
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)


class _Reader:
    """Adds the operations of one user's file to ``operations``, and what is to be tried of them to
    ``declared``."""

    def __init__(self, path: Path, operations: list[Op], declared: list[Op]) -> None:
        self.path, self.operations, self.declared = path, operations, declared

    def fail(self, message: str, pointer: str) -> IsaError:
        return IsaError(message, pointer, str(self.path))

    def add(self, document: Any) -> None:
        self.validate(document)
        if "operations" not in document:
            self.add_op(document, "")
            return
        for index, member in enumerate(document["operations"]):
            self.add_op(member, f"/operations/{index}")

    def validate(self, document: Any) -> None:
        from pcpu.isa.schema import fault  # which loads jsonschema, for users' files alone

        found = fault(document)
        if found is not None:
            message, parts = found
            raise self.fail(message, _pointer(parts))

    def add_op(self, document: dict[str, Any], at: str) -> None:
        meanings = [key for key in ("map", "fold", "crc") if key in document]
        known = next((op for op in self.operations if op.name == document["op"]), None)
        if known is not None:
            self.check_known(known, document, at)
            return
        if len(meanings) != 1:
            raise self.fail(
                f"{document['op']!r} is not a known operation, so it needs exactly one of "
                f"'map', 'fold' and 'crc' ({len(meanings)} given)",
                at,
            )
        op = _op(document, document.get("opcode", self.free_opcode()), str(self.path), at)
        self.check_names(op, at)
        self.check_meaning(op, at)
        self.check_derived(op, document, at)
        self.check_vectors(op, at)
        self.operations.append(op)
        self.declared.append(op)

    def free_opcode(self) -> int:
        return max(FIRST_USER_OPCODE - 1, *(op.opcode for op in self.operations)) + 1

    def check_known(self, known: Op, document: dict[str, Any], at: str) -> None:
        """A known operation may be named again, but not given another meaning."""
        told = known.to_json()
        for key, value in document.items():
            if key not in ("op", "doc", "vectors", "$schema") and value != told.get(key):
                raise self.fail(
                    f"{known.name!r} exists already with another {key!r}; choose another name",
                    f"{at}/{key}",
                )
        vectors = document.get("vectors", [])
        if vectors != known.document.get("vectors", []):  # or they have been run
            told = known.document | {"vectors": vectors}
            op = replace(known, document=told, path=str(self.path), pointer=at)
            self.check_vectors(op, at)
            self.declared.append(op)

    def check_derived(self, op: Op, document: dict[str, Any], at: str) -> None:
        """Members that follow from others, as ``pcpu isa --json`` prints them, have to fit."""
        told = op.to_json()
        for key in DERIVED:
            if key in document and document[key] != told.get(key):
                raise self.fail(f"does not fit the rest; leave {key!r} out", f"{at}/{key}")

    def check_names(self, op: Op, at: str) -> None:
        taken = {name for other in self.operations for name in (other.name, *other.aliases)}
        places = [(op.name, f"{at}/op")]
        places += [(alias, f"{at}/aliases/{i}") for i, alias in enumerate(op.aliases)]
        for name, pointer in places:
            if name in taken:
                raise self.fail(f"the name {name!r} is taken", pointer)
            if name in RESERVED_NAMES | PASM_NAMES or name.endswith(RESERVED_SUFFIXES):
                raise self.fail(f"the name {name!r} is reserved", pointer)
            taken.add(name)
        if op.opcode > LAST_OPCODE:
            raise self.fail(f"no opcode is free above {LAST_OPCODE}; give one", f"{at}/opcode")
        for other in self.operations:
            if other.opcode == op.opcode:
                raise self.fail(f"opcode {op.opcode} is that of {other.name!r}", f"{at}/opcode")
        seen: set[str] = set()
        for index, imm in enumerate(op.immediates, start=1):
            if imm.name in seen or imm.name in TAKEN_NAMES:
                kind = op.args[index].rpartition(":")[2]
                raise self.fail(
                    f"the immediate name {imm.name!r} is taken; write 'key:{kind}'",
                    f"{at}/args/{index}",
                )
            if imm.sizes is not None and not 1 <= imm.sizes[0] <= imm.sizes[1] <= MAX_SIZE:
                message = f"bytes are 1 to {MAX_SIZE}, the least number first"
                raise self.fail(message, f"{at}/args/{index}")
            seen.add(imm.name)

    def check_meaning(self, op: Op, at: str) -> None:
        if (op.returns == "data") != (op.kind == "map"):
            raise self.fail(
                f"a {op.kind} returns {'data' if op.kind == 'map' else 'a result, not data'}",
                f"{at}/returns",
            )
        if op.crc is not None:
            self.check_crc(op.crc, op, at)
        elif op.has_result and op.result_bits > op.state_bits:
            raise self.fail(f"wider than the state (u{op.state_bits})", f"{at}/returns")
        if op.map is not None:
            parts = [("map", "map_expr")]
        elif op.fold is not None:
            names = ("init", "step", "bin", "merge", "finish")
            parts = [(f"fold/{name}", f"{name}_expr") for name in names]
        else:
            return
        for pointer, attribute in parts:
            try:
                getattr(op, attribute)
            except ExpressionError as error:
                raise self.fail(str(error), f"{at}/{pointer}") from None

    def check_crc(self, crc: CrcModel, op: Op, at: str) -> None:
        for name in ("poly", "init", "xorout", "check"):
            if getattr(crc, name) >> crc.width:
                raise self.fail(f"does not fit in {crc.width} bits", f"{at}/crc/{name}")
        if op.immediates:
            raise self.fail("a crc takes no immediates", f"{at}/args/1")
        if op.returns == "count" or op.result_bits != crc.width:
            raise self.fail(f"must be 'u{crc.width}', 'checksum' or 'hash'", f"{at}/returns")

    def check_vectors(self, op: Op, at: str) -> None:
        """That each vector has the operation's immediates and a fitting expectation."""
        names = [imm.name for imm in op.immediates]
        for index, vector in enumerate(op.document.get("vectors", [])):
            pointer = f"{at}/vectors/{index}"
            if vector.keys() - {"data", "expect", "source"} != set(names):
                wanted = ", ".join(names) or "none"
                raise self.fail(f"the immediates of {op.name} are: {wanted}", pointer)
            for imm in op.immediates:
                self.check_operand(imm, vector[imm.name], f"{pointer}/{imm.name}")
            self.check_expectation(op, vector["expect"], f"{pointer}/expect")

    def check_operand(self, imm: Immediate, value: int | str, pointer: str) -> None:
        operand = to_operand(value)
        if imm.sizes is None:
            if isinstance(operand, bytes):
                raise self.fail(f"{imm.name} is a number", pointer)
            if operand >> imm.bits:
                raise self.fail(f"does not fit in {imm.bits} bits", pointer)
            return
        if not isinstance(operand, bytes):
            raise self.fail(f"{imm.name} is bytes ('hex:...')", pointer)
        least, most = imm.sizes
        if not least <= len(operand) <= most:
            raise self.fail(f"{len(operand)} bytes, and {imm.name} has {least} to {most}", pointer)

    def check_expectation(self, op: Op, expect: Any, pointer: str) -> None:
        if op.is_array:
            fits, kind = isinstance(expect, list), f"an array of {op.result_count} numbers"
            fits = fits and len(expect) == op.result_count
        elif op.kind == "map":
            fits, kind = is_bytes(expect), "bytes ('hex:...')"
        else:
            fits, kind = not isinstance(expect, list) and not is_bytes(expect), "a number"
        if not fits:
            raise self.fail(f"{op.name} gives {kind}", pointer)
