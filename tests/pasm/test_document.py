"""The JSON form of whole programs, and its errors (S23, S24)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu.errors import ProgramError, ProgramErrors
from pcpu.source import parse_json, read_program
from tests.pasm.running import ISA, parse

TEXT = """\
.param key bytes4 = 0x37fa213d
.param n imm64 = 18446744073709551615
.const header = 14
.table magic = 0x7f454c46
.inout data
.out out, data.len + header
.spans list
.return crc, x

crc = crc32c data
mask data[1:2], key
fuse
    xor data[4:n & 3], 9
    lines = counteq data[4:n & 3], 10
end
copyxor out[0:4], magic, 90
lit out[4:4], magic
lit out[8:2], 0x4142
x = n + 1
if x > 3
    x = 3
else
    x = 2
end
repeat 8 as i
    x = x + i
end
repeat x & 3
    fill out[i2:0], 0
end
each window w of 65536 in data into sums(x)
    x = w.len
end
each span s of list in data[2:]
    x = s.start
end
""".replace("i2", "x & 1")
DOCUMENT: dict[str, Any] = {
    "params": [
        {"name": "key", "kind": "bytes4", "default": "0x37fa213d"},
        {"name": "n", "kind": "imm64", "default": "18446744073709551615"},
    ],
    "constants": [{"name": "header", "value": 14}],
    "tables": [{"name": "magic", "bytes": "0x7f454c46"}],
    "buffers": [
        {"name": "data", "role": "inout"},
        {"name": "out", "role": "out", "size": "data.len + header"},
        {"name": "list", "role": "spans"},
    ],
    "body": [
        {"op": "crc32c", "span": {"buffer": "data", "offset": 0}, "name": "crc"},
        {"op": "mask", "span": {"buffer": "data", "offset": 1, "length": 2}, "imm": ["key"]},
        {
            "fuse": [
                {"op": "xor", "span": {"buffer": "data", "offset": 4, "length": "n & 3"}, "imm": [9]},
                {"op": "counteq", "span": {"buffer": "data", "offset": 4, "length": "n & 3"}, "imm": [10], "name": "lines"},
            ]
        },
        {
            "move": "copyxor",
            "target": {"buffer": "out", "offset": 0, "length": 4},
            "sources": [{"buffer": "magic", "offset": 0}],
            "value": 90,
        },
        {"move": "lit", "target": {"buffer": "out", "offset": 4, "length": 4}, "value": "magic"},
        {"move": "lit", "target": {"buffer": "out", "offset": 8, "length": 2}, "value": "0x4142"},
        {"let": "x", "value": "n + 1"},
        {"if": "x > 3", "then": [{"let": "x", "value": 3}], "else": [{"let": "x", "value": 2}]},
        {"repeat": 8, "as": "i", "body": [{"let": "x", "value": "x + i"}]},
        {
            "repeat": "x & 3",
            "body": [
                {"move": "fill", "target": {"buffer": "out", "offset": "x & 1", "length": 0}, "value": 0}
            ],
        },
        {
            "each": "w",
            "in": {"buffer": "data", "offset": 0},
            "size": 65536,
            "body": [{"let": "x", "value": "w.len"}],
            "into": {"name": "sums", "columns": ["x"]},
        },
        {
            "each": "s",
            "in": {"buffer": "data", "offset": 2},
            "spans": "list",
            "body": [{"let": "x", "value": "s.start"}],
        },
    ],
    "returns": ["crc", "x"],
}  # fmt: skip


def test_S23_all_statements() -> None:
    program = parse(TEXT)
    assert program.to_json() == DOCUMENT
    assert parse_json(DOCUMENT, ISA) == program
    assert parse_json(json.loads(json.dumps(program.to_json())), ISA) == program


def test_S23_what_may_be_missing() -> None:
    short = {
        "body": [
            {"op": "xor", "span": {"buffer": "data"}, "imm": 1},
            {"op": "fnv64", "span": {"buffer": "data"}},
        ]
    }
    assert parse_json(short, ISA) == parse("xor data, 1\nfnv data\n")
    assert parse_json(short, ISA).is_pipeline
    assert parse_json({"body": [{"let": "x", "value": 1.0}], "returns": []}, ISA) == parse(
        ".return\nx = 1\n"
    )
    several = {"body": [{"if": "1", "then": [{"let": "x", "value": "0x10 + 2"}]}]}
    assert parse_json(several, ISA) == parse("if 1\nx = 0x10 + 2\nend\n")


def test_S23_constants_may_be_computed() -> None:
    document = {
        "constants": [{"name": "a", "value": 3}, {"name": "b", "value": "a << 4"}],
        "body": [{"let": "x", "value": "b"}],
    }
    assert parse_json(document, ISA) == parse(".const a = 3\n.const b = a << 4\nx = b\n")


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The document with another value in one place; None takes it away."""
    document = copy.deepcopy(DOCUMENT)
    *path, last = pointer.strip("/").split("/")
    place: Any = document
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    key: Any = int(last) if isinstance(place, list) else last
    if value is None:
        del place[key]
    else:
        place[key] = value
    return document


