"""Why an operation goes one byte after the other, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.expr import Expr, Index, children, show, uses, walk
from pcpu.isa import Op
from pcpu.lower.forms import LANES, PLACE, reduced
from pcpu.lower.linear import STATE, linear, settled

LONGEST = 60  # characters of an expression that is shown


def of_fold(op: Op) -> str:
    """What keeps the step of a fold out of the faster forms."""
    step = settled(op.step_expr, op.state_bits)
    by_state = next((node for node in _look_ups(step) if uses(node.index, "state")), None)
    if by_state is not None:
        return f"{_shown(op, by_state)} is looked up where the state says"
    tangled = _tangled(op, reduced(step)[0])
    if tangled is not None and tangled != STATE:
        return (
            f"each step waits for the one before: {_shown(op, tangled)} is not linear in the state"
        )
    if next(_look_ups(step), None) is not None:
        return "only tables of bytes256, and keys by index, are looked up on vectors"
    if uses(step, "index"):
        return "vectors have no index"
    if reduced(step)[1] is not None:
        return "before the remainder a step may overflow, or its value needs more than 8 bits"
    return "the values need more than 8 bits"


def of_wide(op: Op) -> str:
    """What keeps the values of a sum out of lanes."""
    step = op.step_expr
    if next(_look_ups(step), None) is not None:
        return "only tables of bytes256, and keys by index, are looked up in lanes"
    if uses(step, "index"):
        return "lanes have no index"
    return f"the values may need more bits than the {4 * LANES[0]} of the widest lanes"


def of_map(op: Op) -> str:
    """What keeps a map off vectors."""
    node = next(_look_ups(op.map_expr), None)
    return "" if node is None else f"{node.name}[...] is looked up in memory, a byte at a time"


def _look_ups(expr: Expr) -> Iterator[Index]:
    return (node for node in walk(expr) if isinstance(node, Index) and node.index != PLACE)


def _tangled(op: Op, expr: Expr) -> Expr | None:
    """The least part with the state in it that is no sum of the state and other things."""
    for child in children(expr):
        if uses(child, "state") and (found := _tangled(op, child)) is not None:
            return found
    return expr if linear(expr, op.state_bits, lambda _: False) is None else None


def _shown(op: Op, expr: Expr) -> str:
    text = show(expr, op.state_bits)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
