"""The prompt: answered by a script, and on a terminal of its own."""

from __future__ import annotations

import io
import signal
import subprocess
import time
from collections.abc import Collection
from pathlib import Path

import google_crc32c
import pytest
from rich.console import Console

from pcpu.errors import UsageError
from pcpu.isa import Isa
from pcpu.sim import Prompt, simulate, sites_of
from pcpu.sim.trace import Simulation
from pcpu.source import bind_arguments
from tests.sim.programs import LOOPS, PCPU, TEXT, pcpu_sim, source
from tests.sim.terminal import Terminal

SPANS = bytes(8) + (44).to_bytes(8, "little")


def talk(
    text: str, isa: Isa, answers: list[str], *, breaks: Collection[int] = (), stepping: bool = True
) -> tuple[Simulation, str]:
    """A simulation whose prompt gets these answers, and what it says; then the input ends."""
    found = source(text, isa)
    said = io.StringIO()
    given = iter(answers)

    def ask(prompt: str) -> str:
        said.write(f"{prompt}\n")
        answer = next(given, None)
        if answer is None:
            raise EOFError
        return answer

    out = Console(file=said, width=80, color_system=None)
    prompt = Prompt(found, out, ask, breaks=sites_of(found, breaks), stepping=stepping)
    buffers = {"data": bytearray(TEXT), "parts": SPANS}
    inputs = {b.name: buffers[b.name] for b in found.program.buffers if b.role != "out"}
    result = simulate(found, isa, inputs, bind_arguments(found.program, {}), watcher=prompt)
    return result, said.getvalue()


def test_step_shows_each_statement(isa: Isa) -> None:
    result, said = talk("xor data, 7\nc = crc32c data\nn = data.len", isa, ["s", "", "step", "s"])
    assert result.status == "ended"
    crc = google_crc32c.value(bytes(b ^ 7 for b in TEXT))
    assert f"c 0x00000000 -> 0x{crc:08x}" in said
    assert "- 00000000  54 68 65 20" in said
    assert "+ 00000000  53 6f 62 27" in said
    assert said.count("(pcpu)") == 3


def test_next_steps_over_a_block_and_continue_runs_to_a_breakpoint(isa: Isa) -> None:
    result, said = talk(LOOPS, isa, ["n", "n", "n", "n", "p", "b 25", "c", "print nul", "c"])
    assert result.status == "ended"
    stops = [line for line in said.splitlines() if "each window" in line or "each span" in line]
    assert "each span part of parts in data" in stops[-1]
    assert "turn" not in said.split("each span")[0]  # nothing in the loop was shown
    assert "(pcpu) \nnul 0\n(pcpu) " in said


def test_breakpoints_in_loops(isa: Isa) -> None:
    result, said = talk(LOOPS, isa, ["c"] * 3 + ["q"], breaks=[10], stepping=False)
    assert result.status == "stopped"
    assert result.outcome is None
    for turn in range(4):
        assert f"data[{256 * turn}:256]  turn {turn}\n" in said
    assert result.totals[4].runs == 4
    assert result.metrics.checksum_out is None


