"""What is told about a plan comes to the whole file, and is right where it can be counted by hand."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from pcpu.errors import UsageError
from pcpu.iprog.explain import KINDS, explain
from pcpu.iprog.explain.picture import page, svg, write_picture
from pcpu.iprog.explain.text import lines, show_share, show_size
from pcpu.iprog.plan import make_plan
from pcpu.iprog.sections import Kind, read_contents
from tests.iprog.images import CODE, Part, elf, module
from tests.iprog.pairs import PAIRS

PCPU = Path(sys.executable).parent / "pcpu"


@pytest.mark.parametrize("name", PAIRS)
def test_every_byte_has_one_kind(name: str) -> None:
    blob, file = PAIRS[name]
    planned = make_plan(file, [blob])
    about = explain(planned)
    assert sum(about.counts) == len(file)
    assert [sum(part.counts) for part in about.parts] == [p.section.size for p in about.parts]
    assert about.counts[KINDS.index("fixed")] == planned.fixes
    assert about.counts[KINDS.index("literal")] == planned.literals
    assert about.framing > 0
    assert json.loads(json.dumps(about.to_json()))["bytes"]["literal"] == planned.literals
    root = ElementTree.fromstring(svg(about))
    assert root.tag.endswith("svg")
    assert list(lines(about))


def calls(gap: int) -> bytes:
    """64 KiB of code that calls functions behind ``gap`` bytes of new code."""
    noise = Random(1).randbytes(1 << 16)
    code = bytearray(noise.replace(b"\xe8", b"\0").replace(b"\xe9", b"\0"))
    code[0x8000:0x8000] = bytes(gap)
    for place in range(0, 0x8000, 64):
        target = 0x8000 + gap + place
        code[place : place + 5] = b"\xe8" + struct.pack("<i", target - (place + 5))
    return bytes(code)


def program(gap: int) -> bytes:
    return elf([Part(".text", CODE, 0x1000, calls(gap))])[0]


def test_moved_sites_and_their_finder() -> None:
    blob, file = program(0), program(256)
    about = explain(make_plan(file, [blob]))
    (finder,) = about.finders
    assert (finder.number, finder.name) == (1, "x86-64-code")
    assert finder.gained > 400
    text = next(part for part in about.parts if part.section.name == ".text")
    assert text.section.kind == Kind.CODE
    assert text.counts[KINDS.index("moved")] >= 4 * 500
    assert any("finder  1  x86-64-code" in line for line in lines(about))


def test_sections_come_to_the_whole_file() -> None:
    for data in (
        program(3),
        module([(1, b"\x00"), (10, b"\x00"), (0, b"\x01x")])[0],
        b"",
        b"a",
        bytes(99_999),
    ):
        sections = read_contents(data).sections
        at = 0
        for section in sections:
            assert section.start == at
            assert section.size > 0
            at = section.stop
        assert at == len(data)


def test_what_is_no_program_is_told_in_stretches() -> None:
    text = "ein schöner Satz, ".encode() * 999
    contents = read_contents(text)
    assert (contents.format, len(contents.sections)) == ("text", 16)
    assert read_contents(b"\x1f\x8b" + bytes(99)).format == "packed"
    assert read_contents(Random(1).randbytes(9000)).format == "other"
    names = [s.name for s in read_contents(module([(1, b"\x00"), (10, b"\x00")])[0]).sections]
    assert "code" in names
    assert "types" in names


def test_hostile_names_stay_text() -> None:
    blob, file = PAIRS["unlike"]
    about = explain(make_plan(file, [blob], name="<script>&"))
    assert "<script>" not in page(about)
    ElementTree.fromstring(svg(about))


def test_what_comes_from_no_blob_has_no_map_of_sources() -> None:
    """Nor has an empty file anything along it."""
    for file, blobs, shown in ((b"new", [b"old"], True), (b"new", [], False), (b"", [], False)):
        drawn = svg(explain(make_plan(file, blobs)))
        assert (">Sources<" in drawn) == shown
        assert ElementTree.fromstring(drawn).attrib["role"] == "img"


def test_sizes_and_shares() -> None:
    assert [show_size(n) for n in (0, 999, 1500, 2_000_000, 3e12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.0 MB",
        "3000 GB",
    ]
    assert [show_share(n, 100_000) for n in (0, 1, 50, 12_345)] == ["-", "<0.01%", "0.05%", "12.3%"]


def test_pictures_have_names_that_say_what_they_are(tmp_path: Path) -> None:
    about = explain(make_plan(b"new", [b"old"]))
    for name, begin in (("a.html", b"<!DOCTYPE html>"), ("a.svg", b"<svg")):
        write_picture(tmp_path / name, about)
        assert (tmp_path / name).read_bytes().startswith(begin)
    with pytest.raises(UsageError, match=r"--html .*a\.png: call it \.html or \.svg"):
        write_picture(tmp_path / "a.png", about)


def test_the_command(tmp_path: Path) -> None:
    blob, file = PAIRS["edited"]
    (tmp_path / "old").write_bytes(blob)
    (tmp_path / "new").write_bytes(file)

    def plan(*options: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(PCPU), "plan", "new", "--blob", "old", "-o", "x.iprog", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=300)

    told = plan("--explain")
    assert (told.returncode, told.stdout) == (0, b"")
    assert b"literal" in told.stderr
    drawn = plan("--html", "x.html", "--json")
    assert len(json.loads(drawn.stdout)["explanation"]["sections"]) == 16
    assert b"<svg" in (tmp_path / "x.html").read_bytes()
    assert plan("--html", "x.pdf").returncode == 2
