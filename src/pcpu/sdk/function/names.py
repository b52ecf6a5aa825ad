"""The names in a function that is a program, and what they stand for."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Mapping
from typing import Any, Literal

from pcpu.errors import ProgramError
from pcpu.expr import Expr
from pcpu.sdk.assembly import Assembly
from pcpu.sdk.function.signature import Source
from pcpu.sdk.place import Place

Kind = Literal["buffer", "window", "list", "bytes", "table", "number", "several", "rows"]
SPANS: Collection[Kind] = ("buffer", "window", "table")
WORDS: Mapping[Kind, str] = {
    "buffer": "a buffer", "window": "a window", "list": "a list of spans", "bytes": "bytes",
    "table": "bytes", "number": "a number", "several": "several numbers", "rows": "a table of rows",
}  # fmt: skip
MISSING = object()


class Names:
    """``local`` are the function's own names, ``known`` those of them that surely have a value,
    ``counts`` how many numbers each result is that is several."""

    def __init__(self, source: Source, assembly: Assembly, local: Collection[str]) -> None:
        self.source, self.assembly, self.local = source, assembly, local
        self.kinds: dict[str, Kind] = {}
        self.known: set[str] = set()
        self.counts: dict[str, int] = {}
        self.registers: set[str] = set()
        self.meanings: dict[str, Expr] = {}  # of numbers that are no name of the program's
        self._tables: dict[str, str] = {}  # bytes that stand outside, by how they are written

    def place(self, node: ast.AST) -> Place:
        return self.source.place(node)

    def wrong(self, node: ast.AST, message: str, code: str = "syntax") -> ProgramError:
        """An error, to be raised, at a node."""
        return self.place(node).error(code, message)

    def is_local(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self.local

    def kind(self, node: ast.Name) -> Kind:
        """What a name of the function's own is. Raises ProgramError where it may have no value."""
        if node.id not in self.known:
            message = f"{node.id} may have no value here; give it one before any branch or loop"
            raise self.wrong(node, message, "unknown-name")
        return self.kinds[node.id]

    def give(self, name: str, kind: Kind, node: ast.AST) -> None:
        """From here on the name has a value, of that kind."""
        before = self.kinds.get(name, kind)
        if before != kind:
            message = f"{name} is {WORDS[before]} above, and cannot become {WORDS[kind]}"
            raise self.wrong(node, message, "name-taken")
        self.kinds[name] = kind
        self.known.add(name)

    def forget(self, name: str) -> None:
        """The name has ended with its loop, and may get another kind."""
        self.known.discard(name)
        self.kinds.pop(name, None)
        self.meanings.pop(name, None)

    def outer(self, node: ast.AST) -> Any:
        """What a name that is not the function's own stands for, or MISSING."""
        if isinstance(node, ast.Attribute):
            base = self.outer(node.value)
            return MISSING if base is MISSING else getattr(base, node.attr, MISSING)
        if not isinstance(node, ast.Name) or node.id in self.local:
            return MISSING
        function = self.source.function
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            if name == node.id:
                try:
                    return cell.cell_contents
                except ValueError:  # it gets its value only after the function was made
                    return MISSING
        found = function.__globals__.get(node.id, MISSING)
        return getattr(builtins, node.id, MISSING) if found is MISSING else found

    def is_call_of(self, node: ast.AST, *functions: object) -> bool:
        return isinstance(node, ast.Call) and any(
            self.outer(node.func) is function for function in functions
        )

    def table(self, node: ast.expr) -> str | None:
        """The table of the program for bytes that stand outside of the function; None where
        ``node`` is something else."""
        content = self.outer(node)
        if not isinstance(content, bytes):
            return None
        written = shown(node)
        if written not in self._tables:
            name = self.assembly.fresh(written.rpartition(".")[2].lower())
            self.assembly.note(("tables", len(self.assembly.tables)), self.place(node))
            self.assembly.tables.append((name, content))
            self._tables[written] = name
        return self._tables[written]


def shown(node: ast.AST) -> str:
    """Python's text for a node, in a message."""
    text = ast.unparse(node).replace("\n", " ")
    return text if len(text) <= 40 else text[:40] + "..."
