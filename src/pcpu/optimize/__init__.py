"""The optimizer: passes over a Program, before LLVM. Each gives a program that means the same.

They do what LLVM cannot, which sees loops over memory and no operations. The arithmetic of scalars
is left to it. ``PASSES`` are all there is; ``pcpu compile PROG --emit passes`` shows what each
does, and ``--without NAME`` leaves one out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from pcpu.errors import InternalError, UsageError
from pcpu.ir import Program, check, verify
from pcpu.ir.text import pasm_text
from pcpu.optimize.drop_dead import drop_dead
from pcpu.optimize.fold_constants import fold_constants
from pcpu.optimize.fuse import fuse
from pcpu.optimize.merge_spans import merge_spans
from pcpu.optimize.split_spans import split_spans

__all__ = ["PASSES", "Pass", "optimize", "report", "steps"]


class Pass(NamedTuple):
    name: str
    doc: str
    run: Callable[[Program], Program]


PASSES = (
    Pass("fold-constants", "numbers for scalars that are the same in every run", fold_constants),
    Pass("drop-dead", "without what nobody can notice", drop_dead),
    Pass("merge-spans", "one statement for two on adjacent bytes", merge_spans),
    Pass("split-spans", "operations on one span next to each other", split_spans),
    Pass("fuse", "operations on one span in one pass over it", fuse),
)


def optimize(program: Program, without: Collection[str] = (), *, whole: bool = False) -> Program:
    """``program`` after all passes but those named in ``without``.

    One that can run over streams stays as it is, unless it is to run on data that is there as a
    ``whole``: its operations have one span, and are lowered as one pass.

    Raises ProgramError where ``program`` is none, UsageError for a pass that does not exist, and
    InternalError where a pass breaks the program.
    """
    for _, after in steps(program, without, whole=whole):
        program = after
    return program


def steps(
    program: Program, without: Collection[str] = (), *, whole: bool = False
) -> Iterator[tuple[Pass, Program]]:
    """Each pass and the program after it. Raises like ``optimize``."""
    known = [p.name for p in PASSES]
    for name in without:
        if name not in known:
            raise UsageError(f"there is no pass {name!r}; known: {', '.join(known)}")
    verify(program)
    if program.is_stream and not whole:
        return
    for one in PASSES:
        if one.name in without:
            continue
        program = one.run(program)
        faults, _ = check(program)
        if faults:
            shown = f"{faults[0].message} (at {'/'.join(map(str, faults[0].path))})"
            raise InternalError(
                f"the pass {one.name} breaks this program: {shown}. Please report it; "
                f"--without {one.name} gets around it"
            )
        yield one, program


def report(program: Program, without: Collection[str] = (), *, as_json: bool = False) -> str:
    """The program, and again after each pass that changes it: texts under comments that name the
    pass, or a JSON array."""
    shown = [("the passes", "before", program)]
    for one, after in steps(program, without):
        if after != shown[-1][2]:
            shown.append((one.name, "after", after))
    if as_json:
        document = [
            {"pass": name if when == "after" else None, "program": after.to_json()}
            for name, when, after in shown
        ]
        return json.dumps(document) + "\n"
    return "\n".join(f"; {when} {name}\n{pasm_text(after)}" for name, when, after in shown)
