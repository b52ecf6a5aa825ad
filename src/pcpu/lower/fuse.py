"""Which stages share a loop over the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pcpu.ir import Instruction
from pcpu.isa import Op
from pcpu.lower.kernels import Kernel, chain, lanes, select
from pcpu.lower.packed import Packed, packed
from pcpu.target import Target


@dataclass
class Group:
    """Adjacent instructions, by index, that one kernel runs in one loop."""

    kernel: Kernel
    members: list[int] = field(default_factory=list)
    writes: bool = False


def fuse(ops: Sequence[Op], target: Target) -> list[Group]:
    """Group the operations of a program into as few loops as their kernels allow.

    A fold leaves the data alone, so it may run earlier, beside the last loop of its kind after
    which nothing changed the data; a map must run after everything before it.
    """
    groups: list[Group] = []
    for index, (op, kernel) in enumerate(zip(ops, _kernels(ops, target), strict=True)):
        group = _joinable(groups, kernel, writes=op.kind == "map")
        if group is None:
            group = Group(kernel)
            groups.append(group)
        group.members.append(index)
        group.writes |= op.kind == "map"
    return groups


def _kernels(ops: Sequence[Op], target: Target) -> list[Kernel]:
    """The kernel of each operation, given its neighbours."""
    kernels = [select(op, target) for op in ops]
    start = 0
    for end in [*(i for i, op in enumerate(ops) if op.kind == "map"), len(ops)]:
        if chain.KERNEL in kernels[start:end]:
            kernels[start:end] = [chain.KERNEL if k.yields else k for k in kernels[start:end]]
        start = end
    return kernels


def feed(groups: Sequence[Group], ops: Sequence[Op], target: Target) -> list[Group]:
    """Join lanes with the kernel beside them that takes them along, where its form on ``target``
    does; one pass over the data rather than two."""
    found: list[Group] = []
    for group in groups:
        if found:
            # Where neither writes, it is all the same which is first.
            before, after = found[-1], group
            if after.kernel is lanes.KERNEL and not after.writes:
                before, after = after, before
            kernel = after.kernel
            if (
                before.kernel is lanes.KERNEL
                and len(after.members) == 1
                and kernel.fed(ops[after.members[0]], target)
            ):
                found[-1] = Group(kernel, before.members + after.members, before.writes)
                continue
        found.append(group)
    return found


def _joinable(groups: Sequence[Group], kernel: Kernel, *, writes: bool) -> Group | None:
    for group in reversed(groups):
        if group.kernel is kernel and kernel.fuses:
            return group
        if writes or group.writes:
            return None
    return None


def in_two(op: Op, target: Target) -> Packed | None:
    """The fold ``op`` as two folds, where it goes byte by byte and neither of these does."""
    if op.fold is None or not select(op, target).serial:
        return None
    form = packed(op)
    if form is None or any(_goes_by_byte(half, target) for half in form.halves):
        return None
    return form


def _goes_by_byte(op: Op, target: Target) -> bool:
    return select(op, target).serial and in_two(op, target) is None


def in_parts(op: Op, target: Target) -> list[Op]:
    """The folds that ``op`` is taken apart into, or itself."""
    form = in_two(op, target)
    if form is None:
        return [op]
    return [part for half in form.halves for part in in_parts(half, target)]


def describe(
    instructions: Sequence[Instruction], target: Target
) -> list[tuple[Kernel, list[Instruction]]]:
    """The loops of a program for people: kernel and instructions."""
    ops: list[Op] = []
    owners: list[Instruction] = []
    for instruction in instructions:
        parts = in_parts(instruction.op, target)
        ops += parts
        owners += [instruction] * len(parts)
    found = []
    for group in fuse(ops, target):
        members = {id(owners[i]): owners[i] for i in group.members}
        found.append((group.kernel, list(members.values())))
    return found
