"""Stores that are damaged: spec/http.md H20 and H22."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.iprog import forge
from tests.worker.publishing import MIB, Large, Shop, published, put
from tests.worker.server import problem
from tests.worker.test_reads import counted


def test_h22_blobs_that_are_missing_or_others(own: Shop) -> None:
    digest = hashlib.sha256(Large(1).blob(0, 9)).hexdigest()
    for path in (own.store / "blobs").iterdir():
        if len(path.name) == 64 and len(path.read_bytes()) != 0:
            path.write_bytes(path.read_bytes()[:-1])
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert "is published with" in problem(answer)["detail"]
    assert problem(own.reconstruct(own.plan("edited")))["code"] == "wrong-blob"
    for path in (own.store / "blobs").iterdir():
        path.unlink()
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert "is not published" in problem(answer)["detail"]
    assert digest not in problem(answer)["detail"]
    assert own.get("from-nothing").content == own.files["from-nothing"]


def test_h22_h27_sites_that_are_missing_or_others(
    own: Shop, request: pytest.FixtureRequest
) -> None:
    first, *others = (own.store / "blobs").glob("*.sites")
    content = first.read_bytes()
    many = [content[:24] + n.to_bytes(8, "little") + content[32:] for n in (0, 1 << 27)]  # records
    zeros = bytes(len(content))
    for damaged in (b"", content[:40], content[:-32], b"x" + content[1:], zeros, *many):
        first.write_bytes(damaged)
        answer = own.get("moved")
        assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
        assert problem(own.reconstruct(own.plan("moved")))["code"] == "broken-store"
    for path in (first, *others):
        path.unlink()
    assert "sites of the blob" in problem(own.get("moved", range="bytes=0-9"))["detail"]
    if "by pieces" in request.node.name:
        assert "sites of the blob" in problem(own.get("moved"))["detail"]
        assert problem(own.reconstruct(own.plan("moved")))["code"] == "not-published"
    else:  # where the blob is held they are found
        assert own.reconstruct(own.plan("moved")).content == own.files["moved"]
        assert own.get("moved").content == own.files["moved"]


def test_h22_sites_that_are_mended_are_read_anew(own: Shop) -> None:
    (path,) = (own.store / "blobs").glob("*.sites")
    content = path.read_bytes()
    plan, wanted = own.plan("moved"), own.files["moved"]
    for turn, at in enumerate(range(0, len(content), 3)):  # of the head, the table and the pages
        damaged = bytearray(content)
        damaged[at] ^= 1 << turn % 8
        path.write_bytes(damaged)
        os.utime(path, (at, at))  # a disk service tells times in seconds
        answer = own.reconstruct(plan)
        if answer.content != wanted:  # zeros up to a multiple of 32 say nothing
            assert problem(answer)["code"] == "broken-store", at
    path.write_bytes(content)
    assert own.reconstruct(plan).content == wanted
    assert own.get("moved").content == wanted


def test_h22_blobs_with_other_bytes_give_no_wrong_ones(own: Shop) -> None:
    for path in (own.store / "blobs").iterdir():
        if len(path.name) == 64:
            path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert own.get("edited", range="bytes=100000-100001").status_code == 500


def test_h20_a_wrong_window_breaks_the_answer_off(own: Shop, large: Large) -> None:
    large.publish(own.store, "large")
    (path,) = (p for p in (own.store / "blobs").iterdir() if p.stat().st_size == large.size)
    with path.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(bytes(1 << 16))
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("large")
    assert own.get("large", range=f"bytes=0-{MIB}").content == large.read(0, MIB + 1)
    assert own.get("edited").content == own.files["edited"]


def test_h20_a_wrong_hash_breaks_the_answer_off(own: Shop) -> None:
    """All windows are right, and the file that the plan names is another."""
    content = Random(5).randbytes(3 * MIB)
    windows = [content[at : at + (1 << 16)] for at in range(0, len(content), 1 << 16)]
    frames = forge.Frames(forge.streams(windows, [[]] * len(windows), windows))
    plan = forge.plan(content, [], [(len(windows), frames)], bits=16)
    digest = hashlib.sha256(content).digest()
    header = plan[forge.header_of(plan)]
    other = forge.sealed(header.replace(digest, bytes(32)))
    put(own.store, "right", plan)
    put(own.store, "wrong", other + plan[len(other) :])
    assert own.get("right").content == content
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("wrong")
    assert own.get("wrong", range="bytes=5-99").content == content[5:100]


def test_h23_what_a_body_says_wrong_is_not_the_stores_fault(own: Shop) -> None:
    """Its check is right, and its file or its blob another."""

    def changed(plan: bytes, old: bytes, new: bytes) -> bytes:
        header = plan[forge.header_of(plan)]
        assert header.count(old) == 1
        other = forge.sealed(header.replace(old, new))
        return other + plan[len(forge.sealed(header)) :]

    for name in ("moved", "edited", "empty"):
        plan, file = own.plan(name), hashlib.sha256(own.files[name]).digest()
        wrong = changed(plan, file, bytes(32))
        answer = own.reconstruct(wrong)
        assert (answer.status_code, problem(answer)["code"]) == (400, "damaged-plan")
        put(own.store, "wrong", wrong)
        assert problem(own.get("wrong"))["code"] == "broken-object"
        if name == "empty":
            continue
        header = plan[forge.header_of(plan)]
        at = header.index(file) + 32
        (blob,) = (
            bytes.fromhex(path.name)
            for path in (own.store / "blobs").iterdir()
            if len(path.name) == 64 and bytes.fromhex(path.name) in header
        )
        size = header[at : header.index(blob)]
        more = bytes([size[0] ^ 2, *size[1:]])  # by 1 or -1: the lowest bit is the sign
        answer = own.reconstruct(changed(plan, file + size + blob, file + more + blob))
        assert (answer.status_code, problem(answer)["code"]) == (422, "wrong-blob")
        assert own.reconstruct(plan).content == own.files[name]


def test_a_plan_may_be_replaced_h18(own: Shop) -> None:
    assert own.get("edited").content == own.files["edited"]
    put(own.store, "edited", own.plan("moved"))
    assert own.get("edited").content == own.files["moved"]


@pytest.mark.parametrize("most", [1024 * MIB, 16 * MIB], ids=["held", "by pieces"])
def test_h22_what_is_replaced_while_it_is_read_is_read_again(
    objects_bundle: Path, tmp_path: Path, most: int
) -> None:
    store = tmp_path / "store"
    files = published(store)
    (store / "before").mkdir()
    (store / "before" / "edited.iprog").write_bytes(
        (store / "objects" / "moved.iprog").read_bytes()
    )
    with counted(objects_bundle, store, files, "replacing", MAX_DECODER_BYTES=most) as found:
        assert found.get("edited").content == files["edited"]
        assert found.server.output() == ""


def test_h22_what_stays_broken_is_told_once(own: Shop) -> None:
    put(own.store, "edited", own.plan("edited")[:-1])
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert own.server.output().count("edited cannot be rebuilt: ") == 1
