"""The benchmark of plans: every tool rebuilds what it is given, and goals are what they say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest
from rich.console import Console

from pcpu.bench.delta import child, main, measure, pairs, plot, readme
from pcpu.bench.delta.goals import judge
from pcpu.bench.delta.measure import INSTANT, SMALL, ZSTD, Measured, Row
from pcpu.bench.delta.pairs import KINDS, Pair
from pcpu.bench.delta.tools import TOOLS, Tool
from pcpu.errors import PcpuError, ToolchainError, UsageError
from pcpu.iprog import jit
from tests.iprog.pairs import PAIRS

OFFLINE = ("brotli", "xdelta3")  # tools that are fetched when they are first used


def files(folder: Path) -> tuple[Path, Path, Path]:
    blob, file = PAIRS["edited"]
    old, new = folder / "old", folder / "new"
    old.write_bytes(blob)
    new.write_bytes(file)
    return old, new, folder / "patch"


@pytest.mark.parametrize(
    "tool", [t for t in TOOLS if not t.name.startswith(OFFLINE)], ids=lambda t: t.name
)
def test_tools_rebuild(tool: Tool, tmp_path: Path) -> None:
    try:
        found = child.run(tool, *files(tmp_path))
    except ImportError as error:
        pytest.skip(f"{error}")
    assert 0 < found["size"] < 30_000
    assert found["make"] > 0
    assert found["apply"] > 0


def test_a_tool_that_rebuilds_something_else_ends_the_run(tmp_path: Path) -> None:
    old, new, patch = files(tmp_path)
    wrong = Tool("wrong", lambda old, new, patch: patch.touch(), lambda *_: b"y")
    with pytest.raises(PcpuError, match="wrong does not rebuild"):
        child.run(wrong, old, new, patch)


def test_pairs_are_described() -> None:
    described = pairs.described()
    assert len(described) >= 10
    assert {pair["kind"] for pair in described} == set(KINDS)
    for pair in described:
        assert all(len(pair[which]["sha256"]) == 64 for which in ("old", "new"))
    with pytest.raises(UsageError, match="has no pair 'nosuch'; known: numpy"):
        pairs.described("nosuch")


def test_what_cannot_be_fetched_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="thing cannot be fetched"):
        pairs.fetch(tmp_path / "kept", ["false"], "thing")
    assert not (tmp_path / "kept").exists()


def measured(kind: str, ours: int, peer: int, make: float = 5.0) -> Measured:
    size = 4 << 20
    rows = {
        SMALL: Row(ours, make, 500, 6 * size, 1500, 900, 1500),
        INSTANT: Row(4 * ours, 20, 900, 5 * size, 4000, 2000, 4000),
        ZSTD: Row(peer, 2, 1000, 9 * size, 500, 300, 500),
    }
    return Measured(Pair(f"{kind}-{ours}", kind, Path("a"), Path("b"), size), rows, {}, 7000)


def test_goals() -> None:
    met = [*judge([measured("executable", 100, 1000), measured("executable", 400, 1000)])]
    assert all(verdict.met for verdict in met)
    assert [round(v.value, 3) for v in met[:2]] == [0.2, 0.4]
    missed = [*judge([measured("text", 115, 100, make=1.0)])]
    wrong = {str(v) for v in missed if not v.met}
    assert "size, text: mean: 1.15, the goal is at most 1" in wrong
    assert "encode, MB/s: slowest, text-115: 1, the goal is at least 3" in wrong
    assert next(v for v in missed if "zstd-WASM" in v.what).value == 3.0


def record() -> dict[str, Any]:
    results = [measured("executable", 100, 1000), measured("text", 95, 100)]
    return main.make_record(results, [*judge(results)], True, 1.0)


def test_tables_and_records(capsys: pytest.CaptureFixture[str]) -> None:
    results = [measured("executable", 100, 1000)]
    results[0].missing["bsdiff4"] = "the file is too large for it"
    main.show(Console(width=200), results, [*judge(results)])
    shown = capsys.readouterr().out
    assert "0.100" in shown
    assert "not measured: bsdiff4 on executable-100: the file is too large for it" in shown
    assert "met    size, executable: mean: 0.1, the goal is at most 0.4" in shown
    made = json.loads(json.dumps(record()))
    assert [pair["ratio"] for pair in made["pairs"]] == [0.1, 0.95]
    assert made["pairs"][0]["tools"][SMALL] == asdict(results[0].rows[SMALL])


def test_figures_go_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{readme.BEGIN}stale\n{readme.END}after\n")
    readme.write_figures(record(), page)
    text = page.read_text()
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nafter\n")
    assert "| **iprog small** | 0.10 (0.10) | 0.95 (0.95) |" in text
    assert "stale" not in text
    assert f"{readme.BEGIN}" in readme.PAGE.read_text()


def test_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("pcpu.bench.plot.IMAGES", tmp_path)
    drawn = plot.draw(record())
    assert {path.name for path in drawn} == {
        f"iprog-{name}-{theme}.svg" for name in ("sizes", "speeds") for theme in ("light", "dark")
    }
    assert all(path.read_text().startswith("<?xml") for path in drawn)


@pytest.mark.parametrize("gate", [False, True])
def test_the_gate(gate: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = measured("text", 200, 100)
    pair = {"kind": "executable", "name": "x", "new": {"size": 1}, "old": {"size": 1}}
    monkeypatch.setattr(main, "described", lambda only=None: [pair])
    monkeypatch.setattr(main, "load", lambda pair: SimpleNamespace(old=Path("a")))
    monkeypatch.setattr(main, "measure", lambda *_: bad)
    options: dict[str, Any] = {"json_path": None, "plot": False, "only": None, "as_json": False}
    assert main.run_bench(quick=True, gate=gate, **options) == (1 if gate else 0)


def test_every_tool_has_a_mark_of_its_own() -> None:
    assert len({tool.name for tool in TOOLS}) == len(TOOLS) == len(set(plot.MARKS))


def test_what_a_new_installation_compiles_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, patch = files(tmp_path)
    told = {"size": 1, "make": 1.0, "apply": 1.0, "memory": 1}
    answers = [told | {"make": 9.0, "compiled": True}, told | {"compiled": False}]
    monkeypatch.setattr(measure, "_told", lambda *_: answers.pop(0))
    pair = Pair("edited", "text", old, new, 2_000_000)
    assert measure._run(TOOLS[0], pair, patch, old).make == 2.0
    assert not answers


def test_compiling_is_noticed() -> None:
    with jit.compiled() as loops:
        numba.njit(lambda number: number + 1)(1)
    assert len(loops) > 0
    with jit.compiled() as loops:
        pass
    assert not len(loops)
