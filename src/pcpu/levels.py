"""Code for several levels of one architecture in one shared object, which takes that of the
processor that it runs on (docs/decisions/0012-levels-at-run-time.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from pcpu import llvm
from pcpu.target import Target
from pcpu.targets import elf, lld

Lower = Callable[[Target], tuple[str, Sequence[str]]]

_LEVEL = """
declare hidden i32 @pcpu.detect()
@known = internal global i32 -1
define internal i32 @level() {
  %known = load atomic i32, ptr @known monotonic, align 4
  %first = icmp slt i32 %known, 0
  br i1 %first, label %ask, label %done, !prof !0
ask:
  %found = call i32 @pcpu.detect()
  store atomic i32 %found, ptr @known monotonic, align 4
  br label %done
done:
  %level = phi i32 [ %known, %0 ], [ %found, %ask ]
  ret i32 %level
}
!0 = !{!"branch_weights", i32 1, i32 1048576}
"""


def objects(lower: Lower, target: Target) -> bytes:
    """One object file: what ``lower`` gives for the target itself and for each of its levels, and
    functions under the names of its exports that choose. Raises ToolchainError."""
    kinds: dict[str, tuple[str, list[str]]] = {}
    found = []
    for number, each in enumerate(at_levels(target)):
        text, exports = lower(each)
        module = llvm.parse(text, each)
        llvm.optimise(module, each)
        kinds = llvm.hide(module, {name: f"{name}.{number}" for name in exports})
        found.append(llvm.emit(module, each, "obj"))
    module = llvm.parse(_chooser(kinds, len(found)), target)
    llvm.optimise(module, target)
    return elf.join([*found, llvm.emit(module, target, "obj"), detector(target)])


@cache
def detector(target: Target) -> bytes:
    """The object file of ``i32 pcpu.detect()``: how many of the levels there are."""
    return lld.zig_object("pcpu.targets", "detect.zig", target, ["-OReleaseSmall"], cpu="baseline")


def at_levels(target: Target) -> list[Target]:
    """The target itself, and what it is at each of its levels, the lowest first."""
    raised = [replace(target, cpu=level.cpu, features=level.features) for level in target.levels]
    return [target, *raised]


def _chooser(kinds: dict[str, tuple[str, list[str]]], count: int) -> str:
    """A function for each of ``kinds``, by its name what it returns and takes, that calls the one
    whose name ends in the level's number."""
    parts = [_LEVEL]
    for name, (returns, takes) in kinds.items():
        given = ", ".join(f"{kind} %a{i}" for i, kind in enumerate(takes))
        cases = " ".join(f"i32 {n}, label %l{n}" for n in range(1, count))
        bodies = ""
        for n in range(count):
            parts.append(f"declare hidden {returns} @{name}.{n}({', '.join(takes)})")
            result = "" if returns == "void" else f"%r{n} = "
            value = "void" if returns == "void" else f"{returns} %r{n}"
            bodies += f"l{n}:\n  {result}tail call {returns} @{name}.{n}({given})\n  ret {value}\n"
        parts.append(
            f"define {returns} @{name}({given}) {{\n  %level = call i32 @level()\n"
            f"  switch i32 %level, label %l0 [ {cases} ]\n{bodies}}}"
        )
    return "\n".join(parts)
