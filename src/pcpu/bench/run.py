"""One run of the benchmark: every definition in every runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pcpu.bench.build import Kit
from pcpu.bench.definition import Definition
from pcpu.bench.measure import Answers, Handle, Samples, Settings, measure, warm_up
from pcpu.bench.plan import make_plan
from pcpu.bench.quiet import disturbed, quieter
from pcpu.bench.runtimes import Runtime, Session, Unavailable

Key = tuple[str, str, int]  # definition, runtime, size
Plan = dict[str, list[tuple[Definition, int]]]  # by the name of the runtime


@dataclass(frozen=True)
class Missing:
    """What was not measured and why; without a row, a whole runtime."""

    runtime: str
    definition: str | None
    row: str | None
    reason: str


@dataclass
class Results:
    """Samples by definition, runtime and size, then by row."""

    found: dict[Key, dict[str, Samples]] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def steps(definitions: Sequence[Definition], runtimes: Sequence[Runtime], quick: bool) -> Plan:
    """What is measured."""
    return {
        runtime.name: [
            (definition, size)
            for definition in definitions
            if definition.rows_in(runtime.name)
            for size in (definition.quick_sizes if quick else definition.sizes)
            if size <= runtime.largest
        ]
        for runtime in runtimes
    }


def run(
    kit: Kit,
    plan: Plan,
    runtimes: Sequence[Runtime],
    settings: Settings,
    tell: Callable[[str, bool], None],
) -> Results:
    """``tell(what, new)``: a measurement is done, the first of its kind where ``new``.

    Raises EngineError when two rows disagree about an answer.
    """
    results = Results()
    answers = Answers({kind: path.read_bytes() for kind, path in kit.data.items()})
    for runtime in runtimes:
        wanted = plan[runtime.name]
        if not wanted:
            continue
        try:
            with runtime.start(kit, max(size for _, size in wanted)) as session:
                results.versions |= session.versions
                for key, samples in _session(session, runtime, wanted, settings, answers, results):
                    tell(f"{runtime.title}: {key[0]}", key not in results.found)
                    results.found[key] = samples
        except Unavailable as error:
            results.missing.append(Missing(runtime.name, None, None, str(error)))
            for _ in wanted:
                tell(runtime.title, True)
    return results


def _session(
    session: Session,
    runtime: Runtime,
    wanted: Sequence[tuple[Definition, int]],
    settings: Settings,
    answers: Answers,
    results: Results,
) -> Iterator[tuple[Key, dict[str, Samples]]]:
    """Every measurement of a runtime; one that was disturbed comes again where it is quieter."""
    sample = settings.sample * runtime.stretch
    settings = replace(settings, sample=sample)
    if not runtime.tiers:
        settings = replace(settings, warmup=sample, warmups=1)
    definitions = {definition.name: definition for definition, _ in wanted}
    opened = {d.name: _open(session, runtime, d, results) for d in definitions.values()}
    if runtime.tiers:
        handles = [handle for rows in opened.values() for handle in rows.values()]
        warm_up(handles, max(size for _, size in wanted), settings)
    found: dict[tuple[str, int], dict[str, Samples]] = {}

    def measured(definition: Definition, size: int) -> dict[str, Samples]:
        def check(row: str, answer: str) -> None:
            who = f"{definition.row(row).title} in {runtime.title}"
            answers.check(definition, size, who, answer)

        unchecked = {row.id for row in definition.rows if row.role == "limit"}
        return measure(opened[definition.name], size, settings, check, unchecked)

    for definition, size in wanted:
        samples = found[definition.name, size] = measured(definition, size)
        yield (definition.name, runtime.name, size), samples
    for _ in range(settings.again):
        for definition, size in disturbed(wanted, found):
            samples = measured(definition, size)
            if quieter(samples, found[definition.name, size]):
                found[definition.name, size] = samples
                yield (definition.name, runtime.name, size), samples


def _open(
    session: Session,
    runtime: Runtime,
    definition: Definition,
    results: Results,
) -> dict[str, Handle]:
    opened: dict[str, Handle] = {}
    for row in definition.rows_in(runtime.name):
        try:
            opened[row.id] = session.open(make_plan(row, definition))
        except Unavailable as error:
            results.missing.append(Missing(runtime.name, definition.name, row.id, str(error)))
    return opened
