"""The programs of examples/ do what they say, by the command line, on real input."""

from __future__ import annotations

import csv
import gzip
import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest

from pcpu.library import load_isa
from pcpu.source import read_program
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
PCPU = Path(sys.executable).parent / "pcpu"
LICENCE = (ROOT / "LICENSE").read_bytes()


def run(program: str, *arguments: str | Path) -> dict[str, Any]:
    """The results of an example, as JSON."""
    command = [PCPU, "run", EXAMPLES / f"{program}.pasm", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def crc32c(data: bytes) -> str:
    return f"{google_crc32c.value(data):#010x}"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.pasm")), ids=lambda p: p.stem)
def test_an_example_is_canonical_and_tested(path: Path) -> None:
    read_program(str(path), load_isa())
    assert f'run("{path.stem}"' in Path(__file__).read_text("utf-8")


def test_unmask(tmp_path: Path) -> None:
    key = bytes.fromhex("37fa213d")
    masked = tmp_path / "message"
    masked.write_bytes(bytes(b ^ key[i % 4] for i, b in enumerate(LICENCE)))
    found = run("unmask", masked, "--param", "key=0x37fa213d", "-o", tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes() == LICENCE
    assert found["results"] == {"crc": crc32c(LICENCE), "lines": LICENCE.count(b"\n")}


def test_windows(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(300_001)
    (tmp_path / "file").write_bytes(data)
    table = tmp_path / "manifest.csv"
    found = run("windows", tmp_path / "file", "-o", f"manifest={table}")
    assert found["results"]["whole"] == crc32c(data)
    pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    assert rows(table) == [
        {"at": str(65536 * i), "bytes": str(len(piece)), "crc": crc32c(piece)}
        for i, piece in enumerate(pieces)
    ]


def test_log(tmp_path: Path) -> None:
    log = b"".join(b"GET /%d 200\n" % i for i in range(20_000))
    (tmp_path / "log").write_bytes(log)
    found = run("log", tmp_path / "log")
    assert found["results"] == {"lines": 20_000, "ends": 1}
    blocks = [log[at : at + 65536] for at in range(0, len(log), 65536)]
    assert found["tables"]["blocks"] == [
        {"count": block.count(b"\n"), "first": block.find(b"\n")} for block in blocks
    ]


def test_histogram(tmp_path: Path) -> None:
    data = LICENCE + bytes(range(256))
    (tmp_path / "file").write_bytes(data)
    results = run("histogram", tmp_path / "file")["results"]
    assert results["bytes"] == np.bincount(np.frombuffer(data, np.uint8), minlength=256).tolist()
    assert (results["low"], results["high"]) == (0, 255)
    text = sum(b in (9, 10, 13) or 32 <= b < 127 for b in data)
    assert (results["text"], results["other"]) == (text, len(data) - text)


def test_scrub(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LICENCE, mtime=1_700_000_000))
    (tmp_path / "a.gz").write_bytes(packed)
    assert run("scrub", tmp_path / "a.gz", "-o", tmp_path / "b.gz")["results"]["is_gzip"] == 1
    clean = (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress(clean) == LICENCE
    assert clean[4:8] == bytes(4)
    assert clean == gzip.compress(LICENCE, mtime=0)[:9] + b"\xff" + packed[10:]
    (tmp_path / "c").write_bytes(LICENCE)
    assert run("scrub", tmp_path / "c", "-o", tmp_path / "d")["results"]["is_gzip"] == 0
    assert (tmp_path / "d").read_bytes() == LICENCE


def test_verify(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456789")
    # The check value that the NVMe specification states.
    told = ["--param", "crc=0xae8b14860a799888", "--param", "length=9"]
    results = run("verify", tmp_path / "file", *told)["results"]
    assert results == {"ok": 1, "found": "0xae8b14860a799888"}
    (tmp_path / "file").write_bytes(b"123456788")
    assert run("verify", tmp_path / "file", *told)["results"]["ok"] == 0


def picture(width: int, height: int) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    parts = chunk(b"IHDR", header) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", body)
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def test_png(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    png = picture(640, 480)
    file.write_bytes(png)
    right = {"is_png": 1, "width": 640, "height": 480, "chunks": 4, "wrong": 0}
    assert run("png", file)["results"] == right
    damaged = bytearray(png)
    damaged[-30] ^= 1
    file.write_bytes(damaged)
    assert run("png", file)["results"] == {**right, "wrong": 1}
    file.write_bytes(png[:-20])
    assert run("png", file)["results"]["wrong"] == 1
    file.write_bytes(b"")
    assert run("png", file)["results"]["is_png"] == 0


def test_slices(tmp_path: Path) -> None:
    blob = random.Random(2).randbytes(50_000)
    spans = [(0, 10), (49_000, 1000), (123, 0), (100, 30_000)]
    (tmp_path / "blob").write_bytes(blob)
    (tmp_path / "slices").write_bytes(b"".join(struct.pack("<QQ", *span) for span in spans))
    found = run("slices", tmp_path / "blob", "--in", f"slices={tmp_path / 'slices'}")
    assert found["results"]["total"] == sum(length for _, length in spans)
    assert [(row["at"], row["bytes"]) for row in found["tables"]["sums"]] == spans
    assert [row["crc"] for row in found["tables"]["sums"]] == [
        crc32c(blob[a : a + n]) for a, n in spans
    ]


def test_patch(tmp_path: Path) -> None:
    found = run("patch", ROOT / "LICENSE", "-o", tmp_path / "new")
    new = LICENCE.replace(b"2026 The pCPU authors", b"2027 Example Ltd")
    assert (tmp_path / "new").read_bytes() == new
    assert found["results"]["check"] == crc32c(new)
