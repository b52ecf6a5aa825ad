"""What a kernel is: a loop form, and the stages that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.stage import Stage
from pcpu.target import Target

# emit(code, stages, data, length) runs the stages over data[0:length], updating their states.
Emit = Callable[[Code, Sequence[Stage], Value, Value], None]


@dataclass(frozen=True)
class Kernel:
    """A way to run one or, where it ``fuses``, several adjacent stages in one loop; ``doc`` is
    for people.

    One that ``yields`` is a faster form of a chain: it pays only where no other chain runs, in
    whose latency the operation would be free.

    One that is ``fed`` for an operation on a target takes stages in lanes before that one: it
    runs them on the vectors that it loads anyway.

    ``why`` says of an operation, for people, what the form comes from; of one that goes byte by
    byte, and so is ``serial``, what keeps it out of the others.
    """

    name: str
    doc: str
    accepts: Callable[[Op, Target], bool]
    emit: Emit
    fuses: bool
    yields: bool = False
    fed: Callable[[Op, Target], bool] = lambda op, target: False
    serial: bool = False
    why: Callable[[Op, Target], str] = lambda op, target: ""
