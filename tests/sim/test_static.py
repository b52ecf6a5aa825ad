"""What is said of code without running it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcpu import targets
from pcpu.isa import Isa
from pcpu.lower.whole import PIECE, lower_whole
from pcpu.sim import assembly, irloop, irtext, throughput
from pcpu.sim import static as static_module
from pcpu.sim.static import analyse
from pcpu.target import Target
from tests.sim.programs import LOOPS, run, source

WITHIN = 8  # an order of magnitude, give or take


def arm() -> Target:
    """A processor that is not ours: it is compiled for, and never run."""
    return replace(
        targets.find("host"), triple="aarch64-unknown-linux-gnu", cpu="generic", features=("+neon",)
    )


def gigahertz() -> float:
    """What this processor runs at, as far as it says so."""
    try:
        found = re.search(r"cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return float(found.group(1)) / 1000 if found else 3.0


@pytest.mark.parametrize("op", ["xor data, 90", "counteq data, 10", "crc32c data", "hist data"])
def test_an_estimate_has_the_magnitude_of_what_is_measured(isa: Isa, op: str) -> None:
    data = os.urandom(16384)  # which stays in the nearest cache
    name = op.partition(" ")[0]
    has_result = name != "xor"
    text = (f".inout data\n.return {name}\n" if has_result else "") + f"repeat 400\n{op}\nend"
    rates = [run(text, isa, {"data": data}, limit=0).totals[1].rate or 0 for _ in range(5)]
    numbers = analyse(source(op, isa), targets.find("host")).statements[0]
    assert numbers is not None
    if throughput.find(targets.find("host").triple) is None:
        assert numbers.cycles_per_byte is None
        return
    assert numbers.cycles_per_byte is not None
    measured = gigahertz() / max(rates)
    assert 1 / WITHIN < numbers.cycles_per_byte / measured < WITHIN


def test_a_loop_over_a_table_is_not_what_data_goes_through(isa: Isa) -> None:
    """With wide vectors more of a histogram's bins are added up in a turn than it has bytes in
    one."""
    wide = replace(
        targets.find("host"), triple="x86_64-unknown-linux-gnu", cpu="sapphirerapids", features=()
    )
    numbers = analyse(source("hist data", isa), wide).statements[0]
    assert numbers is not None
    assert numbers.cycles_per_byte is not None
    assert 0.25 < numbers.cycles_per_byte < 4


@pytest.mark.parametrize(
    "target", [targets.find("wasm"), targets.find("host"), arm()], ids=lambda t: t.triple
)
def test_every_target(isa: Isa, target: Target) -> None:
    found = source(LOOPS, isa)
    static = analyse(found, target)
    told = {site.line: static.statements[site.number] for site in found.steps}
    for line in (7, 8, 10, 13, 15, 22, 24, 28, 29):  # all that work on bytes
        assert told[line] is not None, line
        assert told[line].instructions > 0, line  # type: ignore[union-attr]
        if line not in (13, 29):  # of a few bytes, without a loop
            assert told[line].cycles_per_byte is not None, line  # type: ignore[union-attr]
    wide = told[8]
    assert wide is not None
    assert wide.vector_bits >= 128
    assert wide.cycles_per_byte is not None
    assert 0.001 < wide.cycles_per_byte < 1
    assert told[9] is not None
    assert told[9].cycles_per_byte is None  # a loop over windows is no loop over bytes
    assert static.total.instructions >= max(n.instructions for n in told.values() if n)
    assert static.total.vector_bits == max(n.vector_bits for n in told.values() if n)
    fused = [
        n for site, n in zip(found.sites, static.statements, strict=True) if site.line in (25, 26)
    ]
    assert fused == [None, None]


def test_wasm_vectors_have_128_bits(isa: Isa) -> None:
    static = analyse(source(LOOPS, isa), targets.find("wasm"))
    assert static.total.vector_bits == 128


def test_code_is_linked_with_its_statements(isa: Isa) -> None:
    static = analyse(
        source("xor data, 90\nc = crc32c data\nd = crc32c data[1:]", isa), targets.find("wasm")
    )
    stores = [line for line in static.ir if re.search("store <64 x i8>", line.text)]
    assert {line.statements for line in stores} == {(0,)}
    (define,) = (
        n for n, line in enumerate(static.ir) if re.match("define .*@crc32.*slice", line.text)
    )
    body = [line for line in static.ir[define + 1 : define + 40] if line.text.startswith("  ")]
    assert {line.statements for line in body} == {(1, 2)}  # one function, which both call
    assert any(line.statements == (0,) and "v128.xor" in line.text for line in static.asm)
    assert not any("!dbg" in line.text for line in static.ir)
    assert not any(".loc" in line.text for line in static.asm)


def test_nothing_is_left_of_what_nobody_uses(isa: Isa) -> None:
    found = source(".in data\n.return d\nc = sum data\nd = max data", isa)
    first, second = analyse(found, targets.find("x86-64")).statements
    assert first is not None
    assert second is not None
    # Of an operation nothing but the address that the next one takes too.
    assert (first.vector_bits, first.cycles_per_byte) == (0, None)
    assert first.instructions < 10 < second.instructions


def test_an_architecture_without_a_model_has_no_estimate(isa: Isa) -> None:
    target = replace(
        targets.find("host"),
        triple="riscv64-unknown-linux-gnu",
        cpu="generic-rv64",
        features=("+m",),
    )
    (numbers,) = analyse(source("xor data, 1", isa), target).statements
    assert numbers is not None
    assert numbers.instructions > 0
    assert (numbers.vector_bits, numbers.cycles_per_byte) == (0, None)


IR = """\
define void @f(ptr %0, i64 %n) !dbg !3 {
entry:
  %room = alloca [64 x i8], align 16
  br label %head

head:                                             ; preds = %head, %entry
  %i = phi i64 [ 0, %entry ], [ %next, %head ], !dbg !6
  %hash = phi i64 [ 1, %entry ], [ %mixed, %head ]
  %p = getelementptr i8, ptr %0, i64 %i, !dbg !6
  %v = load <16 x i8>, ptr %p, align 1, !dbg !6
  %s = getelementptr i8, ptr %room, i64 %i, !dbg !6
  store <16 x i8> %v, ptr %s, align 1, !dbg !6
  %byte = load i8, ptr %p, align 1, !dbg !6
  %wide = zext i8 %byte to i64, !dbg !6
  %t = getelementptr i64, ptr @table, i64 %wide, !dbg !6
  %entry1 = load i64, ptr %t, align 8, !dbg !7
  %joined = xor i64 %hash, %entry1, !dbg !6
  %mixed = mul i64 %joined, 31, !dbg !6
  %next = add i64 %i, 16, !dbg !6
  %more = icmp ult i64 %next, %n, !dbg !6
  br i1 %more, label %head, label %out, !dbg !6, !llvm.loop !8

out:                                              ; preds = %head
  switch i64 %n, label %end [
    i64 0, label %end
    i64 1, label %end
  ]

end:                                              ; preds = %out
  ret void
}