def errors(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProgramErrors) as caught:
        parse_json(document, ISA)
    return [(e.code, str(e.pointer)) for e in caught.value.errors]


@pytest.mark.parametrize(
    ("pointer", "value", "code", "at"),
    [
        ("/params", {}, "syntax", "/params"),
        ("/params/0", 7, "syntax", "/params/0"),
        ("/params/0/kind", None, "syntax", "/params/0"),
        ("/params/0/kind", "imm65", "wrong-kind", "/params/0/kind"),
        ("/params/0/default", "0x00", "immediate-range", "/params/0/default"),
        ("/params/0/default", 5, "syntax", "/params/0/default"),
        ("/params/0/default", '"abcd', "syntax", "/params/0/default"),
        ("/params/1/default", 2**64, "syntax", "/params/1/default"),
        ("/params/1/default", -1, "immediate-range", "/params/1/default"),
        ("/params/1/name", "N", "syntax", "/params/1/name"),
        ("/constants/0/value", "data.len", "unknown-name", "/constants/0/value"),
        ("/constants/0/value", 1.5, "syntax", "/constants/0/value"),
        ("/constants/0/value", True, "syntax", "/constants/0/value"),
        ("/constants/0/value", "1 +", "syntax", "/constants/0/value"),
        ("/constants/0/more", 1, "syntax", "/constants/0/more"),
        ("/tables/0/bytes", "0x1", "syntax", "/tables/0/bytes"),
        ("/tables/0/bytes", "0x", "immediate-range", "/tables/0/bytes"),
        ("/buffers/0/role", "both", "syntax", "/buffers/0/role"),
        ("/buffers/0/size", 4, "wrong-kind", "/buffers/0/size"),
        ("/buffers/1/size", None, "wrong-kind", "/buffers/1/size"),
        ("/buffers/1/size", "out.len", "unknown-name", "/buffers/1/size"),
        ("/body/0", [], "syntax", "/body/0"),
        ("/body/0", {}, "syntax", "/body/0"),
        ("/body/0/op", "crc23c", "unknown-op", "/body/0/op"),
        ("/body/0/op", 1, "syntax", "/body/0/op"),
        ("/body/0/span", None, "syntax", "/body/0"),
        ("/body/0/span", "data", "syntax", "/body/0/span"),
        ("/body/0/span/buffer", "dat", "unknown-name", "/body/0/span/buffer"),
        ("/body/0/span/offset", -4, "immediate-range", "/body/0/span/offset"),
        ("/body/0/span/a~b", 4, "syntax", "/body/0/span/a~0b"),
        ("/body/0/imm", 1, "immediate-count", "/body/0/op"),
        ("/body/1/imm", ["key", 1], "immediate-count", "/body/1/op"),
        ("/body/1/imm/0", 77, "syntax", "/body/1/imm/0"),
        ("/body/1/imm/0", "1 + 1", "syntax", "/body/1/imm/0"),
        ("/body/1/imm", {}, "syntax", "/body/1/imm"),
        ("/body/1/name", "x", "name-on-map", "/body/1/name"),
        ("/body/2/fuse", {}, "syntax", "/body/2/fuse"),
        ("/body/2/fuse/0", {"let": "y", "value": 1}, "block", "/body/2/fuse/0"),
        ("/body/2/fuse/0/imm/0", 256, "immediate-range", "/body/2/fuse/0/imm/0"),
        ("/body/3/move", "copyand", "unknown-op", "/body/3/move"),
        ("/body/3/sources", [], "immediate-count", "/body/3/move"),
        ("/body/3/value", None, "immediate-count", "/body/3/move"),
        ("/body/3/target/length", 5, "length-mismatch", "/body/3/sources/0"),
        ("/body/5/value", "0x41", "length-mismatch", "/body/5/value"),
        ("/body/6/value", "y", "unknown-name", "/body/6/value"),
        ("/body/6/value", ["x"], "syntax", "/body/6/value"),
        ("/body/7/then", None, "syntax", "/body/7"),
        ("/body/7/if", "magic", "wrong-kind", "/body/7/if"),
        ("/body/7/else/0/value", "~~~", "syntax", "/body/7/else/0/value"),
        ("/body/8/as", "key", "name-taken", "/body/8/as"),
        ("/body/8/repeat", "n", "too-much-work", "/body/8"),
        ("/body/9/repeat", "x", "unbounded", "/body/9/repeat"),
        ("/body/10/size", 0, "immediate-range", "/body/10/size"),
        ("/body/10/spans", "list", "syntax", "/body/10/size"),
        ("/body/10/into/columns", [], "syntax", "/body/10/into/columns"),
        ("/body/10/into/columns/0", "lost", "unknown-name", "/body/10/into/columns/0"),
        ("/body/11/spans", "data", "wrong-kind", "/body/11/spans"),
        ("/returns", ["y"], "unknown-name", "/returns/0"),
        ("/returns", ["x", "x"], "name-taken", "/returns/1"),
        ("/returns", "x", "syntax", "/returns"),
        ("/ops", [], "syntax", "/ops"),
        ("/body", [], "syntax", "/body"),
    ],
)  # fmt: skip
def test_S24_errors_have_pointers(pointer: str, value: Any, code: str, at: str) -> None:
    found = errors(changed(pointer, value))
    if pointer in ("/body", "/tables/0/bytes", "/body/8/as", "/params/1/name"):
        assert (code, at) in found  # and what comes of it
    elif pointer == "/body/8/repeat":
        assert [code for code, _ in found] == ["too-much-work"]
    else:
        assert found == [(code, at)]


