"""What pASM text says: lines, names, scalars, spans, bytes, directives (spec/pasm.md S1-S8)."""

from __future__ import annotations

import pytest

from pcpu.ir import Buffer, Program
from pcpu.ir.text import pasm_text
from tests.pasm.running import codes, mistakes, parse, results, run, value

DATA = b"some bytes\n"


def test_S1_blanks_comments_and_indentation_mean_nothing() -> None:
    plain = parse(".table t = 0x3b22\n.return n\nn = crc32c t[0:1 + 1]\n")
    dressed = parse(
        "; a comment\n\n"
        '   .table\tt="\\u003b\\"" ; it says ;"\r\n'
        ".return n;\n"
        "\t n=crc32c t[ 0:1+1 ];x\r\n\n   \t\n"
    )
    assert dressed == parse(pasm_text(plain)) == plain


def test_S1_no_newline_at_the_end_is_needed() -> None:
    assert parse("x = 1") == parse("x = 1\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" " * 262145 + "x = 1", [("too-long", 1, 262145)]),
        ("x = 1 ;" + "-" * 262144, [("too-long", 1, 262145)]),
        ("x = 1\n" + "; 45678\n" * (1 << 19) + "y = 2", [("too-long", 524289, 3)]),
    ],
)
def test_S1_lengths(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert mistakes(text) == expected


@pytest.mark.parametrize("word", ["if", "else", "end", "repeat", "each", "fuse"])
def test_S2_words_of_the_language_are_no_names(word: str) -> None:
    assert codes(f".const {word} = 1\nx = 1\n") == ["syntax"]
    assert "syntax" in codes(f"{word} = 1\n")


def test_S2_names_have_32_characters() -> None:
    name = "n" * 32
    assert results(f"{name} = 1\n") == {name: 1}
    assert codes(f"{name}n = 1\n") == ["syntax"]
    assert codes("Name = 1\n") == ["syntax"]


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("2 - 3", 2**64 - 1),
        ("~0 >> 60", 15),
        ("1 << 64", 0),
        ("17 % 5", 2),
        ("3 > 2 ? 10 : 20", 10),
        ("-1", 2**64 - 1),
        ("data.len", 11),
        ("t.len", 3),
        ("t[1]", 20),
        ("t[4]", 20),  # modulo the number of bytes
        ("t[~0]", 10),  # 2^64 - 1 is divisible by 3
        ("p", 9),
        ("key[5]", 2),
        ("key.len", 2),
        ("list.count", 3),
        ("t[t[0]]", 20),
    ],
)
def test_S3_scalars(scalar: str, expected: int) -> None:
    directives = ".param p imm4 = 9\n.param key bytes1-4 = 0x0102\n.table t = 0x0a141e\n.in data\n.spans list\n"
    text = f"{directives}.return x\nx = {scalar}\n"
    assert run(text, data=DATA, list=bytes(48)).results == {"x": expected}


def test_S3_windows_and_registers() -> None:
    loop = "each window w of 4 in data[2:]\n{}\nend"
    assert value("a", "a = 0\n" + loop.format("a = a * 100 + w.start"), data=DATA) == 20610
    assert value("a", "a = 0\n" + loop.format("a = a * 10 + w.index"), data=DATA) == 12
    assert value("a", "a = 0\n" + loop.format("a = a * 10 + w.len"), data=DATA) == 441
    assert value("h[10] + h[266] + h[115]", "h = hist data", data=DATA) == 1 + 1 + 2


def test_S3_the_start_of_a_window_in_a_window_counts_from_the_buffer() -> None:
    text = """
        at = 0
        each window v of 6 in data[1:]
            each window w of 4 in v
                at = at * 100 + w.start
            end
        end
    """
    assert results(text, data=b"0123456789") == {"at": 10507}


@pytest.mark.parametrize(
    ("span", "expected"),
    [("data", b"abcdef"), ("data[2:3]", b"cde"), ("data[2:]", b"cdef"), ("data[6:]", b""), ("data[0:0]", b"")],
)  # fmt: skip
def test_S4_spans(span: str, expected: bytes) -> None:
    text = f".in data\n.out o, {len(expected)}\ncopy o, {span}\n"
    assert run(text, data=b"abcdef").buffers == {"o": expected}


@pytest.mark.parametrize(
    "written", ["0x47455420", '"GET "', '"\\u0047ET "', "0x4745542" + "0", "t"]
)
def test_S5_bytes(written: str) -> None:
    text = f".table t = 0x47455420\n.out o, 4\nlit o, {written}\n"
    assert run(text).buffers == {"o": b"GET "}
    assert run('.out o, 2\nlit o, "é"\n').buffers == {"o": "é".encode()}
    assert run(".out o, 0\nlit o, 0x\n").buffers == {"o": b""}


@pytest.mark.parametrize("written", ["0x123", "0X12", "12", "'ab'", '"\\x41"', '"\\ud800"', '"ab'])
def test_S5_what_is_no_bytes(written: str) -> None:
    assert codes(f".table t = {written}\nx = 1\n") == ["syntax"]


