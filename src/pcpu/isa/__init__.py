"""The instruction set: operations declared as data, one JSON file each (spec/isa.md)."""

from pcpu.isa.load import read_declared, read_isa, to_bytes, to_int, to_operand
from pcpu.isa.model import CrcModel, Fold, Immediate, Isa, Op

__all__ = [
    "CrcModel",
    "Fold",
    "Immediate",
    "Isa",
    "Op",
    "read_declared",
    "read_isa",
    "to_bytes",
    "to_int",
    "to_operand",
]
