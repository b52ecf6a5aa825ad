"""The expression language of operations and programs: parse, type, evaluate (spec/isa.md E1-E7).

Every value is an unsigned integer of one width W, the width of the result; narrower
operands are zero-extended, and arithmetic is modulo 2**W. A shift by W or more gives 0.
``name[index]`` is a byte of an operand that is bytes; its index has a width of its own.
"""

from pcpu.expr.evaluate import evaluate, function
from pcpu.expr.syntax import Located, Token, Tokens, read_expression, read_index, read_number, shown
from pcpu.expr.tree import (
    BYTES,
    COMPARISONS,
    INDEX_WIDTH,
    LEVELS,
    MAX_DEPTH,
    MAX_NODES,
    MIRRORED,
    OPPOSITES,
    Binary,
    Cond,
    Const,
    Expr,
    Index,
    Var,
    children,
    malformed,
    show,
    substitute,
    uses,
    walk,
)
from pcpu.expr.typing import Typer, parse

__all__ = [
    "BYTES", "COMPARISONS", "INDEX_WIDTH", "LEVELS", "MAX_DEPTH", "MAX_NODES", "MIRRORED",
    "OPPOSITES", "Binary", "Cond", "Const", "Expr", "Index", "Located", "Token", "Tokens", "Typer",
    "Var", "children", "evaluate", "function", "malformed", "parse", "read_expression",
    "read_index", "read_number", "show", "shown", "substitute", "uses", "walk",
]  # fmt: skip