!3 = distinct !DISubprogram(name: "f")
!6 = !DILocation(line: 5, column: 2, scope: !3)
!7 = !DILocation(line: 0, scope: !3)
"""


def test_a_loop_of_llvm_by_hand() -> None:
    module = irtext.parse(IR)
    function = module.functions["f"]
    assert [*function.blocks] == ["entry", "head", "out", "end"]
    (loop,) = irloop.innermost(function)
    assert (loop.header, loop.body, loop.place) == ("head", frozenset({"head"}), (4, 1))
    # 16 bytes and one of them again; not the table, nor scratch memory.
    assert loop.bytes == 17
    assert loop.latency({"mul": 3}) == 4
    assert function.blocks["out"].successors == ["end", "end", "end"]
    assert [i.place for i in function.instructions][:3] == [irtext.NOWHERE, irtext.NOWHERE, (4, 1)]


ASM = """\
	.text
f:
.Lfunc_begin0:
	.loc	1 5 2 prologue_end
	xorl	%eax, %eax
.LBB0_1:
	.loc	1 0 2 is_stmt 0
	vmovdqu	(%rdi,%rax), %ymm0
	vpxor	32(%rdi,%rax), %ymm0, %ymm0
	vmovdqu	%ymm0, (%rdi,%rax)
.LBB0_2:
	.loc	1 7 1
	decq	%rcx
	jne	.LBB0_2
	addq	$32, %rax
	cmpq	%rsi, %rax
	jb	.LBB0_1
	.loc	1 0 0
	retq
	.section	.rodata
