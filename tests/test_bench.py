"""The benchmark: its data loads, its baselines are exact, and a tiny run works. No speeds."""

from __future__ import annotations

import json
import random
import re
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pcpu import interp, worker
from pcpu.bench import build, goals, javascript, peers, record, run, table
from pcpu.bench.definition import ROOT, Definition, Goal, load_definitions, parse_size, show_size
from pcpu.bench.measure import Answers, Samples, Settings, measure
from pcpu.bench.runtimes import all_runtimes
from pcpu.errors import EngineError, UsageError
from pcpu.ir import with_names
from pcpu.isa import CrcModel
from pcpu.library import load_isa

TINY = Settings(rounds=3, warmup=0.0005, warmups=1, sample=0.0002, cell=0.01)
SIZES = (64, 4096)
# Lengths around the word and block sizes of the baselines, and one that every form of crc32c
# takes whole.
LENGTHS = (0, 1, 3, 7, 8, 15, 16, 17, 31, 63, 64, 65, 127, 1000, 1011, 4099, 65536, 90001, 262145)

isa = load_isa()


def test_sizes_are_read_and_shown_alike() -> None:
    for text in ("64 B", "1 KiB", "3 KiB", "16 MiB"):
        assert show_size(parse_size(text)) == text
    with pytest.raises(UsageError, match="is not a size such as"):
        parse_size("64KB")


def test_definitions_are_whole() -> None:
    definitions = load_definitions(isa)
    assert [d.name for d in definitions] == [
        "xor", "add", "counteq", "crc32c", "fnv", "fused", "sum", "min", "find", "hist", "hist-skewed",
        "hist-constant", "crc32", "adler32", "fnv32", "lut", "mask",
    ]  # fmt: skip
    cases = load_definitions(isa, "fusing")
    assert [d.name for d in cases] == ["fusing-2", "fusing-4", "fusing-8"]
    for definition in cases:
        assert definition.title == f"fusing: {len(definition.program.body)} operations"
    definitions += cases
    runtimes = {runtime.name for runtime in all_runtimes()}
    for definition in definitions:
        ids = [row.id for row in definition.rows]
        assert len(set(ids)) == len(ids)
        for row in definition.rows:
            assert set(row.runtimes) <= runtimes
            assert row.role in table.STYLES
            if row.kind == "function" and row.runtimes == ("native",):
                assert row.source in peers.PEERS
        assert definition.data in build.DATA
        for goal in definition.goals:
            assert goal.row in ids
            assert not goal.against or any(goal.matches(row) for row in ids)


def test_unknown_names_are_named() -> None:
    with pytest.raises(UsageError, match="nothing to measure is called 'nosuch'; known: add"):
        load_definitions(isa, "nosuch")


OPERATION = {
    "op": "mixed",
    "opcode": 200,
    "args": ["data", "imm8"],
    "returns": "u32",
    "doc": "Everything that a step may hold.",
    "fold": {
        "state": "u32",
        "init": "imm8 - 9",
        "step": "(state * 0x9e3779b1 ^ (state >> (byte & 63)) + (byte % 7 << 29)) "
        "- (state < byte ? imm8 : byte >= imm8)",
        "finish": "~state",
    },
}


WITH_BYTES: list[dict[str, Any]] = [
    {
        "op": "tables",
        "args": ["data", "table:bytes7-30", "k:imm8"],
        "returns": "u32",
        "fold": {
            "state": "u32",
            "bins": 5,
            "bin": "byte * index + k",
            "init": "table[k]",
            "step": "state * 3 + table[byte - index * 77] ^ table[table[byte]]",
            "finish": "~state",
        },
    },
    {
        "op": "placed",
        "args": ["data", "table:bytes1-30"],
        "returns": "u64",
        "fold": {"state": "u64", "init": "0", "step": "(state ^ index) * 31 + byte * table[state]"},
    },
]


def _copy(name: str) -> dict[str, Any]:
    """An operation that has a definition, by a name that has none."""
    op = isa.find(name)
    assert op is not None
    left = {key: value for key, value in op.document.items() if key not in ("opcode", "$schema")}
    return {**left, "op": f"my_{name}"}


