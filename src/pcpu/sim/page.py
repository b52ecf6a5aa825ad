"""A simulation as one page that needs nothing else: source, trace, LLVM IR and WebAssembly."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import islice
from pathlib import Path

from pcpu import targets
from pcpu.artifact import open_output
from pcpu.errors import plural
from pcpu.sim import words
from pcpu.sim.source import Site
from pcpu.sim.static import CodeLine, Static, analyse
from pcpu.sim.trace import Simulation, Step

SHOWN_LINES, SHOWN_STEPS, SHOWN_ROWS = 20_000, 5_000, 100
_COLOURS = 8
_LONGEST = 400  # characters of a line
_ABOUT = (
    "Hover over a line to see what belongs to it in the other panels; a click pins it, Escape lets"
    " it go.",
    "Times are those of native code on the machine that made this page, between two readings of"
    " its clock. What the simulator itself takes is left out; what other programs took is not.",
    "IR, vec: instructions of LLVM after -O3 and the widest vector in bits, for the target named."
    " c/B: cycles for a byte, estimated from the code of the hot loop by a plain model of a"
    " processor; trust its order of magnitude.",
)


def write_page(path: Path, simulation: Simulation, static: Static) -> None:
    """Write the page; it appears whole or not at all. Raises PcpuError."""
    with open_output(path) as file:
        file.write("".join(_Page(simulation, static).parts()).encode(errors="replace"))


def _inline(name: str) -> tuple[str, str]:
    """A file of this package, and the source expression of a policy that lets it be."""
    text = (files("pcpu.sim") / name).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"'sha256-{digest}'"


class _Page:
    def __init__(self, simulation: Simulation, static: Static) -> None:
        self.simulation, self.static, self.source = simulation, static, simulation.source
        wasm = targets.find("wasm")
        self.wasm = static if static.target == wasm.name else analyse(self.source, wasm)

    def parts(self) -> Iterator[str]:
        style, style_source = _inline("page.css")
        script, script_source = _inline("page.js")
        title = escape(Path(self.source.file).name)
        policy = f"default-src 'none'; style-src {style_source}; script-src {script_source}"
        yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        yield f"<title>{title} - pCPU simulation</title>\n<style>{style}</style>\n</head>\n<body>\n"
        yield from self.header(title)
        yield "<main>\n"
        yield from self.lines()
        yield from self.trace()
        target = escape(self.static.target)
        yield from _code("ir", "LLVM IR", f"after -O3, for {target}", self.static.ir)
        yield from _code("wasm", "WebAssembly", "as LLVM writes it", self.wasm.asm)
        yield "</main>\n<footer>\n"
        yield from (f"<p>{escape(text)}</p>\n" for text in _ABOUT)
        yield f"</footer>\n<script>{script}</script>\n</body>\n</html>\n"

    def header(self, title: str) -> Iterator[str]:
        simulation, metrics = self.simulation, self.simulation.metrics
        checksum = metrics.checksum_out
        status = simulation.status
        yield f'<header>\n<h1>{title}<small class="{status}">{status}</small></h1>\n'
        yield _facts("facts", (
            ("bytes_total", f"{metrics.bytes_total}"),
            ("bytes_touched", f"{metrics.bytes_touched}"),
            ("desc_count", f"{metrics.desc_count}"),
            ("checksum_out (CRC-32C)", "none" if checksum is None else f"0x{checksum:08x}"),
            ("ns", f"{metrics.ns}"),
            ("times good to", f"{simulation.precision.clock:.0f} ns"),
        ))  # fmt: skip
        if simulation.trap is not None:
            trap = simulation.trap
            place = f"line {trap.place.line}, column {trap.place.column}"
            yield f'<div class="trap"><b>{escape(trap.error.code)}</b> at {place}'
            yield f"<pre>{escape(trap.place.excerpt())}</pre>{escape(trap.error.message)}</div>\n"
        if simulation.outcome is not None:
            shown = simulation.outcome.shown(self.source.program)
            yield _facts("facts results", (
                (name, words.several(value) if isinstance(value, list) else str(value))
                for name, value in shown.items()
            ))  # fmt: skip
            for name, rows in simulation.outcome.tables.items():
                yield from self.table(name, rows)
        yield "</header>\n"

    def table(self, name: str, rows: Sequence[tuple[int, ...]]) -> Iterator[str]:
        columns, registers = self.source.columns[name], self.source.program.registers
        yield f"<details><summary>{escape(name)}, {plural(len(rows), 'row')}</summary>\n"
        yield "<table><tr><th></th>"
        yield from (f"<th>{escape(column)}</th>" for column in columns)
        yield "</tr>\n"
        for number, row in enumerate(rows[:SHOWN_ROWS]):
            shown = (registers[c].show(v) for c, v in zip(columns, row, strict=True))
            cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in shown)
            yield f'<tr><td class="number">{number}</td>{cells}</tr>\n'
        yield "</table>"
        yield f"<p>and {len(rows) - SHOWN_ROWS} more</p>" if len(rows) > SHOWN_ROWS else ""
        yield "</details>\n"

    def lines(self) -> Iterator[str]:
        """The source, with what each line came to."""
        yield _section("source", "Source", "and what each line came to")
        yield '<table>\n<tr><th>line</th><th class="text">text</th>'
        for name in ("runs", "bytes", "time", "", "GB/s", "IR", "vec", "c/B"):
            yield f"<th>{name}</th>"
        yield "</tr>\n"
        sites: dict[int, list[Site]] = {}
        for site in self.source.steps:
            for line in range(site.line, 1 + max(self._lines(site))):
                sites.setdefault(line, []).append(site)
        for number, text in islice(enumerate(self.source.lines, start=1), SHOWN_LINES):
            yield self._line(number, text, sites.get(number, [])[-1:])
        yield "</table></div></section>\n"

    def _lines(self, site: Site) -> list[int]:
        """The lines of a statement: of a ``fuse`` those of all its operations."""
        end = site.number + 1 if site.is_block else site.end
        return [inner.line for inner in self.source.sites[site.number : end]]

    def _line(self, number: int, text: str, found: list[Site]) -> str:
        code = escape(words.shortened(words.printable(text.replace("\t", "    ")), _LONGEST))
        if not found:
            row = f'<td class="number">{number}</td><td class="text dim" colspan="9">{code}</td>'
            return f"<tr>{row}</tr>\n"
        site = found[0]
        first = f'<td class="number c{site.number % _COLOURS}">{number}</td>'
        cells = self._cells(site) if site.line == number else '<td colspan="8"></td>'
        attributes = f'data-s="{site.number + 1}" tabindex="0"'
        return f'<tr {attributes}>{first}<td class="text">{code}</td>{cells}</tr>\n'

    def _cells(self, site: Site) -> str:
        total, numbers = self.simulation.totals[site.number], self.static.statements[site.number]
        assert numbers is not None
        whole = max(1, self.simulation.metrics.ns)
        share = min(20, -(-20 * total.ns // whole))
        cells = (
            words.count(total.runs), words.count(total.bytes) if total.bytes else "",
            words.duration(total.ns) if total.runs else "",
            f'<span class="share"><i class="b{share}"></i></span>',
            words.speed(total.rate), words.count(numbers.instructions),
            str(numbers.vector_bits or ""), words.cycles(numbers.cycles_per_byte),
        )  # fmt: skip
        return "".join(f"<td>{cell}</td>" for cell in cells)

    def trace(self) -> Iterator[str]:
        simulation = self.simulation
        shown = simulation.steps[:SHOWN_STEPS]
        left = simulation.left_out + len(simulation.steps) - len(shown)
        about = plural(len(shown), "step") + (
            f", {left} more only in the sums above" if left else ""
        )
        yield _section("trace", "Trace", about) + "<ol>\n"
        for step in shown:
            yield from self._step(step)
        yield "</ol></div></section>\n"

    def _step(self, step: Step) -> Iterator[str]:
        site, clock = step.site, self.simulation.precision.clock
        code = escape(words.shortened(words.printable(self.source.line(site)), _LONGEST))
        about = [f"turn {'.'.join(map(str, step.turns))}"] if step.turns else []
        about += [] if step.where is None else [words.span(step.where)]
        time = words.brief(step.ns, clock) if step.done else "not done"
        speed = words.speed(step.rate if step.ns >= clock else None)
        yield f'<li data-s="{site.number + 1}" class="c{site.number % _COLOURS}" tabindex="0">'
        yield f'<div class="what"><span class="n dim">{step.index}</span>'
        yield f'<span class="code">{"  " * site.depth}{code}</span>'
        yield f'<span class="dim">{escape("  ".join(about))}</span>'
        yield f"<span>{escape(time)}</span><span>{f'{speed} GB/s' if speed else ''}</span></div>"
        effects = "".join(self._effects(step))
        yield f'<div class="effect">{effects}</div></li>\n' if effects else "</li>\n"

    def _effects(self, step: Step) -> Iterator[str]:
        if step.change is not None:
            for style, sign, content in (
                ("minus", "-", step.change.before), ("plus", "+", step.change.after),
            ):  # fmt: skip
                for row in words.dump(step.change.offset, content):
                    yield f'<span class="{style}">{sign} {escape(row)}</span>'
        elif step.compared and step.where is not None:
            whole = step.compared == step.where.length
            within = "" if whole else f" in its first {step.compared}"
            yield f'<span class="dim">no byte changed{within}</span>'
        for change in step.registers:
            name, before, after = words.register(change, self.source.program)
            yield f"<div><b>{escape(name)}</b> {escape(before)} → {escape(after)}</div>"


def _facts(style: str, facts: Iterable[tuple[str, str]]) -> str:
    inner = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts
    )
    return f'<dl class="{style}">{inner}</dl>\n' if inner else ""


def _section(name: str, title: str, about: str) -> str:
    """The beginning of a panel."""
    heading = f"<h2>{title}<small>{about}</small></h2>"
    return f'<section id="{name}">{heading}\n<div class="scroll">'


def _code(name: str, title: str, about: str, lines: Sequence[CodeLine]) -> Iterator[str]:
    yield _section(name, title, about) + "<ol>\n"
    for line in lines[:SHOWN_LINES]:
        text = escape(words.shortened(words.printable(line.text), _LONGEST))
        if not line.statements:
            yield f'<li class="dim">{text}</li>\n'
            continue
        statements = " ".join(str(number + 1) for number in line.statements)
        colour = f' class="c{line.statements[0] % _COLOURS}"' if len(line.statements) == 1 else ""
        yield f'<li data-s="{statements}"{colour}>{text}</li>\n'
    if len(lines) > SHOWN_LINES:
        yield f'<li class="dim">... and {len(lines) - SHOWN_LINES} more lines</li>\n'
    yield "</ol></div></section>\n"
