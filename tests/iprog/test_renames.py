"""Names that are foreseen (spec/iprog.md G124)."""

from __future__ import annotations

import string
from collections.abc import Sequence
from random import Random

import pytest
import zstandard

from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder.parts import decoder as built
from pcpu.iprog.document import to_json
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.undocument import from_json
from tests.iprog.forge import Frames, plan, streams
from tests.iprog.module import AnyPlan, Module, RefusedError, rebuilt_alone
from tests.iprog.scripts import renamed, script

RENAMES = 256
LETTERS = set((string.ascii_letters + string.digits + "_$").encode())
Fixes = Sequence[tuple[int, int]]  # places and what is added


@pytest.fixture(scope="module")
def decoder() -> AnyPlan:
    return AnyPlan()


def forged(file: bytes, blob: bytes, fixes: Fixes, bits: int = 12) -> bytes:
    """A plan that copies a blob of this length and foresees names. Fixes are those of the file."""
    size = 1 << bits
    windows = [file[at : at + size] for at in range(0, len(file), size)]
    steps: list[list[tuple[int, int]]] = [[] for _ in windows]
    last = [-1] * len(windows)
    for place, value in fixes:
        window, at = divmod(place, size)
        steps[window].append((at - last[window] - 1, value))
        last[window] = at
    parts = streams(windows, [[(0, 0, 0)]] * len(windows), [b""] * len(windows), fixes=steps)
    return plan(file, [blob], [(len(windows), Frames(parts))], bits=bits, flags=RENAMES)


def same_everywhere(decoder: AnyPlan, made: bytes, blob: bytes, file: bytes) -> None:
    assert Reader(made, [blob]).rebuild() == file
    assert NativeReader(made, [blob]).rebuild() == file
    for held in ("", "pr"):
        decoder.open(made, blob, None, held)
        assert decoder.rebuild() == file


def told(blob: bytes, file: bytes, bits: int = 12) -> list[tuple[int, int]]:
    """The fixes that a file needs, by the words of the rule, byte for byte."""
    fixes = []
    for low in range(0, len(blob), 1 << bits):
        before, after = blob[low : low + (1 << bits)], file[low : low + (1 << bits)]
        pairs = [(0, 0)] * 8192
        at = 0
        while at < len(before):
            end = at
            while end < len(before) and before[end] in LETTERS:
                end += 1
            guess = before[at : max(end, at + 1)]
            n = int.from_bytes(guess, "little")
            pair = n * 0x9E3779B1 % 2**32 // 2**19
            is_name = 1 <= end - at <= 4
            if is_name and pairs[pair][0] == n:
                guess = pairs[pair][1].to_bytes(4, "little")[: end - at]
            wanted = after[at : at + len(guess)]
            for place, (a, b) in enumerate(zip(guess, wanted, strict=True), low + at):
                if a != b:
                    fixes.append((place, (b - a) % 256))
            if is_name:
                pairs[pair] = n, int.from_bytes(wanted, "little")
            at = max(end, at + 1)
    return fixes


def test_a_name_is_what_it_was_last_g124(decoder: AnyPlan) -> None:
    blob, file = b"f(a,b){a+b;a.a}", b"f(x,y){x+y;x.x}"
    made = forged(file, blob, [(2, ord("x") - ord("a")), (4, ord("y") - ord("b"))])
    same_everywhere(decoder, made, blob, file)
    assert rebuilt_alone(made, blob) == file
    # From there on it is another one.
    blob, file = b"a a a a", b"a b b a"
    fixes = [(2, 1), (6, 255)]
    same_everywhere(decoder, forged(file, blob, fixes), blob, file)
    assert told(blob, file) == fixes


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_names_have_one_to_four_bytes_g124(decoder: AnyPlan, size: int) -> None:
    name, other = b"a$_Z09"[:size], b"b" + b"a$_Z09"[1:size]
    blob, file = name + b" " + name, other + b" " + other
    fixes = [(0, 1)] if size <= 4 else [(0, 1), (size + 1, 1)]
    same_everywhere(decoder, forged(file, blob, fixes), blob, file)


def test_bytes_of_names_g124(decoder: AnyPlan) -> None:
    for byte in range(256):
        name = bytes([ord("a"), byte, ord("b")])
        blob, file = name + b"/a", b"A" + name[1:] + b"/A"
        fixes = told(blob, file)
        assert len(fixes) == (2 if byte in LETTERS else 1)
        same_everywhere(decoder, forged(file, blob, fixes), blob, file)


def test_windows_begin_anew_g124(decoder: AnyPlan) -> None:
    blob, file = b"a-" * 4000, b"b-" * 4000
    fixes = [(0, 1), (4096, 1)]
    made = forged(file, blob, fixes)
    same_everywhere(decoder, made, blob, file)
    assert Reader(made, [blob]).window(1) == NativeReader(made, [blob]).window(1) == file[4096:]
    # A name that goes on in the next window is two.
    blob, file = b"-" * 4095 + b"ab" + b" a b", b"-" * 4095 + b"cd" + b" a d"
    fixes = [(4095, 2), (4096, 2)]
    same_everywhere(decoder, forged(file, blob, fixes), blob, file)


