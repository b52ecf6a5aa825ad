"""Catalogs of messages, as the standard library's module reads them (iprog-finders.md G115)."""

from __future__ import annotations

import gettext
import io
import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites, read_image
from pcpu.iprog.plan import make_plan
from pcpu.iprog.sections import read_contents
from tests.iprog.damage import damaged
from tests.iprog.images import sites
from tests.iprog.module import rebuilt_alone


def catalog(messages: dict[str, str]) -> bytes:
    """What msgfmt writes, without its table of hashes."""
    own = sorted((text.encode(), told.encode()) for text, told in messages.items())
    at, tables, texts = 28 + 16 * len(own), [b"", b""], b""
    for n in (0, 1):
        for pair in own:
            tables[n] += struct.pack("<II", len(pair[n]), at + len(texts))
            texts += pair[n] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(own), 28, 28 + 8 * len(own), 0, at)
    return head + b"".join(tables) + texts


def messages(count: int, seed: int = 1) -> dict[str, str]:
    random = Random(seed)
    return {
        f"message {n:04} {random.randbytes(random.randrange(9)).hex()}": random.randbytes(
            random.randrange(1, 30)
        ).hex()
        for n in range(count)
    }


def test_texts_and_translations_g115() -> None:
    blob = catalog({"": "Content-Type: text/plain; charset=utf-8\n", "one": "eins", "two": "zwei"})
    known = gettext.GNUTranslations(io.BytesIO(blob))
    assert [known.gettext(text) for text in ("one", "two")] == ["eins", "zwei"]
    found = sites(blob, 61)
    assert [site[0] for site in found] == [32, 40, 48, 56, 64, 72]
    assert [(form, extra) for _, form, _, extra in found] == [(7, 0)] * 6
    texts = [blob[place:].split(b"\0")[0] for _, _, place, _ in found]
    assert texts[1:3] + texts[4:] == [b"one", b"two", b"eins", b"zwei"]
    assert sites(blob, 62) == sites(blob, 56) == []
    image = read_image(blob)
    assert image is not None
    assert image.kind == "gettext"
    assert read_contents(blob).sections


def test_what_is_a_catalog_g115() -> None:
    blob = catalog({"one": "eins"})
    for at, change in ((0, b"\xdf"), (8, b"\xff"), (12, b"\xff"), (16, b"\xff"), (19, b"\x80")):
        other = blob[:at] + change + blob[at + 1 :]
        assert sites(other, 61) == [], at
        assert read_image(other) is None
    assert read_image(blob[:27]) is None
    assert len(sites(blob, 61)) == 2
    nowhere = blob[:32] + bytes(4) + blob[36:]
    assert len(sites(nowhere, 61)) == 1


def test_decoders_rebuild_a_catalog() -> None:
    before = messages(900)
    after = {text: told for n, (text, told) in enumerate(before.items()) if n % 150 != 7}
    after |= {"message 0300 and more": "new"}
    old, new = catalog(before), catalog(after)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (61,)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    assert Reader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_catalogs_never_fail(seed: int) -> None:
    blob = catalog(messages(20))
    for cut in damaged(blob, Random(seed), 200, within=[range(28), range(len(blob))], cut=True):
        assert all(0 <= place < len(cut) for place in find_sites(cut, (61,)).place.tolist())
