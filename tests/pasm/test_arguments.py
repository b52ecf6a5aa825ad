"""Parameters: their values on a command line, and programs bound to them."""

from __future__ import annotations

import pytest

from pcpu.errors import UsageError
from pcpu.interp.whole import run_whole
from pcpu.ir import verify
from pcpu.isa import Isa
from pcpu.source import bind_arguments, parse_pasm, parse_pipeline

PROGRAM = """\
.param key imm8 = 0x5a
.param mark bytes1-4
.out head, mark.len + key
lit head[key:], mark
xor data, key
"""


def test_arguments_are_numbers_and_bytes(isa: Isa) -> None:
    program = parse_pasm(PROGRAM, isa)
    assert bind_arguments(program, {"mark": '"AB"'}) == {"key": 0x5A, "mark": b"AB"}
    given = {"mark": "0x00ff", "key": "0b11"}
    assert bind_arguments(program, given) == {"key": 3, "mark": b"\x00\xff"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the parameter 'mark' has no default; give it a value: mark=0x00"),
        ({"mrk": "1"}, "there is no parameter 'mrk'; did you mean 'mark'?"),
        ({"zzz": "1"}, "there is no parameter 'zzz'; it has key, mark"),
        ({"key": "256"}, "the parameter 'key' is a number of 0..255, and '256' is outside"),
        ({"key": "-1"}, "the parameter 'key' is a number such as 90 or 0x5a, not '-1'"),
        ({"key": "9" * 5000}, f"the parameter 'key' is a number of 0..255, and '{'9' * 40}...' is outside"),
        ({"mark": "12"}, "the parameter 'mark' is bytes such as 0x37fa213d or \"GET \", not '12'"),
        ({"mark": "0x123"}, "the parameter 'mark' is bytes such as 0x37fa213d or \"GET \", not '0x123'"),
        ({"mark": '"\\ud800"'}, "the parameter 'mark' is bytes such as 0x37fa213d or \"GET \", not '\"\\\\ud800\"'"),
        ({"mark": '"abcde"'}, "the parameter 'mark' is 1 to 4 bytes, and 5 are given"),
    ],
)  # fmt: skip
def test_wrong_arguments(given: dict[str, str], message: str, isa: Isa) -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(parse_pasm(PROGRAM, isa), given)
    assert str(caught.value) == message


def test_a_bound_program_does_the_same(isa: Isa) -> None:
    program = parse_pasm(PROGRAM, isa)
    arguments = bind_arguments(program, {"mark": '"AB"', "key": "2"})
    bound = program.bound(arguments)
    verify(bound)
    assert bound.parameters == ()
    found = run_whole(bound, {"data": b"xyz"}, {})
    assert found == run_whole(program, {"data": b"xyz"}, arguments)
    assert found.buffers == {"data": b"z{x", "head": b"\0\0AB"}
    with pytest.raises(KeyError, match="mark"):
        program.bound({})


def test_a_bound_program_is_a_pipeline_where_it_can_be(isa: Isa) -> None:
    text = (
        ".param key imm8\n.const two = 2\nfuse\nxor data, key + two\nn = counteq data, two\nend\n"
    )
    program = parse_pasm(text, isa)
    assert not program.is_pipeline
    assert program.bound({"key": 5}) == parse_pipeline("xor 7 | n = counteq 2", isa)
    for more in ("x = 1\n", "xor data[1:], 1\n", "xor data, data.len & 1\n"):
        assert not parse_pasm(text + more, isa).bound({"key": 5}).is_pipeline
    assert not parse_pasm(".in src\n" + text, isa).bound({"key": 5}).is_pipeline
