"""JavaScript for an operation, written from its declaration: the baseline of those without one.

It is the plain loop, a byte after the other: what anyone would write first. Values of up to 32
bits are numbers, wider ones BigInts. An operand that is bytes is a Uint8Array, an array's result
an Array.
"""

from __future__ import annotations

from dataclasses import dataclass

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Index, Var
from pcpu.isa import CrcModel, Op


def source(op: Op) -> str:
    """A module that exports ``plain(bytes, imm...)``: it changes the bytes or returns a value."""
    parameters = ", ".join(["bytes", *(imm.name for imm in op.immediates)])
    body = _crc(op.crc) if op.crc is not None else _map(op) if op.kind == "map" else _fold(op)
    return f"export function plain({parameters}) {{\n{body}}}\n"


def _map(op: Op) -> str:
    value = _Writer(8).write(op.map_expr)
    return f"""  for (let i = 0; i < bytes.length; i++) {{
{_names(op, wide=False)}    bytes[i] = {value};
  }}
"""


def _fold(op: Op) -> str:
    writer = _Writer(op.state_bits)
    wide = op.state_bits > 32
    # Immediates become as wide as the state; their names stay.
    numbers = [imm.name for imm in op.immediates if imm.sizes is None and wide]
    widened = "".join(f"  {name} = BigInt({name});\n" for name in numbers)
    init, step, finish = map(writer.write, (op.init_expr, op.step_expr, op.finish_expr))
    if op.bin_expr is None:
        return f"""{widened}  let state = {init};
  for (let i = 0; i < bytes.length; i++) {{
{_names(op, wide)}    state = {step};
  }}
  return {finish};
"""
    return f"""{widened}  const states = Array.from({{ length: {op.result_count} }}, () => {init});
  for (let i = 0; i < bytes.length; i++) {{
{_names(op, wide)}    const bin = {writer.place(op.bin_expr, str(op.result_count))};
    const state = states[bin];
    states[bin] = {step};
  }}
  return states.map((state) => {finish});
"""


def _names(op: Op, wide: bool) -> str:
    """The byte, and where it matters its place."""
    values = {"byte": "bytes[i]"} | ({"index": "i"} if op.uses_index else {})
    shown = {name: f"BigInt({value})" if wide else value for name, value in values.items()}
    return "".join(f"    const {name} = {value};\n" for name, value in shown.items())


def _crc(model: CrcModel) -> str:
    """By a table, a byte at a time; the register is as wide as the model, but at least a byte."""
    bits = max(8, model.width)
    writer, top = _Writer(bits), bits - model.width
    n = writer.suffix
    table = ", ".join(map(writer.number, _table(model, bits)))
    byte = "BigInt(bytes[i])" if n else "bytes[i]"
    if model.refin:
        start = _reflect(model.init, model.width)
        index, rest = f"register ^ {byte}", f"register {'>>' if n else '>>>'} 8{n}"
        end = "register"
    else:
        start = model.init << top
        index = f"(register {'>>' if n else '>>>'} {bits - 8}{n}) ^ {byte}"
        rest = writer.cut(f"(register << 8{n})")
        end = f"(register {'>>' if n else '>>>'} {top}{n})"
    if model.refin != model.refout:
        end = f"reflected({end})"
    reflected = f"""  const reflected = (value) => {{
    let result = {writer.number(0)};
    for (let bit = 0; bit < {model.width}; bit++) {{
      result = (result << 1{n}) | (value & 1{n});
      value >>= 1{n};
    }}
    return result;
  }};
"""
    loop = f"table[{f'Number(({index}) & 255n)' if n else f'({index}) & 255'}] ^ ({rest})"
    return f"""  const table = [{table}];
  let register = {writer.number(start)};
  for (let i = 0; i < bytes.length; i++) {{
    register = {loop};
  }}
{reflected if model.refin != model.refout else ""}  return {end} ^ {writer.number(model.xorout)};
"""


def _table(model: CrcModel, bits: int) -> list[int]:
    """The register after each byte, from zero."""
    mask, found = (1 << bits) - 1, []
    for byte in range(256):
        if model.refin:
            register, poly = byte, _reflect(model.poly, model.width)
            for _ in range(8):
                register = (register >> 1) ^ (poly if register & 1 else 0)
        else:
            register, poly = byte << (bits - 8), model.poly << (bits - model.width)
            for _ in range(8):
                register = (register << 1) & mask ^ (poly if register >> (bits - 1) else 0)
        found.append(register)
    return found


def _reflect(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


@dataclass(frozen=True)
class _Writer:
    """Writes an expression of unsigned integers of ``bits`` bits, each value cut to its width.

    Names are of its kind, or else made so by ``convert``.
    """

    bits: int
    convert: str = ""

    @property
    def wide(self) -> bool:
        return self.bits > 32

    @property
    def suffix(self) -> str:
        return "n" if self.wide else ""

    def number(self, value: int) -> str:
        return f"{value % (1 << self.bits)}{self.suffix}"

    def write(self, expr: Expr) -> str:
        match expr:
            case Const(value):
                return self.number(value)
            case Var(name):
                return f"{self.convert}({name})" if self.convert else name
            case Cond(test, then, other):
                # JavaScript holds zero of either kind for false, as the language does.
                return f"({self.write(test)} ? {self.write(then)} : {self.write(other)})"
            case Binary(op, left, right) if op in COMPARISONS:
                sign = {"==": "===", "!=": "!=="}.get(op, op)
                truth = f"({self.write(left)} {sign} {self.write(right)})"
                return f"({truth} ? {self.number(1)} : {self.number(0)})"
            case Binary(op, left, right):
                return self.binary(op, self.write(left), self.write(right))
            case Index(name, index):
                byte = f"{name}[{self.place(index, f'{name}.length')}]"
                return f"BigInt({byte})" if self.wide else byte

    def place(self, index: Expr, count: str) -> str:
        """``index``, which has 64 bits, modulo ``count`` as a plain number."""
        match index:
            case Var("byte"):
                return f"bytes[i] % {count}"
            case Var("index"):
                return f"i % {count}"
            case _:
                # BigInt of a BigInt is itself, so names may be of either kind.
                return f"Number({_Writer(64, 'BigInt').write(index)} % BigInt({count}))"

    def binary(self, op: str, a: str, b: str) -> str:
        if op == "*" and not self.wide:
            return self.cut(f"Math.imul({a}, {b})")
        if op not in ("<<", ">>"):
            return self.cut(f"({a} {op} {b})")
        # A shift by the width or more gives 0; JavaScript's would take the rest of a division.
        sign = ">>>" if op == ">>" and not self.wide else op
        shifted = self.cut(f"({a} {sign} {b})")
        return f"({b} < {self.number(self.bits)} ? {shifted} : {self.number(0)})"

    def cut(self, value: str) -> str:
        if self.wide:
            return f"BigInt.asUintN({self.bits}, {value})"
        if self.bits == 32:
            return f"({value} >>> 0)"
        return f"({value} & {(1 << self.bits) - 1})"
