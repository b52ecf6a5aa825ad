"""Addresses in the tables by which functions are unwound (spec/iprog-finders.md G48, G49)."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field

import numpy as np

from pcpu.iprog.hints.elf import Elf, Section
from pcpu.iprog.sites import Form, Sites

_DISTANCE = 0x1B  # an encoding: 4 bytes, signed, relative to their own place
_HEADER = b"\x01\x1b\x03\x3b"  # of a sorted table of distances from its section
_LONG = 0xFFFFFFF0  # lengths from here on are of another form


@dataclass
class _Fields:
    """Places and targets in turn: ``relative`` of distances, ``behind`` of distances back."""

    relative: array[int] = field(default_factory=lambda: array("q"))
    behind: array[int] = field(default_factory=lambda: array("q"))

    def sites(self) -> Sites:
        both = ((self.relative, Form.RELATIVE), (self.behind, Form.BEHIND))
        pairs = [(np.frombuffer(found, np.int64).reshape(-1, 2), form) for found, form in both]
        return Sites.joined([Sites.of(pair[:, 0], form, pair[:, 1]) for pair, form in pairs])


def frames(elf: Elf) -> Sites:
    """Finder 5: what records of ``.eh_frame`` are about, and which others they refer to."""
    section = elf.named(b".eh_frame")
    return Sites.joined([]) if section is None else _records(elf, section).sites()


def _records(elf: Elf, section: Section) -> _Fields:
    data = memoryview(elf.data)[section.start : section.stop]
    fields = _Fields()
    common: dict[int, tuple[bool, bool]] = {}
    at = 0
    while at + 8 <= len(data):
        length, back = struct.unpack_from("<II", data, at)
        if length < 4 or length >= _LONG or at + 4 + length > len(data):
            break
        if back == 0:
            common[at] = _encodings(bytes(data[at + 8 : at + 4 + length]))
        else:
            fields.behind.extend((section.start + at + 4, section.address + at + 4 - back))
            with_range, with_data = common.get(at + 4 - back, (False, False))
            record = data[: at + 4 + length]
            if with_range:
                _distance(fields, section, record, at + 8)
            if with_range and with_data and at + 16 < len(record) and record[at + 16] == 4:
                _distance(fields, section, record, at + 17)
        at += 4 + length
    return fields


def _distance(fields: _Fields, section: Section, record: memoryview, at: int) -> None:
    """The field at ``at`` of the section, where the record has it and it leads somewhere."""
    if at + 4 > len(record):
        return
    (distance,) = struct.unpack_from("<i", record, at)
    if distance:
        fields.relative.extend((section.start + at, section.address + at + distance))


def _encodings(record: bytes) -> tuple[bool, bool]:
    """Whether records that refer to this one give their function, and their language's data, as
    distances. ``record`` begins with its version."""
    end = record.find(b"\0", 1)
    augmentation = record[1:end]
    if end < 0 or not augmentation.startswith(b"z"):
        return False, False
    at = end + 1
    for _ in range(4):  # two factors of alignment, a register, a length
        while at < len(record) and record[at] & 128:
            at += 1
        at += 1
    found = {b"R": False, b"L": False}
    for number in range(1, len(augmentation)):
        letter = augmentation[number : number + 1]
        if letter in (b"R", b"L", b"P"):
            encoding = record[at] if at < len(record) else 0
            if letter in found:
                found[letter] = encoding == _DISTANCE
                at += 1
            else:
                at += 1 + (8 if encoding & 15 in (0, 4, 12) else 4)
    return found[b"R"], found[b"L"]


def search_table(elf: Elf) -> Sites:
    """Finder 6: ``.eh_frame_hdr``, by which a record is found."""
    section = elf.named(b".eh_frame_hdr")
    if section is None or section.size < 12:
        return Sites.joined([])
    data = bytes(memoryview(elf.data)[section.start : section.start + 12])
    if data[:4] != _HEADER:
        return Sites.joined([])
    distance, count = struct.unpack_from("<iI", data, 4)
    words = 2 * min(count, (section.size - 12) // 8)
    first = section.start + 12
    values = elf.words(first, words, "<i4")
    table = Sites.of(
        first + 4 * np.arange(words), Form.BASED, values + section.address, section.address
    )
    frame = Sites.of([section.start + 4], Form.RELATIVE, [section.address + 4 + distance])
    return Sites.joined([frame, table])