def test_S24_several_at_once_and_none_that_follow() -> None:
    document = {
        "constants": [{"name": "a", "value": "1 +"}],
        "body": [
            {"let": "x", "value": "a"},
            {"let": "y", "value": "$"},
            {"let": "z", "value": "y + lost"},
            {"if": 1, "then": [{"let": "b"}, {"let": "c", "value": "lost"}]},
            {"each": "w", "in": {"buffer": "data"}, "body": [{"op": "crc32c", "span": {"buffer": "w"}, "name": "d"}]},
            {"let": "e", "value": "d"},
        ],
    }  # fmt: skip
    assert errors(document) == [
        ("syntax", "/constants/0/value"),
        ("syntax", "/body/1/value"),
        ("syntax", "/body/3/then/0"),
        ("syntax", "/body/4"),
        ("unknown-name", "/body/2/value"),
    ]
    assert len(errors({"body": [{}] * 50})) == 20


def test_S24_places_do_not_move_with_implied_data() -> None:
    document = {
        "buffers": [{"name": "o", "role": "out", "size": "data.len * data.len"}],
        "body": [{"let": "x", "value": 1}],
    }
    assert errors(document) == [("too-much-work", "/buffers/0/size")]


def test_S24_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(
        json.dumps({"body": [{"let": "x", "value": "1 $ 2"}, {"let": "y", "value": "z"}]})
    )
    with pytest.raises(ProgramErrors) as caught:
        read_program(str(path), ISA)
    assert str(caught.value) == (
        f"{path}#/body/0/value: unexpected character '$' at character 3 of '1 $ 2'\n"
        f"{path}#/body/1/value: there is no 'z' here"
    )
    path.write_text('[{"op": "xor"}]')
    with pytest.raises(ProgramError) as alone:
        read_program(str(path), ISA)
    assert str(alone.value) == f"{path}#/0/op: xor takes 1 immediate (imm8), 0 given"


def test_S24_depth() -> None:
    document: Any = {"let": "x", "value": 1}
    for _ in range(17):
        document = {"if": 1, "then": [document]}
    assert errors({"body": [document]}) == [("too-long", "/body" + "/0/then" * 17)]
    for _ in range(400):
        document = {"if": 1, "then": [document]}
    assert errors({"body": [document]})[0][0] == "too-long"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["x", "data", "0x12", "w.len + 1", "$"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["op", "span", "imm", "name", "buffer", "offset", "length", "let", "value", "if", "then", "else", "repeat", "as", "body", "each", "in", "size", "spans", "into", "columns", "fuse", "move", "target", "sources", "params", "kind", "default", "constants", "tables", "bytes", "buffers", "role", "returns"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.sampled_from(sorted(DOCUMENT)), st.data())
@settings(max_examples=300, deadline=None)
def test_S24_any_document_is_a_program_or_an_error(
    value: Any, member: str, data: st.DataObject
) -> None:
    document = copy.deepcopy(DOCUMENT)
    place: Any = document
    key: Any = member
    while isinstance(place[key], list | dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(
            st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place))))
        )
    place[key] = value
    try:
        program = parse_json(document, ISA)
    except ProgramError as error:
        assert error.pointer is not None
        return
    assert parse_json(program.to_json(), ISA) == program
