"""Banks: what they keep, what they refuse, and which blob they choose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import pytest

from pcpu.errors import BankError, UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.bank import store
from pcpu.iprog.bank.cost import Costs
from pcpu.iprog.bank.rank import from_chunks
from pcpu.iprog.bank.select import Depth, plan_best, select
from pcpu.iprog.bank.several import plan_several
from pcpu.iprog.bank.sketch import SIZE, Studied, study
from pcpu.iprog.bank.store import Bank, files_below
from pcpu.iprog.plan import Planned, make_plan


def versions(seed: int, count: int, size: int = 60_000) -> list[bytes]:
    """Each made of the one before it by some edits."""
    random = Random(seed)
    words = [random.randbytes(random.randint(3, 14)) for _ in range(900)]
    text = bytearray(b"".join(random.choice(words) for _ in range(size // 8)))
    found = []
    for _ in range(count):
        found.append(bytes(text))
        for _ in range(25):
            at = random.randrange(len(text) - 40)
            text[at : at + random.randint(0, 30)] = random.randbytes(random.randint(0, 40))
    return found


@pytest.fixture(scope="module")
def library() -> list[bytes]:
    return versions(1, 9)


@pytest.fixture(scope="module")
def bank(library: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Versions of one library but number 5, and other libraries."""
    folder = tmp_path_factory.mktemp("banks")
    made = Bank.made(str(folder / "bank"))
    contents = {f"lib-{n}": blob for n, blob in enumerate(library) if n != 5}
    contents |= {f"other-{n}": versions(50 + n, 1)[0] for n in range(4)}
    for name, blob in contents.items():
        (folder / name).write_bytes(blob)
        made.add(str(folder / name), name)
    return made


def planner(file: bytes) -> Any:
    def plan(blobs: Sequence[Any], names: Sequence[str]) -> Planned:
        return make_plan(file, blobs, blob_names=names)

    return plan


def test_what_a_bank_keeps_k13(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"the same")
    other.write_bytes(b"the same")
    bank = Bank.made(str(tmp_path / "bank"))
    entry, new = bank.add(str(one), "one")
    assert (entry.names, new) == (("one",), True)
    entry, new = bank.add(str(other), "other\nname")
    assert (entry.names, new) == (("one", "other_name"), False)
    assert bank.add(str(one), "one")[0].names == ("one", "other_name")
    sha256 = hashlib.sha256(b"the same").hexdigest()
    files = sorted(
        p.relative_to(tmp_path).as_posix() for p in (tmp_path / "bank").rglob("*") if p.is_file()
    )
    assert files == [
        "bank/bank.json",
        f"bank/blobs/{sha256}",
        "bank/lock",
        f"bank/sketches/{sha256}",
    ]
    assert (tmp_path / "bank/lock").read_bytes() == b""
    assert json.loads((tmp_path / "bank/bank.json").read_bytes()) == {
        "type": "iprog-bank",
        "version": 1,
    }
    assert (tmp_path / f"bank/blobs/{sha256}").read_bytes() == b"the same"
    kept = (tmp_path / f"bank/sketches/{sha256}").read_bytes()
    assert kept == study(b"the same").sketch.write() + b"one\nother_name\n"


def test_a_blob_without_a_sketch_is_not_there_k14(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"one")
    bank = Bank.made(str(tmp_path / "bank"))
    (tmp_path / "bank/blobs" / hashlib.sha256(b"one").hexdigest()).write_bytes(b"half of it")
    (tmp_path / "bank/sketches/notes.txt").write_bytes(b"not ours")
    assert bank.entries() == []
    assert bank.add(str(tmp_path / "one"), "one")[1]
    assert bytes(bank.blob(bank.entries()[0])) == b"one"


def test_a_bank_that_others_are_making_is_made(tmp_path: Path) -> None:
    for n, begun in enumerate(["blobs/", "sketches/", ".bank.json.x1", "lock"]):
        bank = tmp_path / str(n)
        bank.mkdir()
        (bank / begun).mkdir() if begun.endswith("/") else (bank / begun).touch()
        assert Bank.made(str(bank)).entries() == []
    barrier = Barrier(4)

    def make(n: int) -> None:
        barrier.wait(60)
        Bank.made(str(tmp_path / f"many-{n}"))

    with ThreadPoolExecutor(4) as threads:
        for n in range(20):
            for done in [threads.submit(make, n) for _ in range(4)]:
                done.result()


