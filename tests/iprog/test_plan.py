"""Plans are lossless, small and checked."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from pcpu.errors import InternalError, PcpuError, UsageError
from pcpu.iprog import comparing, index, plan, trials
from pcpu.iprog.align import Costs, Covers, align
from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.foreseeing import Learnt
from pcpu.iprog.index import Octets, Seeds
from pcpu.iprog.jit import read_only
from pcpu.iprog.moved import Moved
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import Mode, make_plan
from pcpu.iprog.strengths import SMALL, Trial, cheaper
from pcpu.iprog.undocument import from_json
from tests.iprog.images import CODE, Part, elf, i32
from tests.iprog.pairs import PAIRS, edited


@pytest.mark.parametrize("mode", ["small", "instant"])
@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_is_rebuilt(name: str, mode: Mode) -> None:
    blob, file = PAIRS[name]
    planned = make_plan(file, [blob], mode)
    reader = Reader(planned.plan, [blob])
    assert reader.rebuild() == file
    document = json.loads(json.dumps(to_json(reader)))
    assert from_json(document, [blob]) == planned.plan  # G32


def test_plans_are_small() -> None:
    blob, file = PAIRS["edited, large"]
    planned = make_plan(file, [blob])
    assert len(planned.plan) < 3000
    assert planned.ratio > 100
    assert len(make_plan(blob, [blob]).plan) < 250


def test_several_blobs() -> None:
    blob, file = edited(5)
    half = len(blob) // 2
    blobs = [blob[:half], b"", blob[half:]]
    assert Reader(make_plan(file, blobs).plan, blobs).rebuild() == file
    assert len(make_plan(file, blobs).plan) < len(make_plan(file, blobs[:1]).plan)


def test_no_blob_at_all() -> None:
    _, file = edited(6)
    assert Reader(make_plan(file, []).plan, []).rebuild() == file


@pytest.mark.parametrize("bits", [12, 13, 22])
def test_windows_of_any_size(bits: int) -> None:
    blob, file = edited(7, 100_000)
    planned = make_plan(file, [blob], window_bits=bits)
    reader = Reader(planned.plan, [blob])
    assert reader.header.window_bits == bits
    order = list(range(reader.header.windows))
    Random(1).shuffle(order)
    for number in order:
        assert reader.window(number) == file[number << bits : (number + 1) << bits]


def test_usual_windows_and_larger_ones_where_they_are_much_of_a_plan() -> None:
    blob, file = PAIRS["unlike"]
    assert make_plan(file, [blob]).header.window_bits == 16
    assert make_plan(bytes(3_000_000), [bytes(3_000_000)]).header.window_bits > 16


def test_windows_beyond_the_limits_are_refused() -> None:
    for bits in (11, 23):
        with pytest.raises(UsageError, match=r"2\^12 to 2\^22 bytes"):
            make_plan(b"", [], window_bits=bits)


def test_names_are_kept_where_they_are_little() -> None:
    _, noise = PAIRS["unlike"]
    header = make_plan(noise, [b"x"], name="new/version\n.bin", blob_names=["old"]).header
    assert (header.file.name, header.blobs[0].name) == ("new_version_.bin", "old")
    assert make_plan(b"", [], name="a" * 100).header.file.name == ""


def test_a_plan_that_would_not_rebuild_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    blob, file = PAIRS["edited"]
    monkeypatch.setattr(NativeReader, "send", lambda self, use: use(memoryview(file[::-1])))
    with pytest.raises(InternalError, match="other bytes from 0 on"):
        make_plan(file, [blob])


def test_progress_goes_up() -> None:
    seen: list[float] = []
    blob, file = PAIRS["edited"]
    make_plan(file, [blob], progress=lambda what, share: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_what_dropped_finders_had_blanked_out_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else bytes that differ look alike, and the other way round."""
    random = Random(11)
    calls = [b"\xe8" + struct.pack("<i", random.randrange(-900, 900)) for _ in range(2000)]
    code = b"".join(random.randbytes(12) + call for call in calls)
    blob, file = (elf([Part(".text", CODE, 0x1000, x)])[0] for x in (code, code[:500] + code[490:]))
    compared: list[tuple[bytes, bytes]] = []

    def noted(
        file: Octets,
        reference: Octets,
        seeds: Seeds,
        costs: Costs,
        spans: Sequence[tuple[int, int]],
    ) -> Covers:
        compared.append((file.tobytes(), reference.tobytes()))
        return align(file, reference, seeds, costs, spans)

    for module in (comparing, trials):
        monkeypatch.setattr(module, "align", noted)
    monkeypatch.setattr(comparing, "useful_finders", lambda moved, tried: ())
    make_plan(file, [blob])
    assert compared[0] != (file, blob)
    assert {*compared[compared.index((file, blob)) :]} == {(file, blob)}