def test_an_operation_without_a_definition_is_measured(tmp_path: Path) -> None:
    """Beside JavaScript written from its declaration, which must give the same."""
    wide = json.loads(json.dumps(OPERATION).replace("u32", "u64").replace("mixed", "wide"))
    (tmp_path / "mixed.json").write_text(json.dumps(OPERATION))
    (tmp_path / "wide.json").write_text(json.dumps({**wide, "opcode": 201}))
    copies = [_copy(name) for name in ("mask", "lut", "hist", "find", "adler32")]
    (tmp_path / "bytes.json").write_text(json.dumps({"operations": [*WITH_BYTES, *copies]}))
    ours = load_isa([tmp_path / f"{name}.json" for name in ("mixed", "wide", "bytes")])
    runtimes = [runtime for runtime in all_runtimes() if runtime.name != "workerd"]
    names = ("mixed", "wide", "sub", "rotl", *(copy["op"] for copy in copies), "tables", "placed")
    definitions = [
        replace(definition, sizes=SIZES, quick_sizes=SIZES)
        for name in names
        for definition in load_definitions(ours, name)
    ]
    kit, plan = (
        build.build(ours, definitions, tmp_path),
        run.steps(definitions, runtimes, quick=True),
    )
    results = run.run(kit, plan, runtimes, TINY, lambda *_: None)
    for name in names:
        assert {"pcpu", "js-plain"} <= set(results.found[name, "node", SIZES[1]])