def test_print_and_dump(isa: Isa) -> None:
    answers = [
        "print key[1] + total", "p n == 0 ? data.len : 1", "p h[3]", "p nothing", "p data", "p 1 +",
        "dump", "d data[4:data.len - 1780 - 4]", "d copy[0:1]", "x key", "d key[3:]", "d nothing[0:1]",
        "d data[9999:1]", "dump 7", "p " + "9" * 5000, "print", "list", "help", "nonsense", "break",
        "break 6000", "break 5",
    ]  # fmt: skip
    _, said = talk(LOOPS, isa, ["n", "n", *answers])
    replies = [part.rstrip() for part in said.split("(pcpu) \n")][3:]
    assert replies[0] == f"key[1] + total {0xFA}"
    assert replies[1] == f"n == 0 ? data.len : 1 {len(TEXT)}"
    assert replies[2] == "h[3] 0"
    assert replies[3].startswith("there is no number 'nothing'; registers: total, crc")
    assert replies[4].startswith("there is no number 'data'")
    assert "1 +" in replies[5]
    assert replies[6].startswith("  00000000  54 68 65 20 71 75 69 63")
    assert replies[6].endswith(f"  ... and {len(TEXT) - 256:,} more bytes")
    assert (
        replies[7] == "  00000004  71 75 69 63 6b 20 62 72 6f 77 6e 20 66 6f 78 20  quick brown fox"
    )
    assert replies[8].split() == ["00000000", "54", "T"]  # it was copied in the first line
    assert replies[9].split()[:5] == ["00000000", "37", "fa", "21", "3d"]
    assert replies[10].split() == ["00000003", "3d", "="]
    assert replies[11].startswith("there is no buffer 'nothing'; known: data, parts, copy")
    assert replies[12] == f"data has {len(TEXT)} bytes, and none at 9999 + 1"
    assert "7" in replies[13]
    assert replies[14] == "that is too long"
    assert "total 0" in replies[15].splitlines()
    assert "h all 0" in replies[15].splitlines()
    assert ">    8  mask data, key" in replies[16].splitlines()
    assert "quit, q" in replies[17]
    assert replies[18] == "unknown command 'nonsense'; help lists them"
    assert replies[19] == "give a line: break 7"
    assert replies[20] == "no statement stands on line 6000 of test.pasm"
    assert replies[21] == "no statement stands on line 5 of test.pasm; the next one is on line 6"


def test_lines_of_breakpoints(isa: Isa) -> None:
    found = source(LOOPS, isa)
    lines = {
        line: found.sites[number].line
        for line in (6, 9, 12, 13, 24, 25)
        for number in sites_of(found, [line])
    }
    assert lines == {6: 6, 9: 9, 12: 12, 13: 13, 24: 24, 25: 24}  # a fuse is one statement
    with pytest.raises(UsageError, match=r"line 14 of test\.pasm; the next one is on line 15"):
        sites_of(found, [14])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(TEXT)
    return path


def test_on_a_terminal(data: Path) -> None:
    terminal = Terminal("xor 7 | crc32c", data, "--step")
    assert "xor data, 7" in terminal.answer("dump data[0:3]\n")
    assert "54 68 65" in terminal.answer("step\n")
    assert "+ 00000000  53 6f 62 27" in terminal.answer("c\n")
    code, said = terminal.finish()
    assert code == 0
    assert f"crc32c 0x{google_crc32c.value(bytes(b ^ 7 for b in TEXT)):08x}" in said
    assert "ended" in said


@pytest.mark.parametrize("typed", ["quit\n", "\x04"])
def test_leaving_a_terminal(data: Path, typed: str) -> None:
    terminal = Terminal("xor 7 | crc32c", data, "--break", "4")
    assert "crc32c = crc32c data" in terminal.answer(typed)
    code, said = terminal.finish()
    assert code == 0
    assert "stopped" in said
    assert "Traceback" not in said


def test_an_interrupt_leaves(data: Path) -> None:
    terminal = Terminal("xor 7 | crc32c", data, "--step")
    terminal.answer("")
    time.sleep(0.5)  # readline does not see a signal just before it begins to wait
    terminal.process.send_signal(signal.SIGINT)
    code, said = terminal.finish()
    assert (code, "Traceback" in said) == (130, False)


def test_an_interrupt_ends_a_loop_that_nobody_watches(tmp_path: Path) -> None:
    path = tmp_path / "long.pasm"
    path.write_text(
        "n = 0\nrepeat 30000 as i\n  repeat 60000 as j\n    n = n + i * j\n  end\nend\n"
    )
    process = subprocess.Popen(
        [PCPU, "sim", path, "--limit", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")


def test_answers_from_a_pipe(data: Path) -> None:
    done = pcpu_sim("xor 7 | crc32c", data, "--step", stdin=b"s\np crc32c\n")
    assert done.returncode == 0
    assert b"crc32c 0x00000000\n" in done.stdout
    assert b"(pcpu)" not in done.stdout
    assert b"stopped" in done.stdout
