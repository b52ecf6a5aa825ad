"""Step expressions: C's precedence, unsigned arithmetic of one width (spec/isa.md E1-E6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcpu import expr
from pcpu.errors import ExpressionError

NAMES = (("byte", 8), ("state", 32), ("imm8", 8))
KEYED = (("byte", 8), ("index", 64), ("key", expr.BYTES), ("k", 8))


def value(text: str, width: int = 32, **values: int) -> int:
    names = tuple(x for x in NAMES if x[1] <= width)
    return expr.evaluate(expr.parse(text, names, width), values, width)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("1 << 2 + 1", 8),  # sums bind tighter than shifts
        ("1 | 6 & 3", 3),
        ("5 ^ 1 == 1", 4),  # comparisons bind tighter than bit operations
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 ? 2 : 3", 2),
        ("17 % 5", 2),
        ("~0", 0xFFFFFFFF),
        ("-1", 0xFFFFFFFF),
        ("0 - 1 > 0", 1),  # unsigned
        ("1 << 32", 0),
        ("1 << 31", 0x80000000),
        ("0xffffffff >> 32", 0),
        ("0xFFFFFFFF * 0xFFFFFFFF", 1),
        ("0b101 + 0o17", 20),
        ("3 <= 3", 1),
        ("3 != 3", 0),
    ],
)
def test_E1_E2_E3_E4_values(text: str, expected: int) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("byte +", "the expression ends too soon", 7),
        ("byte $ 1", "unexpected character '$'", 6),
        ("byte 1", "unexpected '1'", 6),
        ("foo + 1", "unknown name 'foo'; known here: byte, state, imm8", 1),
        ("byte % imm8", "'%' takes a non-zero constant on its right", 8),
        ("byte % 0", "'%' takes a non-zero constant on its right", 8),
        ("byte + 4294967296", "4294967296 does not fit in 32 bits", 8),
        ("", "the expression ends too soon", 1),
        ("byte / 2", "unexpected character '/'; there is no division", 6),
        ("byte == 1 && 1", "unexpected '&'; join comparisons by one &", 12),
        ("byte || 1", "unexpected '|'; join comparisons by one |", 7),
        ("!byte", "unexpected character '!'; of x the opposite is x == 0", 1),
        ("byte == 'a'", 'unexpected character "\'"; a character is its number', 9),
    ],
)
def test_E2_E5_errors_state_the_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        expr.parse(text, NAMES, 32)
    assert (caught.value.message, caught.value.column) == (message, column)


def test_E1_of_the_index_the_low_bits_count() -> None:
    scope = (("byte", 8), ("index", 64), ("key", expr.BYTES))
    tree = expr.parse("byte ^ index ^ key[index >> 8]", scope, 8)
    given = expr.function(tree, ("byte", "index"), 8, {"key": b"\x01\x02\x04"})
    assert given(0xF0, 0x10A) == 0xF0 ^ 0x0A ^ 0x02
    assert expr.parse(expr.show(tree, 8), scope, 8) != expr.Var("index")


def test_E1_a_wider_name_is_refused() -> None:
    with pytest.raises(ExpressionError, match="state has 32 bits, the result only 8"):
        expr.parse("state", NAMES, 8)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "1" + ")" * 5000, "key[" * 4000, "1+" * 2000 + "1", "~" * 4000 + "1"]
)
def test_E6_hostile_depth_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        expr.parse(text, NAMES, 32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key[0]", 10),
        ("key[index]", 20),  # 4 modulo 3
        ("key[k]", 30),  # 200 modulo 3
        ("key[k + 100]", 10),  # 300 and not 44: the index has 64 bits
        ("key[0 - 1]", 10),  # 2^64 - 1 is a multiple of 3
        ("key[key[1]] ^ byte", 30 ^ 7),
        ("key[index] > 10 ? 1 : 2", 1),
        ("-key[0]", 246),
    ],
)
def test_E7_bytes_in_turn(text: str, expected: int) -> None:
    values: dict[str, int | bytes] = {"byte": 7, "index": 4, "key": bytes([10, 20, 30]), "k": 200}
    assert expr.evaluate(expr.parse(text, KEYED, 8), values, 8) == expected


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("byte ^ key", "key is bytes; write key[...] for one of them", 8),
        ("byte[0]", "byte is a number, and only bytes take brackets", 1),
        ("byte + nothing[0]", "unknown name 'nothing'; known here: byte, index, key, k", 8),
        ("key[key]", "key is bytes; write key[...] for one of them", 5),
        ("key[1", "the expression ends too soon", 6),
        ("key[]", "unexpected ']'", 5),
        ("key[0][1]", "unexpected '['", 7),
        ("(key)[1]", "unexpected '['", 6),
        ("key[18446744073709551616]", "18446744073709551616 does not fit in 64 bits", 5),
    ],
)
def test_E7_errors_state_the_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        expr.parse(text, KEYED, 8)
    assert (caught.value.message, caught.value.column) == (message, column)


def test_E7_substitution_reaches_into_brackets() -> None:
    parsed = expr.parse("key[k + index]", KEYED, 8)
    known = expr.substitute(parsed, {"k": 2})
    assert not expr.uses(known, "k")
    assert expr.uses(known, "index")
    assert expr.evaluate(known, {"index": 2, "key": b"abc"}, 8) == ord("b")


@given(st.text(alphabet="byte 0123()+-*&|^~<>=?:%stailm", max_size=60))
def test_E6_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parsed = expr.parse(text, NAMES, 32)
    except ExpressionError:
        return
    assert 0 <= expr.evaluate(parsed, {"byte": 200, "state": 1 << 31, "imm8": 255}, 32) < 1 << 32


def test_names_that_python_reserves() -> None:
    parsed = expr.parse("byte ^ lambda", (("byte", 8), ("lambda", 8)), 8)
    assert expr.evaluate(parsed, {"byte": 1, "lambda": 3}, 8) == 2