def test_damaged_banks_are_refused_k15(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"one")
    bank = Bank.made(str(tmp_path / "bank"))
    entry, _ = bank.add(str(tmp_path / "one"), "one")
    sketch, blob = tmp_path / "bank/sketches" / entry.sha256, bank.blob_path(entry.sha256)
    good = sketch.read_bytes()
    sketch.write_bytes(good[: SIZE - 1])
    with pytest.raises(BankError, match="is no sketch; add its blob anew"):
        bank.entries()
    sketch.write_bytes(study(b"two").sketch.write())
    with pytest.raises(BankError, match="is the sketch of another blob; add its blob anew"):
        bank.entries()
    bank.add(str(tmp_path / "one"), "one")
    assert sketch.read_bytes() == good
    blob.write_bytes(b"ones")
    with pytest.raises(BankError, match="is damaged; remove it, and add one anew"):
        bank.blob(entry)
    blob.write_bytes(b"two")
    with pytest.raises(BankError, match="is damaged; remove it, and add one anew"):
        plan_best(bank, b"one, two", planner(b"one, two"))
    bank.add(str(tmp_path / "one"), "one")  # which mends the copy
    assert (blob.read_bytes(), sketch.read_bytes()) == (b"one", good)
    blob.unlink()
    with pytest.raises(BankError, match="cannot be read: No such file"):
        bank.blob(entry)
    (tmp_path / "bank/bank.json").write_bytes(b'{"type": "iprog-bank", "version": 2}')
    with pytest.raises(BankError, match=r"bank\.json is not of a bank of version 1"):
        Bank(str(tmp_path / "bank"))
    (tmp_path / "bank/bank.json").write_bytes(b"[" * 70_000)
    with pytest.raises(BankError, match=r"bank\.json is not of a bank of version 1"):
        Bank(str(tmp_path / "bank"))


