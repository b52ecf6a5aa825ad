"""The benchmark on a machine that others use, too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pcpu.bench import build, run
from pcpu.bench.definition import load_definitions
from pcpu.bench.measure import FULL, QUICK, Samples, Settings
from pcpu.bench.runtimes import Runtime
from pcpu.library import load_isa

isa = load_isa()


@pytest.mark.parametrize(
    ("settings", "told_new"), [(FULL, [True, True, True, False]), (QUICK, [True] * 3)]
)
def test_what_a_neighbour_disturbed_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, told_new: list[bool]
) -> None:
    """There is no time for it where a run is to be quick."""
    xor, add, crc32c = (load_definitions(isa, name)[0] for name in ("xor", "add", "crc32c"))
    # The limit of `add` is twice as slow the first time; crc32c has another one, read alone.
    pace = {"xor": iter([1e-6]), "add": iter([2e-6, 1.1e-6]), "crc32c": iter([3e-6])}

    def measured(rows: Mapping[str, object], size: int, *_: object) -> dict[str, Samples]:
        return {"limit": Samples((next(pace[str(rows["name"])]),), 1)}

    monkeypatch.setattr(run, "measure", measured)
    monkeypatch.setattr(run, "_open", lambda _, __, definition, ___: {"name": definition.name})
    told: list[bool] = []
    definitions = (xor, add, crc32c)
    results = run.run(
        build.Kit({}, {}, {}, {}),
        {"node": [(definition, 64) for definition in definitions]},
        [Runtime("node", "Node", lambda *_: nullcontext(SimpleNamespace(versions={})), order=0)],
        replace(settings, warmup=0, warmups=0),
        lambda _, new: told.append(new),
    )
    assert told == told_new
    assert results.found["add", "node", 64]["limit"].best == (1.1e-6 if settings.again else 2e-6)