def test_a_program_of_too_many_regions_is_not_relocated_g9() -> None:
    def program(sections: int, moved: int) -> bytes:
        """One whose sections all call what lies behind them, and lie apart in memory."""
        parts = []
        for n in range(sections):
            own = 0x10000 + 0x100 * n + moved
            call = b"\x90\xe8" + i32(0x10000 + 0x100 * (sections + 1) - own - 6)
            parts.append(Part(f".text{n}", CODE, own, call.ljust(16, b"\x90")))
        last = Part(".last", CODE, 0x10000 + 0x100 * (sections + 1), b"\x90" * 4096)
        return elf([*parts, last])[0]

    for sections, relocated in ((300, True), (4200, False)):
        planned = make_plan(program(sections, 16), [program(sections, 0)])
        assert (planned.header.relocation is not None) == relocated


def test_what_is_packed_is_aligned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other costs would give is foreseen where hardly anything is found again; but for a file
    that is found again they are tried."""
    tried: list[int] = []

    def noted(moved: Moved, file: Octets, *rest: Any) -> trials.Trials:
        tried.append(len(file))
        return trials.Trials(moved, file, *rest)

    monkeypatch.setattr(plan, "Trials", noted)
    random = Random(5)
    old, new = random.randbytes(90_000), random.randbytes(60_000)
    found = new[:20_000] + old[1000:1020] + new[20_000:] + old[50_000:80_000]
    planned = make_plan(found, [old])
    assert not tried
    assert len(planned.plan) < len(new) + 150
    assert planned.covers.start[0] == 20_000  # a short piece, but of bytes that cost much
    make_plan(old[:40_000] + new[:30_000], [old])
    assert tried == [70_000]


def test_cheaper_literals_are_tried_where_cheap_ones_are_not_far() -> None:
    none = np.empty(0, np.int64)

    def done(costs: Costs, size: int) -> Trial:
        return Trial(costs, Covers(none, none, none), (0, 0, 0), (0, 0, 0), 1, 1, 0, size)

    assert cheaper([done(Costs(), 100), done(SMALL[-1], 107)]) == ()
    found = cheaper([done(Costs(), 100), done(SMALL[-1], 105)])
    assert [costs.literal < SMALL[-1].literal for costs in found] == [True, True]
    assert cheaper([done(Costs(), 100), done(SMALL[0], 200)]) == found  # which is not known


def test_no_trial_foresees_more_than_a_plan_may(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(self: Learnt, content: bytes) -> bytes:
        sizes.append(len(content))
        return encode_foreseen(self, content)

    encode_foreseen = Learnt.encode
    monkeypatch.setattr(Learnt, "encode", noted)
    blob, file = edited()
    make_plan(file, [blob])
    most = min(sizes)
    assert max(sizes) > most
    sizes.clear()
    monkeypatch.setattr(trials, "most_foreseen", lambda subject: most)
    make_plan(file, [blob])
    assert max(sizes) == most


def test_a_filter_has_pieces_in_a_row() -> None:
    data = read_only(np.frombuffer(Random(6).randbytes(4000), np.uint8))
    table = index._filter(data, 13)
    assert all(index._may_be(data, at, table, 13) for at in range(len(data) - index.LEAST + 1))
    other = read_only(np.frombuffer(Random(7).randbytes(100_000), np.uint8))
    passed = sum(index._may_be(other, at, table, 13) for at in range(0, len(other) - 20, 3))
    assert passed < len(other) / 3 / 10  # of bits two in five are set


def test_what_goes_on_at_a_seam() -> None:
    """Parts of a file are aligned by themselves: what is alike at two skews is copied at that of
    the part before, up to where only the other is right."""
    reference = np.frombuffer(bytes(200) + b"head" + bytes(300) + b"tail" + bytes(100), np.uint8)
    file = reference[4:]
    right, by_chance = np.array([4, 0]), np.array([0, 4])
    start, stop = np.array([0, 150]), np.array([150, 500])
    found = Covers(start, stop, right).further([150], file, reference)
    assert (found.start.tolist(), found.stop.tolist(), found.skew.tolist()) == ([0], [500], [4])
    found = Covers(start, stop, by_chance).further([150], file, reference)
    assert (found.start.tolist(), found.stop.tolist()) == ([0, 196], [196, 500])
    assert Covers(start, stop, by_chance).further([], file, reference).skew.tolist() == [0, 4]


def test_more_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes themselves, and four for each in the index."""
    monkeypatch.setattr(index, "limit", lambda: 5 << 20)
    assert make_plan(b"file", [bytes(1 << 20)]).header.file.size == 4
    monkeypatch.setattr(index, "limit", lambda: (5 << 20) - 1)
    told = "takes more than 0 GiB of memory, and this process may have 0;"
    with pytest.raises(PcpuError, match=told):
        make_plan(b"file", [bytes(1 << 20)])
