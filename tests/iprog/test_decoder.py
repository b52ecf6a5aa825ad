"""Compiled decoders give what the plain one gives, and refuse what it refuses
(spec/iprog-abi.md)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from pcpu import targets
from pcpu.errors import DamagedPlanError, IprogError, UnsupportedPlanError, WrongBlobError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder.parts import decoder as built
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.finders import find_sites
from pcpu.iprog.finders.record import RECORD
from pcpu.iprog.format import Codec, read_header
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.reconstructor import compile_plan
from pcpu.iprog.sites import Sites
from pcpu.iprog.sites_file import records
from tests.iprog.damage import damaged
from tests.iprog.forge import check, header_of
from tests.iprog.golden.make import cases
from tests.iprog.module import AnyPlan, Module, OnePlan, RefusedError
from tests.test_cli import pcpu

CASES = cases()
KINDS = {DamagedPlanError: "damaged", UnsupportedPlanError: "unsupported", WrongBlobError: "wrong"}


@pytest.fixture(scope="module")
def decoder() -> AnyPlan:
    return AnyPlan()


def planned(name: str) -> tuple[bytes, bytes, bytes, Sites | None]:
    """A plan, its reference, its file and the sites that it relocates."""
    file, blobs, how = CASES[name]
    plan = make_plan(file, blobs, **how).plan  # type: ignore[arg-type]
    about = Reader(plan, blobs).header.relocation
    sites = None if about is None else find_sites(blobs[about.blob], about.finders)
    return plan, b"".join(blobs), file, sites


def has(plan: bytes, codec: Codec) -> bool:
    """Whether a frame of the first block, if any, has this codec."""
    return any(f.codec is codec for b in read_header(plan).blocks[:1] for f in b.group.frames)


@pytest.mark.parametrize("held", ["", "p", "s", "ps", "rs", "prs", "rf", "prf"])
@pytest.mark.parametrize("name", CASES)
def test_any_plan_d3_d5_d6_d7_d8(decoder: AnyPlan, name: str, held: str) -> None:
    plan, reference, file, sites = planned(name)
    decoder.open(plan, reference, sites, held)
    assert decoder.rebuild() == file
    numbers = list(range(decoder.call("windows")))
    Random(1).shuffle(numbers)
    size = decoder.call("window_size")
    for number in numbers + numbers[:3]:
        assert decoder.window(number) == file[number * size : (number + 1) * size]


@pytest.mark.parametrize("name", CASES)
def test_what_a_header_says_d4(decoder: AnyPlan, name: str) -> None:
    plan, reference, file, sites = planned(name)
    header = Reader(plan, CASES[name][1]).header
    decoder.open(plan, reference, sites)
    assert decoder.call("size") == len(file)
    assert decoder.call("plan_size") == len(plan)
    assert decoder.call("reference_size") == len(reference)
    assert decoder.call("window_size") == header.window_size
    assert decoder.call("windows") == header.windows
    assert decoder.call("sites_wanted") == (sites is not None)


def test_the_decoder_is_small() -> None:
    """What is sent to readers: at most 8 KiB of code beside Zstandard, and what relocates,
    foreseen frames and finders for whom they are (decision 0034)."""
    found = built()
    sizes = found.core.sizes
    assert sizes["kernels"] + sizes["check"] <= 8192
    assert sizes["zstandard"] < 17_500
    assert sum(sizes.values()) < len(found.core.code) < sum(sizes.values()) + 5000
    assert found.relocation.sizes["kernels"] < 15_500
    assert found.foreseen.sizes["kernels"] < 2_500
    assert found.matched.sizes["kernels"] < 6_000
    assert found.names.sizes["kernels"] < 2_000
    assert found.finders.sizes["kernels"] < 75_000


def test_calls_that_are_not_possible_d1_d2(decoder: AnyPlan) -> None:
    plan, reference, _, sites = planned("x86-64")
    fresh = AnyPlan()
    for name, arguments in (("want", [0]), ("make", [0]), ("sites", [1]), ("hold", [1, 5])):
        assert fresh.call(name, *arguments) == -5, name
    assert fresh.call("open", 30) == -5
    assert fresh.call("size") == fresh.call("windows") == 0
    decoder.open(plan, reference, sites)
    for window in (-1, decoder.call("windows"), 1 << 60):
        assert decoder.call("want", window) == -5
        assert decoder.call("make", window) == -5
    assert decoder.call("make", 0) == -5  # something is missing yet
    assert decoder.call("hold", 1, len(reference) + 1) == -3
    decoder.open(plan, reference, sites)
    decoder.put(decoder.done("hold", 1, len(reference)), reference)
    assert decoder.call("want", 0) == -5  # without its sites


def test_memory_that_there_is_not_d1(decoder: AnyPlan) -> None:
    assert decoder.call("header", 0x7FFFFFFF) == -4
    assert decoder.call("open", 100) == -5
    assert decoder.call("hold", 0, -1) == -4
    assert decoder.call("open", 100) == -5
    plan, reference, _, sites = planned("x86-64")
    decoder.open(plan, reference, sites)
    assert decoder.call("sites", 0x7FFFFFFF) == -4
    assert decoder.call("want", 0) > 0


def test_memory_is_bounded_d9() -> None:
    """A file of 64 MiB from a blob of 64 MiB, which the decoder never holds."""
    blob = Random(5).randbytes(1 << 16) * 1024
    file = blob[:99] + b"new" + blob[500:]
    plan = make_plan(file, [blob], "instant").plan
    module = AnyPlan()
    module.open(plan, blob, None)
    size = module.call("window_size")
    for number in range(module.call("windows")):
        assert module.window(number) == file[number * size : (number + 1) * size]
    assert module.memory.data_len(module.store) < 8 << 20


def outcome(module: AnyPlan, plan: bytes, reference: bytes, held: str) -> bytes | str:
    try:
        module.open(plan, reference, None, held)
        return module.rebuild()
    except RefusedError as error:
        return str(error)


def test_flipped_bits_and_truncations_are_refused_d2(decoder: AnyPlan) -> None:
    plan, reference, file, _ = planned("edited")
    random = Random(6)
    for n in range(1500):
        at = random.randrange(len(plan))
        other = plan[:at] + bytes([plan[at] ^ 1 << n % 8]) + plan[at + 1 :]
        found = outcome(decoder, other, reference, "p")
        assert isinstance(found, str), at
        assert found.startswith(("damaged", "unsupported")), found
        assert isinstance(outcome(decoder, plan[:at], reference, "p"), str)
    assert outcome(decoder, plan, reference, "pr") == file


def test_headers_sealed_again_are_judged_alike_d2(decoder: AnyPlan, share: int) -> None:
    """What gets past the check of the header: the same verdict as that of the plain decoder."""
    plan, reference, file, _ = planned("edited")
    start, end = header_of(plan).start, header_of(plan).stop
    for other in damaged(plan, Random(7), 6400 // share, within=[range(start, end)], most=3):
        sealed = other[:end] + check(other[:end]) + plan[end + 4 :]
        found = outcome(decoder, sealed, reference, "p")
        try:
            wanted: bytes | str = Reader(sealed, [reference]).rebuild()
        except IprogError as error:
            wanted = KINDS[type(error)]
        if wanted == "wrong" or (isinstance(wanted, str) and "SHA-256" in wanted):
            continue  # hashes are the caller's to compare (D12)
        if isinstance(wanted, bytes):
            assert found == file
        elif isinstance(found, str):
            # Of two things that are wrong each may see another first.
            assert found.startswith(("damaged", "unsupported", "no-memory"))
        else:
            assert found == file  # what is wrong is a hash


@pytest.mark.parametrize("name", CASES)
def test_native_readers(name: str) -> None:
    file, blobs, how = CASES[name]
    plan = make_plan(file, blobs, **how).plan  # type: ignore[arg-type]
    reader = NativeReader(plan, blobs)
    assert reader.rebuild() == file
    for number in reversed(range(reader.header.windows)):
        assert reader.window(number) == Reader(plan, blobs).window(number)


def test_native_readers_say_what_is_wrong() -> None:
    """In the words of the plain decoder, and as often."""
    plan, reference, file, _ = planned("edited")
    random = Random(8)
    for _ in range(300):
        at = random.randrange(len(plan))
        other = plan[:at] + bytes([plan[at] ^ 1 << random.randrange(8)]) + plan[at + 1 :]
        said = []
        for kind in (Reader, NativeReader):
            with pytest.raises(IprogError) as caught:
                kind(other, [reference]).rebuild()
            said.append((type(caught.value), str(caught.value)))
        assert said[0] == said[1]
    assert NativeReader(plan, [reference]).rebuild() == file


@pytest.mark.parametrize("name", CASES)
def test_reconstructors_d10_d11(name: str) -> None:
    plan, reference, file, _ = planned(name)
    module = OnePlan(reconstructor(plan))
    assert module.call("size") == len(file)
    assert module.call("reference_size") == len(reference)
    assert module.call("window", 0) == -5
    assert module.call("blob", len(reference) + 1) == -3
    module.hold(reference)
    assert module.rebuild() == file
    assert module.call("window", module.call("windows")) == -5
    size = module.call("window_size")
    for number in reversed(range(module.call("windows"))):
        assert module.window(number) == file[number * size : (number + 1) * size]


def test_wrong_blobs_give_no_bytes_d12() -> None:
    plan, reference, _, _ = planned("edited")
    module = OnePlan(reconstructor(plan))
    module.hold(bytes(len(reference)))
    with pytest.raises(RefusedError, match="damaged: window, rule 22"):
        module.rebuild()


def custom_section(code: bytes) -> dict[str, object]:
    at = code.rindex(b"pcpu.manifest{") + len("pcpu.manifest")
    found: dict[str, object] = json.loads(code[at:])
    return found


def test_what_a_reconstructor_says_of_itself_d12() -> None:
    plan, _, _, _ = planned("names")
    header = Reader(plan, CASES["names"][1]).header
    told = custom_section(reconstructor(plan))
    assert told["kind"] == "reconstructor"
    assert told["abi"] == 1
    assert told["windows"] == header.windows
    assert told["file"] == {
        "name": header.file.name,
        "size": header.file.size,
        "sha256": header.file.sha256.hex(),
    }


@pytest.mark.parametrize(
    "name",
    [
        "edited",
        "several",
        "x86-64",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("instant", "wasm")),
    ],
)
def test_executables(name: str, tmp_path: Path) -> None:
    file, blobs, how = CASES[name]
    plan = make_plan(file, blobs, **how).plan  # type: ignore[arg-type]
    program = tmp_path / "rebuild"
    program.write_bytes(compile_plan(plan, targets.find("x86-64")))
    program.chmod(0o755)
    paths = [tmp_path / f"blob{n}" for n in range(len(blobs))]
    for path, blob in zip(paths, blobs, strict=True):
        path.write_bytes(blob)

    def run(arguments: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *arguments], capture_output=True, check=False)

    assert run(paths).stdout == file
    out = tmp_path / "out"
    assert run([*paths, "-o", out]).returncode == 0
    assert out.read_bytes() == file
    out.unlink()
    paths[0].write_bytes(bytes(len(blobs[0])))
    wrong = run([*paths, "-o", out])
    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert wrong.stderr == b"rebuild: a blob is not the one that the plan was made for\n"
    assert list(tmp_path.glob("out*")) == []
    assert run([]).returncode == 2
    assert b"not the size" in run([program]).stderr
    assert b"cannot be read" in run(["/none"]).stderr


def test_the_command_compiles_plans(tmp_path: Path) -> None:
    plan, reference, file, _ = planned("edited")
    source, out = tmp_path / "x.iprog", tmp_path / "x.wasm"
    source.write_bytes(plan)
    done = pcpu("compile", source, "-o", out, "--json")
    assert json.loads(done.stdout)["compiled_size"] == out.stat().st_size
    module = OnePlan(out.read_bytes())
    module.hold(reference)
    assert module.rebuild() == file
    assert pcpu("compile", source, "--target", "host", "-o", out).returncode == 2
    assert pcpu("compile", source, "--emit", "asm", "-o", out).returncode == 2
    assert pcpu("compile", "--decoder", "-o", out).returncode == 0
    assert out.read_bytes() == built().core.code
    for name, part in built().given.items():
        assert out.with_name(f"x-{name}.wasm").read_bytes() == part.code
    program = tmp_path / "program"
    assert pcpu("compile", source, "--target", "x86-64", "-o", program).returncode == 0
    assert program.stat().st_mode & 0o100
    source.write_bytes(plan[:30])
    done = pcpu("compile", source, "-o", program)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pcpu: error: {source}: the plan is cut off".encode())


def test_a_core_alone_d15_d16() -> None:
    """It decodes what does not relocate, refuses the rest, and is mended by what it is given."""
    core = Module(built().core.code)
    for name in CASES:
        plan, _, file, sites = planned(name)
        core.put(core.done("hold", 0, len(plan)), plan)
        status = core.call("open", len(plan))
        if read_header(plan).renames:
            assert (status, core.call("rule")) == (-2, 124)
        elif sites is None and not has(plan, Codec.MATCHED):
            assert (status, core.call("size"), core.call("sites_wanted")) == (0, len(file), 0)
        elif sites is None:
            assert (status, core.call("rule")) == (-2, 105)
        else:
            assert (status, core.call("rule")) == (-2, 9)
            assert core.call("want", 0) == -5
    plan, reference, file, sites = planned("aarch64")
    core.put(core.done("hold", 0, len(plan)), plan)
    assert core.call("open", len(plan)) == -2
    core.give(built().relocation.code)
    core.give(built().matched.code)
    assert core.call("open", len(plan)) == 0
    core.put(core.done("hold", 1, len(reference)), reference)
    assert core.call("want", 0) == -5
    core.give(built().finders.code)
    assert core.call("find") == 0
    assert core.call("find") == -5  # they are held
    size = core.call("window_size")
    for number in range(core.call("windows")):
        assert core.call("want", number) == core.call("make", number) == 0
        assert core.made() == file[number * size : (number + 1) * size]


def test_a_core_without_foreseen_frames_d18(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses plans that have some, whether they relocate or not, until it is given the part."""
    monkeypatch.setattr("pcpu.iprog.plan.is_worth_matching", lambda *about: False)
    plan, reference, file, sites = planned("aarch64")
    assert has(plan, Codec.FORESEEN)
    assert sites is not None
    for parts in (("relocation", "foreseen"), ("foreseen", "relocation")):
        core = Module(built().core.code)
        core.put(core.done("hold", 0, len(plan)), plan)
        assert (core.call("open", len(plan)), core.call("rule")) == (-2, 9)
        core.give(built().given[parts[0]].code)
        assert core.call("open", len(plan)) == -2
        assert core.call("rule") == (105 if parts[0] == "relocation" else 9)
        core.give(built().given[parts[1]].code)
        assert core.call("open", len(plan)) == 0
        core.put(core.done("hold", 1, len(reference)), reference)
        core.put(core.done("hold_sites", len(records(sites)) // RECORD), records(sites))
        size = core.call("window_size")
        for number in range(core.call("windows")):
            assert core.call("want", number) == core.call("make", number) == 0
            assert core.made() == file[number * size : (number + 1) * size]


def test_finders_have_something_to_find_d17() -> None:
    decoder = AnyPlan()
    decoder.give(built().finders.code)
    assert decoder.call("find") == -5
    plan, reference, _, _ = planned("edited")
    decoder.open(plan, reference, None, "r")
    assert decoder.call("find") == -5
    plan, reference, _, sites = planned("x86-64")
    decoder.open(plan, reference, sites)
    assert decoder.call("find") == -5  # the reference is not held
    wrong = bytes(len(reference))
    decoder.open(plan, wrong, sites, "r")
    assert (decoder.call("find"), decoder.call("rule")) == (-1, 9)


def test_parts_of_another_build_are_not_linked_d15() -> None:
    """The name of an import says of which build a part is."""
    found = built()
    (name,) = re.findall(rb"s0\.[0-9a-f]{8}", found.core.code)
    assert all(name in part.code for part in found.given.values())
    other = found.relocation.code.replace(name, b"s0.01234567")
    with pytest.raises(KeyError, match="01234567"):
        Module(found.core.code).give(other)
