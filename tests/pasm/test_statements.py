"""What statements do, beside numpy, zlib, bytes methods and calculations by hand (S9-S15)."""

from __future__ import annotations

import zlib

import google_crc32c
import numpy as np
import pytest

from tests.pasm.running import codes, mistakes, parse, results, run, value

DATA = bytes(range(7, 250)) + b"\nsome text\n"
ARRAY = np.frombuffer(DATA, np.uint8)


def test_S9_lines_run_in_order_and_registers_begin_as_zeros() -> None:
    text = """
        if data.len > 1000
            never = 5
        end
        a = never
        a = a + 1
        b = a
        a = a * 10
    """
    assert results(text, data=DATA) == {"a": 10, "b": 1}


def test_S9_a_scalar_is_evaluated_when_its_statement_begins() -> None:
    text = """
        n = 2
        turns = 0
        repeat n
            n = n + 5
            turns = turns + 1
        end
    """
    assert codes(text) == ["unbounded"]
    assert results(text.replace("repeat n", "repeat n & 7")) == {"n": 12, "turns": 2}


def test_S10_operations_on_spans() -> None:
    text = """
        xor data[3:100], 0x5a
        crc = crc32c data[3:]
        lines = counteq data, 10
        adler = adler32 data[0:20]
        plain = crc32 data[200:]
        at = find data[10:], 10
        none = find data[0:0], 10
    """
    masked = DATA[:3] + bytes(b ^ 0x5A for b in DATA[3:103]) + DATA[103:]
    outcome = run(text, data=DATA)
    assert outcome.buffers == {"data": masked}
    assert outcome.results == {
        "crc": google_crc32c.value(masked[3:]),
        "lines": masked.count(b"\n"),
        "adler": zlib.adler32(masked[:20]),
        "plain": zlib.crc32(masked[200:]),
        "at": masked[10:].index(10),
        "none": 2**64 - 1,
    }


def test_S10_index_counts_from_the_beginning_of_the_span() -> None:
    outcome = run("mask data[5:7], 0x010203\n", data=bytes(20))
    assert outcome.buffers["data"] == bytes(5) + bytes([1, 2, 3, 1, 2, 3, 1]) + bytes(8)


def test_S10_a_result_may_be_several_numbers() -> None:
    outcome = run("h = hist data\nten = h[10]\nbeyond = h[256 + 10]\n", data=DATA)
    assert outcome.results["h"] == tuple(np.bincount(ARRAY, minlength=256))
    assert outcome.results["ten"] == outcome.results["beyond"] == DATA.count(10)
    text = "if data.len == 0\nh = hist data\nend\nx = h[3]\n"
    assert run(f".return h, x\n{text}", data=DATA).results == {"h": (0,) * 256, "x": 0}


def test_S10_names_of_results_are_those_of_pipelines() -> None:
    program = parse("crc32c data\ncrc32c_3 = 1\ncrc32c data\ncrc32c data\nxor data, 1\nfnv data\n")
    assert list(program.registers) == ["crc32c", "crc32c_3", "crc32c_2", "crc32c_4", "fnv"]


