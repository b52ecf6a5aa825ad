"""Marks in the code of whole programs: which statement an instruction is of.

They are the debug locations of LLVM, which optimising keeps as well as it can: a location's line is
the number of the statement plus 1 (0: of none), its column that of the pass over the span, from 1.
"""

from __future__ import annotations

from llvmlite import ir

from pcpu.lower.code import Code, Mark, Value

_TOKEN = ir.DIToken


def mark(code: Code) -> None:
    """Have ``code`` write marks from here on."""
    module = code.module
    file = module.add_debug_info("DIFile", {"filename": "program", "directory": ""})
    unit = {
        "language": _TOKEN("DW_LANG_C"), "file": file, "producer": "pcpu",
        "isOptimized": True, "emissionKind": _TOKEN("LineTablesOnly"),
    }  # fmt: skip
    listed = module.add_named_metadata("llvm.dbg.cu")
    if not listed.operands:
        listed.add(module.add_debug_info("DICompileUnit", unit, is_distinct=True))
        flag = [ir.IntType(32)(2), "Debug Info Version", ir.IntType(32)(3)]
        module.add_named_metadata("llvm.module.flags", flag)
    about = {
        "name": code.function.name, "file": file, "unit": listed.operands[0],
        "type": module.add_debug_info("DISubroutineType", {"types": module.add_metadata([None])}),
        "spFlags": _TOKEN("DISPFlagDefinition"),
    }  # fmt: skip
    scope = module.add_debug_info("DISubprogram", about, is_distinct=True)
    code.function.set_metadata("dbg", scope)

    def location(place: Mark) -> Value:
        line = 0 if place.statement is None else place.statement + 1
        found = {"line": line, "column": place.part + 1 if line else 0, "scope": scope}
        return module.add_debug_info("DILocation", found)

    code.location = location
    code.mark(Mark())