def test_directives() -> None:
    program = parse(
        ".param n imm16 = 0x10\n.param key bytes2-3\n.const k = 2 * 3\n.const m = k << 1\n"
        '.table t = "ab"\n.in src\n.inout data\n.spans list\n.out dst, src.len + m * n\n.return\nx = m\n'
    )
    assert [(p.name, p.kind.bits, p.kind.sizes, p.default) for p in program.parameters] == [
        ("n", 16, None, 16),
        ("key", 0, (2, 3), None),
    ]
    assert program.constants == (("k", 6), ("m", 12))
    assert program.tables == (("t", b"ab"),)
    assert [(b.name, b.role) for b in program.buffers] == [
        ("src", "in"), ("data", "inout"), ("list", "spans"), ("dst", "out"),
    ]  # fmt: skip
    assert program.results == ()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (".param x imm0", "wrong-kind"),
        (".param x imm65", "wrong-kind"),
        (".param x bytes0", "wrong-kind"),
        (".param x bytes65537", "immediate-range"),
        (".param x bytes4-2", "immediate-range"),
        (".param x imm8 = 256", "immediate-range"),
        (".param x imm8 = -1", "syntax"),
        (".param x bytes2 = 0x00", "immediate-range"),
        (".param x imm8 = 0x" + "f" * 30, "immediate-range"),
        (".param x imm8 = " + "9" * 5000, "immediate-range"),
        (".const x = y", "unknown-name"),
        (".const x = data.len", "unknown-name"),
        (".table x = 0x", "immediate-range"),
        (".table x = 0x" + "00" * 65537, "immediate-range"),
        (".out x", "syntax"),
        (".out x, later.len\n.in later", "unknown-name"),
        (".out x, data.len * data.len", "too-much-work"),
        (".out x, 0 - data.len", "unbounded"),
        (".out x, 1 << 40", "too-much-work"),
        (".in x y", "syntax"),
        (".foo x", "syntax"),
        (". x", "syntax"),
        (".return y", "unknown-name"),
        (".return r, r", "name-taken"),
        (".return r\n.return r", "name-taken"),
    ],
)
def test_directives_that_are_wrong(line: str, code: str) -> None:
    assert code in codes(f".in data\n{line}\nr = 1\n")


def test_directives_stand_first() -> None:
    assert mistakes("x = 1\n  .in data\n") == [("syntax", 2, 3)]
    assert mistakes("if 1\n.in data\nend\n") == [("syntax", 2, 1)]


def test_S6_data_is_declared_where_nothing_else_is() -> None:
    usual = (Buffer("data", "inout"),)
    assert parse("xor data, 1\n").buffers == usual
    assert parse(".in src\nx = data.len\n").buffers == (*usual, Buffer("src", "in"))
    assert parse(".out o, data.len\nx = 1\n").buffers[0] == usual[0]
    assert parse(".in data\nx = crc32c data\n").buffers == (Buffer("data", "in"),)
    assert parse(".table data = 0x00\nx = crc32c data\n").buffers == ()
    assert parse("x = 1\n").buffers == ()


def test_S6_places_of_errors_do_not_move() -> None:
    assert mistakes(".in src\n.out o, src.len * src.len\nxor data, 1\n") == [
        ("too-much-work", 2, 9)
    ]


def test_S20_a_sum_that_is_too_large_is_told_where_it_gets_so() -> None:
    outputs = ".out a, data.len * 40000\n.out b, data.len * 40000\n"
    assert mistakes(f"{outputs}xor data, 1\n") == [("too-much-work", 2, 6)]
    long = "repeat 4294967295\n  x = 1\nend\n"
    assert mistakes(f"n = 1\n{long}n = 2\n") == [("too-much-work", 2, 1)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".param x imm8", ".const x = 1"),
        (".const x = 1", ".table x = 0x00"),
        (".table x = 0x00", ".in x"),
        (".in x", ".spans x"),
        (".in x", "x = 1"),
        (".const x = 1", "x = crc32c data"),
        ("x = 1", "repeat 2 as x\nend"),
        (".in x", "each window x of 4 in data\nend"),
        ("x = 1", "y = 1\neach window w of 4 in data into x(y)\nend"),
        ("repeat 2 as x\nend", "x = 1"),
        ("repeat 2 as x\nend", "x = crc32c data"),
        ("each window x of 1 in data\nend", "x = 1"),
        ("repeat 2 as x\nrepeat 2 as x\nend\nend", ""),
        ("x = crc32c data", "x = fnv data"),
    ],
)
def test_S7_a_name_has_one_meaning(first: str, second: str) -> None:
    assert codes(f".in data\n{first}\n{second}\nlast = 1\n") == ["name-taken"]


def test_S7_loops_may_share_names() -> None:
    text = """
        n = 0
        repeat 3 as i
            n = n + i
        end
        each window i of 4 in data
            n = n + i.len
        end
        repeat 2 as i
            n = n + i
        end
    """
    assert results(text, data=DATA) == {"n": 3 + 11 + 1}


def names(program: Program) -> list[str]:
    return [result.name for result in program.results]


def test_S8_results_are_registers_outside_of_loops_and_branches() -> None:
    body = "b = 1\nif b\na = 2\nend\nrepeat 2\nc = 3\nend\nfuse\nd = crc32c data\nend\nb = 4\ncrc32c data\n"
    assert names(parse(body)) == ["b", "d", "crc32c"]
    assert names(parse(f".return a, c, b\n{body}")) == ["a", "c", "b"]
    assert parse(f".return b, d, crc32c\n{body}").returns is None  # it says what is so anyway
    assert names(parse(f".return\n{body}")) == []