def test_S11_operands() -> None:
    text = f"""
        .param key bytes1-4 = 0x0102
        .param n imm8 = 3
        .table rotated = 0x{bytes([*range(1, 256), 0]).hex()}
        x = n + 1
        add data, x * 2
        mask data, key
        lut data, rotated
        mask data, "ab"
    """
    changed = (ARRAY + 8) ^ np.resize(np.array([1, 2], np.uint8), len(DATA))
    changed = (changed + 1) ^ np.resize(np.frombuffer(b"ab", np.uint8), len(DATA))
    assert run(text, data=DATA).buffers["data"] == changed.tobytes()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("xor data, 256", "immediate-range"),
        ("xor data, 250 + 6", "immediate-range"),
        ('xor data, "a"', "wrong-kind"),
        ("xor data, t", "wrong-kind"),
        ("mask data, 3 + 4", "syntax"),
        ("mask data, (3)", "wrong-kind"),
        ("mask data, 0x", "immediate-range"),
        ("lut data, 0x00", "immediate-range"),
        ("lut data, t", "immediate-range"),
        ("mask data, 123", "syntax"),
        ("xor data", "immediate-count"),
        ("crc32c data, 1", "immediate-count"),
        ("xor data, 1, 2", "immediate-count"),
        ("xor data, data[0:1]", "wrong-kind"),
        ("x = xor data, 1", "name-on-map"),
        ("fill data, 256", "immediate-range"),
        ('fill data, "a"', "wrong-kind"),
        ("lit data[0:2], 7 + 8", "syntax"),
        ("x = fill data, 0", "name-on-map"),
        ("copy data", "immediate-count"),
        ("copy data, data, 1", "immediate-count"),
        ("copyxor data, data", "immediate-count"),
        ("fill data, 0, 0", "immediate-count"),
        ("crc32c list", "wrong-kind"),
        ("crc32c nothing", "unknown-name"),
        ("crc32c w", "unknown-name"),
        ("xor t, 1", "read-only"),
        ("xor src, 1", "read-only"),
        ("copy src, data", "read-only"),
        ("crc32c t[2:2]", "span-range"),
        ("crc32c t[4:]", "span-range"),
        ("crc32c data[1]", "wrong-kind"),
        ("lit data[0:2], t", "length-mismatch"),
        ("copy data[0:2], t", "length-mismatch"),
        ("adddiff data, src, data", "overlap"),
        ("x = t", "wrong-kind"),
        ("x = src.count", "wrong-kind"),
        ("x = list.len", "wrong-kind"),
        ("x = list[0]", "wrong-kind"),
        ("x = crc32c", "syntax"),
        ("x = h", "wrong-kind"),
        ("x = h.len", "wrong-kind"),
        ("x = t.len[0]", "wrong-kind"),
        ("nothing data", "unknown-op"),
    ],
)
def test_S11_S12_what_operands_and_spans_are_not(line: str, code: str) -> None:
    text = f".inout data\n.in src\n.spans list\n.table t = 0x010203\nh = hist data\n{line}\n"
    assert [(found, number) for found, number, _ in mistakes(text)] == [(code, 6)]


def test_S12_block_operations() -> None:
    text = """
        .in src
        .out plain, src.len
        .out masked, src.len
        .out more, src.len
        .out sum, src.len
        .out filled, 9
        copy plain, src
        copyxor masked, src, 0xa5
        copyadd more, src, 200
        adddiff sum, masked, src
        fill filled[2:5], 7
        lit filled[4:2], "ab"
    """
    masked = ARRAY ^ 0xA5
    assert run(text, src=DATA).buffers == {
        "plain": DATA,
        "masked": masked.tobytes(),
        "more": (ARRAY + 200).tobytes(),
        "sum": (masked + ARRAY).tobytes(),
        "filled": b"\0\0\x07\x07ab\x07\0\0",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("copy data[1:6], data[0:6]", b"aabcdefh"),
        ("copy data[0:6], data[1:6]", b"bcdefggh"),
        ("copyadd data[2:4], data[1:4], 1", b"abcdefgh"),
        ("copyxor data[0:7], data[1:7], 0x20", b"BCDEFGHh"),
        ("adddiff data[1:3], data[0:3], one", b"abcdefgh"),
    ],
)
def test_S12_the_source_is_read_first(line: str, expected: bytes) -> None:
    text = f".inout data\n.table one = 0x010101\n{line}\n"
    assert run(text, data=b"abcdefgh").buffers["data"] == expected


def test_branches() -> None:
    text = "x = data.len\nif x & 1\nx = 100\nelse\nx = 200\nend\nif x == 200\nx = x + 1\nend\n"
    assert results(text, data=b"a") == {"x": 100}
    assert results(text, data=b"ab") == {"x": 201}


def test_repetition() -> None:
    text = """
        a = 0
        b = 1
        repeat 10 as i
            c = a + b
            a = b
            b = c
            s = s0 + i
        end
    """.replace("s = s0 + i", "")
    assert results(text) == {"a": 55, "b": 89}
    assert value("n", "n = 0\nrepeat 0\nn = 1\nend") == 0
    assert value("n", "n = 0\nrepeat data.len as i\nn = n * 10 + i\nend", data=b"abcd") == 123
    assert value("n", "n = 0\nrepeat 3 as i\nrepeat i\nn = n + 1\nend\nend") == 3


def test_S13_windows_and_output_tables() -> None:
    text = """
        .in data
        each window w of 100 in data[3:] into sums(crc, n, at)
            crc = crc32c w
            n = w.len
            at = w.start
        end
    """
    outcome = run(text, data=DATA)
    pieces = [DATA[3:103], DATA[103:203], DATA[203:]]
    assert outcome.tables == {
        "sums": [
            (google_crc32c.value(piece), len(piece), 3 + 100 * number)
            for number, piece in enumerate(pieces)
        ]
    }
    assert outcome.results == {}
    assert run(text, data=b"abc").tables == {"sums": []}