def test_whatever_bytes_and_fixes_g124(decoder: AnyPlan) -> None:
    dice = Random(124)
    for turn in range(60):
        alphabet = dice.choice(
            (b"ab,", b"abcdefgh_$ .,", bytes(range(256)), b"abcdefghijkl" * 9 + b" ")
        )
        size = dice.choice((1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 500, 4095, 4096, 4097, 9000))
        blob = bytes(dice.choice(alphabet) for _ in range(size))
        file = bytearray(blob)
        for _ in range(dice.choice((0, 1, size // 9, size))):
            file[dice.randrange(size)] = dice.choice(alphabet)
        if turn % 3 == 0:
            file = bytearray(blob.translate(bytes(dice.sample(range(256), 256))))
        made = forged(bytes(file), blob, told(blob, bytes(file)))
        same_everywhere(decoder, made, blob, bytes(file))


def test_pairs_are_shared_g124(decoder: AnyPlan) -> None:
    """Names of the same pair forget each other."""
    numbers: dict[int, bytes] = {}
    for name in (bytes([a, b]) for a in sorted(LETTERS) for b in sorted(LETTERS)):
        pair = int.from_bytes(name, "little") * 0x9E3779B1 % 2**32 // 2**19
        if pair in numbers:
            break
        numbers[pair] = name
    first, second = numbers[pair], name
    blob = b" ".join((first, first, second, first))
    file = b" ".join((b"##", b"##", second, b"##"))
    wanted = [(n, (b - a) % 256) for n, (a, b) in enumerate(zip(first, b"##", strict=True))]
    fixes = [*wanted, *((n + 9, value) for n, value in wanted)]
    same_everywhere(decoder, forged(file, blob, fixes), blob, file)


def test_fixes_that_leave_their_window_are_refused_g21_g22(decoder: AnyPlan) -> None:
    blob = b"a b c " * 20
    for fixes, rule in (([(len(blob), 1)], 21), ([(3, 1), (4000, 1)], 21)):
        made = forged(blob, blob, fixes)
        for reader in (Reader(made, [blob]), NativeReader(made, [blob])):
            with pytest.raises(Exception, match="a fix leaves its window"):
                reader.rebuild()
        decoder.open(made, blob, None)
        with pytest.raises(RefusedError, match=f"damaged: make, rule {rule}"):
            decoder.rebuild()
    parts = streams([blob], [[(0, 0, 0)]], [b""], fixes=[[(1, 1)]])
    parts[4] += b"\0"  # a step without a fix
    made = plan(blob, [blob], [(1, Frames(parts))], flags=RENAMES)
    with pytest.raises(Exception, match="more steps than fixes"):
        Reader(made, [blob]).rebuild()
    decoder.open(made, blob, None)
    with pytest.raises(RefusedError, match="damaged: make, rule 22"):
        decoder.rebuild()


def test_a_core_alone_refuses_them_d21() -> None:
    made = forged(b"b", b"a", [(0, 1)])
    others = ("relocation", "foreseen", "matched")
    for parts, status in (((), -2), (others, -2), (("names",), 0), ((*others, "names"), 0)):
        module = Module(built().core.code)
        for part in parts:
            module.give(built().given[part].code)
        module.put(module.call("hold", 0, len(made)), made)
        assert module.call("open", len(made)) == status
        assert module.call("rule") == (124 if status else 0)


def test_a_script_with_other_names(decoder: AnyPlan) -> None:
    before = script(5, 900)
    blob, file = before.encode(), renamed(before, 6)
    shares: list[float] = []
    planned = make_plan(file, [blob], progress=lambda what, share: shares.append(share))
    assert shares == sorted(shares)
    assert planned.header.renames
    assert planned.header.window_size == 1 << 18
    window = zstandard.ZstdCompressionDict(blob, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    best = zstandard.ZstdCompressor(level=19, dict_data=window).compress(file)
    assert len(planned.plan) < len(best) / 2
    same_everywhere(decoder, planned.plan, blob, file)
    reader = Reader(planned.plan, [blob])
    document = to_json(reader)
    assert document["renames"] is True
    assert from_json(document, [blob]) == planned.plan


def test_literals_have_the_names_of_the_blob(decoder: AnyPlan) -> None:
    """A new function, whose names those of the file are, is stored with those of the blob."""
    before = script(7, 300)
    added = "function qqqq(a,b,c){return a+b+c+a*b*c;}"
    half = before.index("function ", len(before) // 2)
    file = renamed(before[:half] + added + before[half:], 8)
    blob = before.encode()
    planned = make_plan(file, [blob])
    assert planned.header.renames
    assert planned.literals
    same_everywhere(decoder, planned.plan, blob, file)


@pytest.mark.parametrize("text", ["1,22,333\n", "the same words each time, "])
def test_what_it_does_not_help_is_left(text: str) -> None:
    dice = Random(9)
    blob = "".join(text + str(dice.randrange(10**6)) for _ in range(3000)).encode()
    file = blob[:9000] + b"something else" + blob[9000:]
    assert not make_plan(file, [blob]).header.renames
