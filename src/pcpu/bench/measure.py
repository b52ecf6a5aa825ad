"""Timing rows side by side: check, calibrate, take turns, check again."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pcpu import interp
from pcpu.bench.definition import Definition, show_size
from pcpu.errors import EngineError
from pcpu.ir import ResultValue

INTERPRETED = 4096  # bytes up to which the reference interpreter gives its answer
WARM_SIZE = 1 << 20  # bytes: long enough for every form that depends on the length
SLOW = 0.02  # seconds a call beyond which it is not warmed up
SETTLED = 4  # calls after which a cache that is shared holds what it will of 16 MiB


class Handle(Protocol):
    """A row, opened in a runtime."""

    def load(self, size: int) -> None:
        """Put the first ``size`` bytes of the data where the row works on them."""

    def answer(self) -> str:
        """What one run on freshly loaded data gives."""

    def time(self, calls: int, warm: int) -> float:
        """The seconds that ``calls`` runs take, after ``warm`` untimed ones."""


@dataclass(frozen=True)
class Settings:
    """How long to measure. ``warmup``, ``sample`` and ``cell`` are seconds: before the first
    sample, of one sample, and of all samples of a row at a size, of which there are at least
    ``fewest``; and ``warmups`` calls at least come before the first. ``again`` is how many times,
    at most, a disturbed measurement is made again (quiet.py)."""

    rounds: int
    warmup: float
    warmups: int
    sample: float
    cell: float
    again: int = 0
    fewest: int = 3


QUICK = Settings(rounds=6, warmup=0.03, warmups=3, sample=0.002, cell=0.08)
FULL = Settings(rounds=25, warmup=0.15, warmups=6, sample=0.004, cell=1.0, again=2)


@dataclass(frozen=True)
class Samples:
    """Seconds a call, one number a round, and how many calls each is the mean of."""

    seconds: tuple[float, ...]
    calls: int

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """(p90 - p10) / median."""
        return (self.decile(9) - self.decile(1)) / self.median

    def decile(self, tenth: int) -> float:
        """p10 for 1, p90 for 9, by the nearest rank."""
        ordered = sorted(self.seconds)
        return ordered[round((len(ordered) - 1) * tenth / 10)]


class Answers:
    """What every row must give, by definition and size: the interpreter's answer on short data,
    on longer data that of whoever came first, which all others then have to agree with."""

    def __init__(self, data: Mapping[str, bytes]) -> None:
        self._data = data
        self._known: dict[tuple[str, int], tuple[str, str]] = {}

    def check(self, definition: Definition, size: int, who: str, answer: str) -> None:
        if size <= INTERPRETED:
            known = interpreted(definition, self._data[definition.data][:size]), "the interpreter"
            self._known.setdefault((definition.name, size), known)
        expected, first = self._known.setdefault((definition.name, size), (answer, who))
        if answer != expected:
            raise EngineError(
                f"{definition.name} of {show_size(size)}: {who} gives {answer}, {first} {expected}"
            )


def interpreted(definition: Definition, data: bytes) -> str:
    after, results = interp.run(definition.program, data)
    return shown(results, after if definition.program.has_map else None)


def shown(results: Sequence[ResultValue], data: bytes | bytearray | memoryview | None) -> str:
    """An answer as one line: the numbers of the results, and the SHA-256 of the data where it
    changes."""
    words: list[str] = []
    for result in results:
        words += [str(result)] if isinstance(result, int) else map(str, result)
    return " ".join(words if data is None else [*words, hashlib.sha256(data).hexdigest()])


def measure(
    rows: Mapping[str, Handle],
    size: int,
    settings: Settings,
    check: Callable[[str, str], None],
    unchecked: Collection[str],
) -> dict[str, Samples]:
    """Every row of ``rows`` at ``size``, in turns.

    ``check(row, answer)`` raises on a wrong answer; the rows in ``unchecked`` have none.
    """

    def check_all() -> None:
        for name, row in rows.items():
            row.load(size)
            if name not in unchecked:
                check(name, row.answer())
                row.load(size)

    check_all()
    paces = {name: _pace(row, settings) for name, row in rows.items()}
    found: dict[str, list[float]] = {name: [] for name in rows}
    order = list(rows)
    for turn in range(settings.rounds):
        # Another row comes first each time, so that none always follows the same one.
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            pace = paces[name]
            if pace.takes_part(turn, settings.rounds):
                found[name].append(rows[name].time(pace.calls, pace.warm) / pace.calls)
    check_all()
    return {name: Samples(tuple(seconds), paces[name].calls) for name, seconds in found.items()}


@dataclass(frozen=True)
class _Pace:
    """How many ``calls`` a sample has, after ``warm`` ones, and in how many ``rounds``."""

    calls: int
    warm: int
    rounds: int

    def takes_part(self, turn: int, of: int) -> bool:
        """Slow rows sit out rounds, evenly."""
        return turn * self.rounds // of != (turn - 1) * self.rounds // of


def _pace(row: Handle, settings: Settings) -> _Pace:
    calls, each = _calibrate(row, settings)
    # The row before had the caches; where that matters, calls before the sample fetch them back.
    enough = SETTLED if SETTLED * each <= settings.sample else 1
    warm = enough if each < SLOW else 0
    fits = int(settings.cell / (each * (calls + warm)))
    return _Pace(calls, warm, min(settings.rounds, max(settings.fewest, fits)))


def warm_up(rows: Sequence[Handle], size: int, settings: Settings) -> None:
    """Let an engine compile every row before the first is timed.

    It does so on other threads, which fall behind where there are many rows and few processors:
    hence everything twice, and a pause. ``size`` is the largest that they may be given.
    """
    size = min(size, WARM_SIZE)
    for _ in range(2):
        for row in rows:
            row.load(size)
            spent = 0.0
            while spent < 2 * settings.warmup:
                spent += row.time(2, 0)
        time.sleep(10 * settings.warmup)


def _calibrate(row: Handle, settings: Settings) -> tuple[int, float]:
    """How many calls fill a sample, and the seconds of one, after warming the row up.

    The shortest time counts, and a trial sample must take its time: else one pause of the machine
    would leave a row with samples of too few calls. Runs too short to tell do not count.
    """
    calls, spent, rounds, each = 1, 0.0, 0, math.inf
    while True:
        seconds = row.time(calls, 0)
        spent, rounds = spent + seconds, rounds + 1
        if seconds >= min(settings.sample, settings.warmup) / 8:
            each = min(each, seconds / calls)
            enough = rounds >= settings.warmups or each > SLOW
            if spent >= settings.warmup and enough:
                found = max(1, round(settings.sample / each))
                if row.time(found, 0) >= settings.sample / 2:
                    return found, each
                calls, each = found, math.inf
        # Runs of a fraction of the warm-up: a long one would be over before the better code came.
        wanted = settings.warmup / 4 / each if each < math.inf else 4 * calls
        calls = max(1, min(4 * calls, round(wanted)))
