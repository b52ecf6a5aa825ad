"""The interactive side: it stops before statements, and answers what it is asked there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from rich.console import Console
from rich.text import Text

from pcpu.errors import UsageError
from pcpu.sim import words
from pcpu.sim.memory import Memory
from pcpu.sim.simulate import precision
from pcpu.sim.source import Source
from pcpu.sim.trace import Step
from pcpu.sim.view import head, step_lines
from pcpu.source import pasm_line

PROMPT = "(pcpu) "
SHOWN_BYTES = 256  # of a dump
MAX_LINE = 4096
AROUND = 4  # lines before and after the one that is listed
HELP = """\
step, s          run this statement; stop before the next one (as Enter does)
next, n          run this statement with all that is in it
continue, c      run to the next breakpoint, or to the end
break LINE, b    stop before the statement on that line, from now on
print SCALAR, p  a register, parameter or expression; all registers without one
dump SPAN, d     bytes of a buffer, such as data[0:64]; without one those of this statement
list, l          the lines around this one
quit, q          end the program here; so does the end of the input"""


def sites_of(source: Source, lines: Iterable[int]) -> set[int]:
    """The statements on ``lines``, by their numbers. Raises UsageError where there is none."""
    steps = source.steps
    found = set()
    for line in lines:
        here = [site for site in steps if site.line <= line <= _last(source, site.number)]
        exact = [site for site in here if site.line == line or not site.is_block]
        if not exact:
            after = min((site.line for site in steps if site.line > line), default=None)
            hint = "" if after is None else f"; the next one is on line {after}"
            raise UsageError(f"no statement stands on line {line} of {source.file}{hint}")
        found.add(exact[-1].number)
    return found


def _last(source: Source, number: int) -> int:
    """The last line of a statement that runs as one."""
    end = source.sites[number].end
    return max(site.line for site in source.sites[number:end])


class Prompt:
    """A Watcher that a person answers through ``ask``, which gives a line, without its end, or
    raises EOFError."""

    def __init__(
        self, source: Source, out: Console, ask: Callable[[str], str], *,
        breaks: Collection[int], stepping: bool,
    ) -> None:  # fmt: skip
        self.source, self.out, self.ask = source, out, ask
        self.breaks = set(breaks)
        self.steps = {site.number for site in source.steps}
        self.stops: Collection[int] = self.steps if stepping else self.breaks
        self.shown: set[int] = set()  # statements whose effect is to be told
        self.usual = "step"

    # What the simulator asks (probe.py)

    def wanted(self) -> Collection[int]:
        return self.stops

    def before(self, step: Step, memory: Memory) -> bool:
        if step.site.number not in self.stops:
            return True
        self.line(head(self.source, step, self.out.width, "", ""))
        return self.converse(step, memory)

    def after(self, step: Step, memory: Memory) -> bool:
        del memory
        if step.site.number in self.shown:
            self.shown.discard(step.site.number)
            for line in step_lines(self.source, precision(), step, self.out.width):
                self.line(line)
        return True

    # What the person asks

    def converse(self, step: Step, memory: Memory) -> bool:
        """Answer until the program is to go on (True) or to end."""
        while True:
            try:
                text = self.ask(PROMPT).strip()
            except EOFError:
                self.out.print()
                return False
            word, _, rest = (text or self.usual).partition(" ")
            command = _COMMANDS.get(word)
            if command is None:
                self.line(Text(f"unknown command {word!r}; help lists them", style="red"))
                continue
            try:
                going = command(self, rest.strip(), step, memory)
            except (UsageError, pasm_line.LineError) as error:
                self.line(Text(str(error), style="red"))
                continue
            if going is not None:
                self.usual = word
                return going

    def line(self, text: Text) -> None:
        self.out.print(text, soft_wrap=True)

    def step(self, rest: str, step: Step, memory: Memory) -> bool:
        return self.on(step, self.steps)

    def next(self, rest: str, step: Step, memory: Memory) -> bool:
        depth = step.site.depth
        outer = {site.number for site in self.source.steps if site.depth <= depth}
        return self.on(step, outer | self.breaks)

    def continue_(self, rest: str, step: Step, memory: Memory) -> bool:
        return self.on(step, self.breaks)

    def on(self, step: Step, stops: Collection[int]) -> bool:
        self.stops = stops
        self.shown.add(step.site.number)
        return True

    def quit(self, rest: str, step: Step, memory: Memory) -> bool:
        return False

    def break_(self, rest: str, step: Step, memory: Memory) -> None:
        if not rest.isdecimal():
            raise UsageError("give a line: break 7")
        self.breaks |= sites_of(self.source, [int(rest)])

    def print(self, rest: str, step: Step, memory: Memory) -> None:
        names = [rest] if rest else list(memory.program.registers)
        for name in names:
            self.line(Text.assemble((name, "bold"), f" {self.value(name, memory)}"))

    def value(self, text: str, memory: Memory) -> str:
        """What a register or another scalar is now, as results are shown."""
        result = memory.program.registers.get(text)
        if result is not None:
            numbers = memory.register(text)
            shown = result.show(numbers if result.count > 1 else numbers[0])
            return words.several(shown) if isinstance(shown, list) else str(shown)
        line = _line(text)
        found = line.scalar(())
        line.end()
        return str(memory.scalar(found))

    def dump(self, rest: str, step: Step, memory: Memory) -> None:
        if rest:
            name, offset, length = self.span(rest, memory)
        elif step.where is not None:
            name, offset, length = step.where.buffer, step.where.offset, step.where.length
        else:
            raise UsageError("this statement has no span; give one: dump data[0:64]")
        shown = min(length, SHOWN_BYTES)
        memory.require(name, offset, length)
        for row in words.dump(offset, memory.read(name, offset, shown)):
            self.line(Text(f"  {row}"))
        if length > shown:
            self.line(Text(f"  ... and {length - shown:,} more bytes", style="dim"))

    def span(self, text: str, memory: Memory) -> tuple[str, int, int]:
        line = _line(text)
        found = line.span(())
        line.end()
        offset = memory.scalar(found.offset)
        rest = max(0, memory.length(found.buffer) - offset)
        return found.buffer, offset, rest if found.length is None else memory.scalar(found.length)

    def list(self, rest: str, step: Step, memory: Memory) -> None:
        here = step.site.line
        first = max(1, here - AROUND)
        for number, text in enumerate(self.source.lines[first - 1 : here + AROUND], start=first):
            mark = ">" if number == here else " "
            shown = words.shortened(words.printable(text), max(20, self.out.width - 8))
            self.line(Text(f"{mark}{number:>5}  {shown}", style="" if number == here else "dim"))

    def help(self, rest: str, step: Step, memory: Memory) -> None:
        self.line(Text(HELP))


Command = Callable[[Prompt, str, Step, Memory], bool | None]
_COMMANDS: dict[str, Command] = {
    name: command
    for names, command in (
        (("step", "s"), Prompt.step),
        (("next", "n"), Prompt.next),
        (("continue", "c"), Prompt.continue_),
        (("break", "b"), Prompt.break_),
        (("print", "p"), Prompt.print),
        (("dump", "d", "x"), Prompt.dump),
        (("list", "l"), Prompt.list),
        (("help", "h", "?"), Prompt.help),
        (("quit", "q"), Prompt.quit),
    )
    for name in names
}


def _line(text: str) -> pasm_line.Line:
    """What was asked for, to be read as a part of a line of a program."""
    if len(text) > MAX_LINE:
        raise UsageError("that is too long")
    return pasm_line.Line(pasm_line.Source("", ""), text, 0, 1)