@pytest.mark.parametrize("refin", [False, True])
@pytest.mark.parametrize("refout", [False, True])
@pytest.mark.parametrize("width", [3, 8, 12, 31, 32, 40, 64])
def test_written_crcs_agree_with_the_model(width: int, refin: bool, refout: bool) -> None:
    generator = random.Random(width)
    poly, init, xorout = (generator.randrange(1, 1 << width) for _ in range(3))
    model = CrcModel(width, poly | 1, init, refin, refout, xorout, check=0)
    like = isa.find("crc32c")
    assert like is not None
    op, data = replace(like, crc=model, returns=f"u{width}"), generator.randbytes(100)
    call = f"console.log(`${{BigInt.asUintN({width}, BigInt(plain(Uint8Array.from({[*data]}))))}}`)"
    done = subprocess.run(
        [worker.node(), "--input-type=module", "-e", javascript.source(op) + call],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(interp.run(with_names([(op, (), None)]), data)[1][0])


def test_javascript_baselines_are_exact() -> None:
    """Every function of bench/js/baselines, on spans that start on and between words."""
    generator = random.Random(7)
    cases = [
        (length, start, generator.randbytes(length)) for length in LENGTHS for start in (0, 8, 3)
    ]
    expected = [[_independent(op, data) for op in BASELINES] for _, _, data in cases]
    request = [[start, data.hex()] for _, start, data in cases]
    done = subprocess.run(
        [worker.node(), "--input-type=module", "-e", SCRIPT],
        input=json.dumps({
            "folder": str(ROOT / "js" / "baselines"), "baselines": BASELINES, "cases": request,
            "table": [*TABLE], "key": [*KEY],
        }),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for case, answers, wanted in zip(cases, json.loads(done.stdout), expected, strict=True):
        for (op, names), given, want in zip(BASELINES.items(), answers, wanted, strict=True):
            for name, value in zip(names, given, strict=True):
                assert value == want, f"{op}.{name} of {case[0]} bytes from {case[1]}"


XOR, ADD, BYTE = 90, 203, 7
BASELINES = {
    "xor": ("xorBytes", "xorWords32", "xorWords64"),
    "add": ("addBytes", "addWords32", "addWords64"),
    "counteq": ("bytes", "branchless", "words"),
    "crc32c": ("bytes", "slicing16", "sparse"),
    "fnv": ("bigint", "limbs", "doubles"),
    "sum": ("sum", "sumWords"),
    "min": ("min",),
    "find": ("indexOf", "bufferIndexOf"),
    "hist": ("histogram", "histogram4"),
    "adler32": ("adler32",),
    "fnv32": ("fnv32",),
    "crc32": ("bytes", "slicing16"),
    "lut": ("lut", "lutPairs"),
    "mask": ("mask",),
}
TABLE = bytes(i * 167 + 13 & 255 for i in range(256))
KEY = bytes.fromhex("01a7f3d2c95b66")
SCRIPT = """
import { readFileSync } from "node:fs";
const { folder, baselines, cases, table, key } = JSON.parse(readFileSync(0));
const folds = { sum: ["folds"], min: ["folds"], find: ["folds", 7], hist: ["folds"], adler32: ["folds"], fnv32: ["folds"] };
const tables = { lut: ["tables", Uint8Array.from(table)], mask: ["tables", Uint8Array.from(key)] };
const modules = { xor: ["maps", 90], add: ["maps", 203], counteq: ["counteq", 7], ...folds, ...tables };
const answers = [];
for (const [start, hex] of cases) {
  const data = Buffer.from(hex, "hex");
  answers.push([]);
  for (const [op, names] of Object.entries(baselines)) {
    const [file, imm] = modules[op] ?? [op];
    const module = await import(`${folder}/${file}.js`);
    answers.at(-1).push(names.map((name) => {
      const bytes = new Uint8Array(new ArrayBuffer(data.length + 16), start, data.length);
      bytes.set(data);
      const result = module[name](bytes, imm);
      return result === undefined ? Buffer.from(bytes).toString("hex") : String(result);
    }));
  }
}
console.log(JSON.stringify(answers));
"""


def _independent(op: str, data: bytes) -> str:
    """What the operation gives, from Python and its libraries."""
    fastcrc: Any = pytest.importorskip("fastcrc")

    def fnv(state: int, prime: int, bits: int) -> str:
        for byte in data:
            state = (state ^ byte) * prime & (1 << bits) - 1
        return str(state)

    answers: dict[str, Callable[[], str]] = {
        "xor": lambda: bytes(b ^ XOR for b in data).hex(),
        "add": lambda: bytes(b + ADD & 255 for b in data).hex(),
        "counteq": lambda: str(data.count(BYTE)),
        "crc32c": lambda: str(fastcrc.crc32.iscsi(data)),
        "fnv": lambda: fnv(0xCBF29CE484222325, 0x100000001B3, 64),
        "sum": lambda: str(sum(data)),
        "min": lambda: str(min(data, default=255)),
        "find": lambda: str(data.find(BYTE)),
        "hist": lambda: ",".join(str(data.count(byte)) for byte in range(256)),
        "adler32": lambda: str(zlib.adler32(data)),
        "fnv32": lambda: fnv(0x811C9DC5, 0x01000193, 32),
        "crc32": lambda: str(zlib.crc32(data)),
        "lut": lambda: data.translate(TABLE).hex(),
        "mask": lambda: bytes(b ^ KEY[i % len(KEY)] for i, b in enumerate(data)).hex(),
    }
    return answers[op]()


class _Row:
    """A row that takes no time and gives a fixed answer."""

    def __init__(self, answer: str) -> None:
        self.given, self.loaded, self.calls = answer, 0, 0

    def load(self, size: int) -> None:
        self.loaded = size

    def answer(self) -> str:
        return self.given

    def time(self, calls: int, warm: int) -> float:
        self.calls += calls + warm
        return calls * 1e-6


def test_rows_take_turns_and_are_checked_before_and_after() -> None:
    asked: list[tuple[str, str]] = []
    rows = {"a": _Row("1"), "b": _Row("2"), "limit": _Row("")}
    found = measure(rows, 64, TINY, lambda row, answer: asked.append((row, answer)), {"limit"})
    assert asked == [("a", "1"), ("b", "2")] * 2
    assert {len(samples.seconds) for samples in found.values()} == {TINY.rounds}
    assert found["a"].best == pytest.approx(1e-6)


def test_a_pause_of_the_machine_does_not_shorten_samples() -> None:
    class Paused(_Row):
        def time(self, calls: int, warm: int) -> float:
            pause = 0.05 if self.calls == 0 else 0.0
            return super().time(calls, warm) + pause

    found = measure({"a": Paused("1")}, 64, TINY, lambda *_: None, ())
    assert found["a"].calls == pytest.approx(TINY.sample / 1e-6, rel=0.1)


def test_statistics() -> None:
    samples = Samples(tuple(float(n) for n in range(11)), 1)
    assert (samples.best, samples.median) == (0, 5)
    assert (samples.decile(1), samples.decile(9)) == (1, 9)


def test_goals_are_judged_by_the_fastest_rival() -> None:
    (definition,) = load_definitions(isa, "crc32c")
    definition = replace(
        definition,
        goals=(
            Goal("node", "pcpu", 64, 64, ("js-*",), at_least=2.0),
            Goal("node", "pcpu", 64, 64, at_most_ns=50.0),
            Goal("node", "pcpu", 64, 64, ("hash-wasm",), at_least=2.0),
        ),
    )
    seconds = {"pcpu": 60e-9, "js-bytes": 240e-9, "js-slicing16": 150e-9}
    found = {row: Samples((value,), 1) for row, value in seconds.items()}
    results = run.Results({("crc32c", "node", 64): found})
    first, second, third = goals.judge([definition], results, {"crc32c": {64}})
    assert first.met
    assert first.value == pytest.approx(2.5)
    assert str(second) == "crc32c in node, 64 B: 60 ns a call, the goal is 50 ns"
    assert not third.met
    assert "was not measured" in str(third)


@pytest.fixture(scope="module")
def tiny(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Definition], run.Results, build.Kit]:
    definitions = [
        replace(d, sizes=SIZES, quick_sizes=SIZES)
        for d in (*load_definitions(isa), *load_definitions(isa, "fusing"))
        if d.name in ("xor", "fnv", "crc32c", "fused", "fusing-8")
    ]
    kit, runtimes = build.build(isa, definitions, tmp_path_factory.mktemp("kit")), all_runtimes()
    plan = run.steps(definitions, runtimes, quick=True)
    return definitions, run.run(kit, plan, runtimes, TINY, lambda *_: None), kit


def test_a_run_measures_every_row(
    tiny: tuple[list[Definition], run.Results, build.Kit],
) -> None:
    definitions, results, _ = tiny
    gone = {(m.runtime, m.definition, m.row) for m in results.missing}
    for definition in definitions:
        for runtime in all_runtimes():
            if (runtime.name, None, None) in gone:
                continue
            for size in SIZES:
                found = results.found[definition.name, runtime.name, size]
                for row in definition.rows_in(runtime.name):
                    lacks = (runtime.name, definition.name, row.id) in gone
                    assert lacks or found[row.id].best > 0
    for missing in results.missing:
        assert missing.reason


def test_a_run_prints_and_records(
    tiny: tuple[list[Definition], run.Results, build.Kit], tmp_path: Path
) -> None:
    definitions, results, kit = tiny
    console = Console(file=StringIO(), width=120)
    verdicts = goals.judge(definitions, results, {d.name: set(SIZES) for d in definitions})
    table.print_results(console, definitions, all_runtimes(), results)
    table.print_verdicts(console, verdicts)
    assert isinstance(console.file, StringIO)
    assert "crc32c, Node" in console.file.getvalue()
    shown = r"^ *fusing: 8 operations +Node +4 KiB +[0-9.]+x +[0-9.]+x +[0-9]+% *$"
    assert re.search(shown, console.file.getvalue(), re.MULTILINE)

    made = record.make_record(definitions, results, verdicts, kit, quick=True, seconds=1)
    record.write_record(made, tmp_path / "record.json")
    read: dict[str, Any] = json.loads((tmp_path / "record.json").read_text())
    assert read == json.loads(json.dumps(made))
    assert len(read["results"]) == sum(map(len, results.found.values()))
    assert "hostname" not in read["machine"]


def test_a_wrong_answer_ends_the_run(
    tiny: tuple[list[Definition], run.Results, build.Kit],
) -> None:
    definitions, _, kit = tiny
    answers = Answers({kind: path.read_bytes() for kind, path in kit.data.items()})
    with pytest.raises(EngineError, match="crc32c of 64 B: me gives 1, the interpreter "):
        answers.check(next(d for d in definitions if d.name == "crc32c"), 64, "me", "1")


def test_a_run_is_drawn(
    tiny: tuple[list[Definition], run.Results, build.Kit],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    from pcpu.bench import plot

    definitions, results, kit = tiny
    made = record.make_record(definitions, results, [], kit, quick=True, seconds=1)
    monkeypatch.setattr(plot, "IMAGES", tmp_path)
    monkeypatch.setattr(plot, "THEMES", plot.THEMES[:1])
    monkeypatch.setattr(plot, "AT", SIZES[1])
    monkeypatch.setattr(plot, "FUSED_AT", SIZES[1])
    drawn = {path.name: path.read_text() for path in plot.draw(made)}
    assert set(drawn) == {"bench-light.svg", "sizes-light.svg"}
    assert all("<svg" in text for text in drawn.values())