numbers:
	.long	1
	.section	.debug_abbrev,"",@progbits
	.byte	1
"""


def test_loops_of_assembly_by_hand() -> None:
    found = assembly.parse(ASM)
    assert [*found.functions] == ["f"]
    (loop,) = found.functions["f"].loops()
    assert [c.text for c in loop.code] == ["decq %rcx", "jne .LBB0_2"]
    assert loop.place == (6, 0)
    places = {c.text: c.place for c in found.functions["f"].code}
    assert places["vmovdqu (%rdi,%rax), %ymm0"] == (4, 1)
    assert places["retq"] == irtext.NOWHERE


def test_what_the_model_says_of_instructions() -> None:
    machine = throughput.find("x86_64-unknown-linux-gnu")
    assert machine is not None
    code = [c.text for c in assembly.parse(ASM).functions["f"].code if not c.is_label]
    assert [machine.moved(text) for text in code[1:4]] == [32, 32, 32]
    assert [machine.vector_bits(text) for text in code[:2]] == [0, 256]
    assert machine.throughput(["vmovdqu (%rdi), %ymm0"] * 4) == 2  # two loads a cycle
    assert machine.throughput(["vmovdqu %ymm0, (%rdi)"] * 4) == 4  # one store
    assert machine.throughput(["addq $1, (%rdi)"]) == 1  # which loads and stores
    assert machine.throughput(["imulq %rax, %rcx"] * 3) == 3
    assert machine.throughput(["divq %rcx"]) == 20
    assert machine.bulk("callq memmove@PLT") == machine.bulk("callq *memset@GOTPCREL(%rip)") == 0.05
    wasm = throughput.find("wasm32-unknown-unknown")
    assert wasm is not None
    assert wasm.throughput(["local.get 1", "i32.const 3", "end_loop"]) == 0
    assert wasm.moved("v128.load 16:p2align=0") == 16
    assert wasm.moved("i32.load8_u 0") == 1
    assert throughput.find("riscv64-unknown-linux-gnu") is None


class Counted(list[Any]):
    """A list that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()


def test_the_code_is_gone_through_as_often_whatever_the_number_of_statements(
    isa: Isa, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times(statements: int) -> int:
        lines: Counted = Counted()

        def parse(text: str) -> assembly.Assembly:
            found = assembly.parse(text)
            lines.extend(found.lines)
            return replace(found, lines=lines)

        monkeypatch.setattr(static_module, "assembly", SimpleNamespace(parse=parse))
        text = "\n".join(f"fill data[{at}:at_most], 7" for at in range(statements))
        analyse(source(f".param at_most imm8\n.inout data\n{text}", isa), targets.find("host"))
        return lines.times

    assert times(2) == times(20)


def test_with_probes_a_long_run_is_cut_into_functions(isa: Isa) -> None:
    copies = "\n".join(f"copy out[{at}:1], data[{at}:1]" for at in range(4 * PIECE))
    program = source(f".in data\n.out out, {4 * PIECE}\n{copies}", isa).program
    text, _ = lower_whole(program, targets.find("host"), probes=True)
    functions = [part for part in text.split("define ")[1:] if "piece." in part.split("\n")[0]]
    assert [part.count('call i32 @"probe.before"') for part in functions] == [PIECE] * 4