def test_S13_a_window_can_be_changed() -> None:
    text = "each window w of 3 in data\nxor w[0:1], 0x20\nadd w[1:], w.index\nend\n"
    # In the last window, of two bytes, the second one is the end.
    assert run(text, data=b"abcdefgh").buffers["data"] == b"AbcDfgGj"


def spans(*pairs: tuple[int, int]) -> bytes:
    return b"".join(n.to_bytes(8, "little") for pair in pairs for n in pair)


def test_S13_spans_of_a_list() -> None:
    text = """
        .in blob
        .spans list
        n = 0
        each span s of list in blob[10:] into sums(crc, where)
            crc = crc32 s
            where = s.start * 1000 + s.index * 100 + s.len
            n = n + 1
        end
    """
    outcome = run(text, blob=DATA, list=spans((0, 5), (3, 40), (len(DATA) - 10, 0), (3, 40)))
    crcs = [zlib.crc32(piece) for piece in (DATA[10:15], DATA[13:53], b"", DATA[13:53])]
    where = [10005, 13140, len(DATA) * 1000 + 200, 13340]
    assert outcome.tables == {"sums": list(zip(crcs, where, strict=True))}
    assert outcome.results == {"n": 4}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("repeat 2\neach window w of 4 in data into t(x)\ny = 1\nend\nend", "block"),
        ("each window w of 4 in data into t(z)\ny = 1\nend", "unknown-name"),
        ("each window w of 4 in data into t(h)\ny = 1\nend", "wrong-kind"),
        ("each window w of 4 in data into t(k)\ny = 1\nend", "wrong-kind"),
        ("each window w of 4 in data into t()\ny = 1\nend", "syntax"),
        ("each window w of 0 in data\nend", "immediate-range"),
        ("each window w of x in data\nend", "unbounded"),
        ("each window w of data.len in data\nend", "unbounded"),
        ("each span s of data in data\nend", "wrong-kind"),
        ("each span s of none in data\nend", "unknown-name"),
        ("each window w of 4 in list\nend", "wrong-kind"),
        ("each row w of 4 in data\nend", "syntax"),
        ("each window w of 4 in data\nend\ny = w.len", "unknown-name"),
        ("repeat 4 as i\nend\ny = i", "unknown-name"),
    ],
)
def test_S13_loops_that_are_wrong(text: str, code: str) -> None:
    before = ".in data\n.spans list\n.const k = 3\nx = 1\nh = hist data\n"
    assert codes(before + text + "\n") == [code]


def test_S14_a_register_is_a_result_or_a_variable() -> None:
    assert results("x = 1\nx = 2\nif x\nx = 3\nend\n") == {"x": 3}
    assert codes("x = crc32c data\nx = 1\n") == ["name-taken"]
    assert codes("x = 1\nx = crc32c data\n") == ["name-taken"]
    assert codes("if data.len\nx = crc32c data\nelse\nx = fnv data\nend\n") == ["name-taken"]
    # In a loop it is written once for each turn.
    assert results("repeat 2 as i\nx = crc32c data[i:]\nend\ny = x\n", data=b"ab")[
        "y"
    ] == google_crc32c.value(b"b")


def test_S15_fused_operations_mean_what_their_lines_mean() -> None:
    lines = "a = crc32c data[2:]\nxor data[2:], 0x33\nb = crc32c data[2:]\nadd data[2:], k\n"
    before = ".param k imm8 = 3\n"
    fused = run(f"{before}fuse\n{lines}end\n", data=DATA)
    assert fused == run(before + lines, data=DATA)
    assert fused.results["a"] == google_crc32c.value(DATA[2:])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("xor data, 1\nxor data[0:], 1", None),  # the same span
        ("xor data, 1\nxor data[1:], 1", (4, 5)),
        ("n = counteq data, 1\nxor data, n", (4, 11)),
        ("n = counteq data[0:4], 1\nxor data[0:n], 1", (4, 5)),
        ("", (2, 1)),
        ("x = 1", (3, 1)),
        ("fill data, 0", (3, 1)),
        ("if 1\nend", (3, 1)),
    ],
)
def test_S15_what_does_not_fuse(body: str, place: tuple[int, int] | None) -> None:
    text = f".inout data\nfuse\n{body}\nend\n"
    if place is None:
        assert parse(text)
    else:
        assert ("block", *place) in mistakes(text)