def test_what_is_no_bank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no bank; make one with pcpu bank add"):
        Bank(str(tmp_path / "nothing"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="is not empty, and no bank; choose another folder"):
        Bank.made(str(tmp_path))
    with pytest.raises(UsageError, match="cannot be a bank: Not a directory"):
        Bank.made(str(tmp_path / "file"))
    with pytest.raises(UsageError, match="is empty; pcpu bank add"):
        select(Bank.made(str(tmp_path / "bank")), b"x", planner(b"x"))


def test_folders_are_added_with_all_below(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x").write_bytes(b"x")
    (tmp_path / "a/y").write_bytes(b"y")
    given = [str(tmp_path / "a"), str(tmp_path / "a/y")]
    assert [name for _, name in files_below(given, str(tmp_path / "bank"))] == ["b/x", "y", "y"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no files"):
        list(files_below([str(tmp_path / "empty")], str(tmp_path / "bank")))
    bank = Bank.made(str(tmp_path / "a/bank"))
    bank.add(str(tmp_path / "a/y"), "y")
    (tmp_path / "link").symlink_to(tmp_path / "a/bank")
    for own in ("a/bank", "link"):
        found = files_below([str(tmp_path / "a")], str(tmp_path / own))
        assert [name for _, name in found] == ["b/x", "y"]
    with pytest.raises(UsageError, match="has no files beside the bank"):
        list(files_below([str(bank.folder)], str(bank.folder)))


def test_names_with_what_else_ends_lines_stay_whole(tmp_path: Path) -> None:
    bank = Bank.made(str(tmp_path / "bank"))
    (tmp_path / "x").write_bytes(b"x")
    for name in ("a\u2028b", "c\u2029d", "e\nf\x85g\x1eh"):
        bank.add(str(tmp_path / "x"), name)
    assert bank.entries()[0].names == ("a\u2028b", "c\u2029d", "e_f_g_h")


def test_names_of_several_who_add_at_once_are_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is stopped where it has made the sketch, until all are there."""
    bank = Bank.made(str(tmp_path / "bank"))
    (tmp_path / "x").write_bytes(b"x")
    together = Barrier(8)

    def slow(content: bytes) -> Studied:
        together.wait(timeout=60)
        return study(content)

    monkeypatch.setattr(store, "study", slow)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: bank.add(str(tmp_path / "x"), f"n{n}"), range(8)))
    assert sum(new for _, new in done) == 1
    assert sorted(bank.entries()[0].names) == [f"n{n}" for n in range(8)]


@pytest.mark.parametrize("depth", Depth)
def test_the_nearest_version_is_chosen(bank: Bank, library: list[bytes], depth: Depth) -> None:
    file = library[5]
    found = select(bank, file, planner(file), depth)
    assert len(found) == 12
    assert {c.entry.name for c in found[:2]} == {"lib-4", "lib-6"}
    assert all(c.entry.name.startswith("lib") for c in found[:8])
    assert found[0].depth == depth
    sizes = {
        e.name: len(make_plan(file, [bank.blob(e)]).plan)
        for e in bank.entries()
        if e.name in ("lib-4", "lib-6")
    }
    chosen = sizes[found[0].entry.name]
    if depth == Depth.PLANS:
        assert chosen == min(sizes.values())
        assert found[0].planned is not None
    assert chosen <= 2 * min(sizes.values())


def test_no_plan_is_made_where_one_blob_is_far_nearer(bank: Bank, library: list[bytes]) -> None:
    def refuse(blobs: Sequence[Any], names: Sequence[str]) -> Planned:
        raise AssertionError

    found = select(bank, library[4], refuse)
    assert (found[0].entry.name, found[0].planned) == ("lib-4", None)


def test_plans_from_the_best_blob(bank: Bank, library: list[bytes]) -> None:
    planned, best = plan_best(bank, library[5], planner(library[5]))
    assert best is not None
    blob = bank.blob(best.entry)
    assert planned.header.blobs[0].sha256 == best.entry.sketch.sha256
    assert Reader(planned.plan, [blob]).rebuild() == library[5]


def test_programs_of_the_same_kind_come_first_where_nothing_is_shared(tmp_path: Path) -> None:
    from tests.iprog.images import CODE, Part, elf

    bank = Bank.made(str(tmp_path / "bank"))
    kinds = {
        "pushes": elf([Part(".text", CODE, 0x1000, b"\x55" * 4000)])[0],
        "nops": elf([Part(".text", CODE, 0x1000, b"\x90" * 4000)])[0],
        "arm": elf([Part(".text", CODE, 0x1000, bytes(4000))], machine=183)[0],
        "text": b"no program at all",
    }
    for name, content in kinds.items():
        (tmp_path / name).write_bytes(content)
        bank.add(str(tmp_path / name), name)
    random = Random(3)
    file = elf(
        [Part(".text", CODE, 0x1000, bytes(random.choice(b"\x90\x90\x90\xc3") for _ in range(999)))]
    )[0]
    found = select(bank, file, planner(file), Depth.SKETCHES)
    near = {c.nearness.density for c in found}
    if len(near) == 1:
        assert [c.entry.name for c in found[:2]] == ["nops", "pushes"]
    else:
        assert found[0].entry.sketch.kind == "elf-x86-64"


def test_a_file_that_has_nothing_in_common_is_planned_from_no_blob(bank: Bank) -> None:
    file = Random(99).randbytes(3000)
    planned, best = plan_best(bank, file, planner(file))
    assert (best, planned.header.blobs) == (None, ())
    assert Reader(planned.plan, []).rebuild() == file


def test_several_blobs_where_each_has_a_part(bank: Bank, library: list[bytes]) -> None:
    others = [versions(50 + n, 1)[0] for n in (1, 3)]
    file = library[4] + others[0][:30_000] + others[1][-20_000:]
    sizes = {}
    for most, names in (
        (1, ["lib-4"]),
        (2, ["lib-4", "other-1"]),
        (9, ["lib-4", "other-1", "other-3"]),
    ):
        planned, chosen = plan_several(bank, file, planner(file), most)
        assert [entry.name for entry in chosen] == names
        assert Reader(planned.plan, [bank.blob(entry) for entry in chosen]).rebuild() == file
        sizes[most] = len(planned.plan)
    assert sizes[9] < sizes[2] / 2 < sizes[1] / 4
    assert len(plan_several(bank, library[4], planner(library[4]), 9)[1]) == 1
    assert (
        plan_several(bank, Random(7).randbytes(900), planner(Random(7).randbytes(900)), 9)[1] == []
    )


def test_what_is_missing_costs_more_than_edits_k12(library: list[bytes], tmp_path: Path) -> None:
    """A copy without its end has more chunks in common with a file than one with edits everywhere,
    from which the plan is much smaller."""
    file, random = library[3], Random(6)
    edited = bytearray(file)
    for _ in range(len(file) // 400):
        edited[random.randrange(len(file))] ^= 1 + random.randrange(255)
    bank = Bank.made(str(tmp_path / "bank"))
    for name, content in (("cut", file[: len(file) * 4 // 5]), ("edited", bytes(edited))):
        (tmp_path / name).write_bytes(content)
        bank.add(str(tmp_path / name), name)
    sizes = {name: len(planner(file)([content], [name]).plan) for name, content in (
        ("cut", file[: len(file) * 4 // 5]), ("edited", bytes(edited)),
    )}  # fmt: skip
    assert sizes["edited"] * 3 < sizes["cut"]
    assert select(bank, file, planner(file), Depth.BLOBS)[0].entry.name == "cut"
    assert select(bank, file, planner(file))[0].entry.name == "edited"


@pytest.mark.parametrize(("missing", "edits"), [(0.0, 0.003), (0.3, 0.0), (0.2, 0.001)])
def test_costs_of_parts_and_edits_that_are_known_k12(missing: float, edits: float) -> None:
    random = Random(9)
    file = random.randbytes(400_000)
    blob = bytearray(file[: round(len(file) * (1 - missing))])
    for _ in range(round(len(blob) * edits)):
        blob[random.randrange(len(blob))] ^= 255
    levels = study(file).levels
    cost = Costs(levels).of(from_chunks(levels, study(bytes(blob)).levels).seen)
    assert cost == pytest.approx(0.35 * missing + 2.5 * edits * (1 - missing), rel=0.4)


def duplicates(old: bytes, new: bytes) -> dict[str, bytes]:
    """Copies of two versions that were changed in different ways."""
    random = Random(1)

    def edited(blob: bytes, apart: int) -> bytes:
        made = bytearray(blob)
        for _ in range(len(blob) // apart):
            made[random.randrange(len(blob))] ^= 1 + random.randrange(255)
        return bytes(made)

    def blocks(blob: bytes, size: int) -> list[bytes]:
        return [blob[at : at + size] for at in range(0, len(blob), size)]

    return {
        "old": old,
        "edited": edited(new, 500),
        "edited less": edited(new, 3000),
        "old and edited": edited(old, 1000),
        "cut": new[: len(new) * 17 // 20],
        "moved": b"".join(sorted(blocks(old, 4096))),
        "missing": b"".join(block for block in blocks(new, 2048) if random.random() < 0.9),
        "half": old[: len(old) // 2] + edited(new[len(new) // 2 :], 2000),
        "longer": b"".join(block + random.randbytes(random.randrange(40)) for block in blocks(new, 700)),
        "within": random.randbytes(20_000) + edited(new, 1000) + random.randbytes(50_000),
    }  # fmt: skip


def test_of_near_duplicates_one_of_the_best_is_chosen(library: list[bytes], tmp_path: Path) -> None:
    """Also where the best one, and the second, and so on, are not there."""
    file = library[5]
    made = Bank.made(str(tmp_path / "bank"))
    sizes = {}
    for name, content in duplicates(library[2], file).items():
        (tmp_path / name).write_bytes(content)
        made.add(str(tmp_path / name), name)
        sizes[name] = len(planner(file)([content], [name]).plan)
    rising = sorted(sizes, key=lambda name: sizes[name])
    entries = made.entries()
    for n in range(len(rising) - 2):
        there = [entry for entry in entries if entry.name in rising[n:]]
        chosen = select(made, file, planner(file), entries=there)[0].entry.name
        assert sizes[chosen] <= 1.02 * sizes[rising[n]], (rising[n], chosen)
