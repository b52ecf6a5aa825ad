"""The operations as methods. Written by generate.py from the ISA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pcpu.sdk.only import only_in_programs

if TYPE_CHECKING:
    from pcpu.sdk.handles import BytesLike, Number, Numbers, Scalar, SpanLike


class BuilderOperations:
    """What a Builder can do to spans."""

    def _map(self, op: str, span: SpanLike, *operands: object) -> None:
        raise NotImplementedError

    def _fold(self, op: str, name: str | None, span: SpanLike, *operands: object) -> Any:
        raise NotImplementedError

    def _move(self, kind: str, target: SpanLike, *rest: object) -> None:
        raise NotImplementedError

    def fnv(self, span: SpanLike, *, name: str | None = None) -> Number:
        """FNV-1a, 64 bits, with the standard offset basis."""
        return cast("Number", self._fold("fnv", name, span))

    def xor(self, span: SpanLike, imm8: Scalar) -> None:
        """XOR every byte with imm8."""
        self._map("xor", span, imm8)

    def add(self, span: SpanLike, imm8: Scalar) -> None:
        """Add imm8 to every byte, modulo 256."""
        self._map("add", span, imm8)

    def counteq(self, span: SpanLike, imm8: Scalar, *, name: str | None = None) -> Number:
        """Count the bytes equal to imm8."""
        return cast("Number", self._fold("counteq", name, span, imm8))

    def crc32c(self, span: SpanLike, *, name: str | None = None) -> Number:
        """CRC-32C (Castagnoli), the checksum of iSCSI, ext4, SCTP and Btrfs."""
        return cast("Number", self._fold("crc32c", name, span))

    def sub(self, span: SpanLike, imm8: Scalar) -> None:
        """Subtract imm8 from every byte, modulo 256."""
        self._map("sub", span, imm8)

    def and_(self, span: SpanLike, imm8: Scalar) -> None:
        """AND every byte with imm8."""
        self._map("and", span, imm8)

    def or_(self, span: SpanLike, imm8: Scalar) -> None:
        """OR every byte with imm8."""
        self._map("or", span, imm8)

    def not_(self, span: SpanLike) -> None:
        """Invert every bit."""
        self._map("not", span)

    def rotl(self, span: SpanLike, imm3: Scalar) -> None:
        """Rotate every byte left by imm3 bits."""
        self._map("rotl", span, imm3)

    def lut(self, span: SpanLike, table: BytesLike) -> None:
        """Replace every byte by the one that a table of 256 bytes holds for it."""
        self._map("lut", span, table)

    def mask(self, span: SpanLike, key: BytesLike) -> None:
        """XOR the data with a key of 1 to 64 bytes, over and over: WebSocket's masking, and its
        undoing.
        """
        self._map("mask", span, key)

    def sum(self, span: SpanLike, *, name: str | None = None) -> Number:
        """The sum of all bytes."""
        return cast("Number", self._fold("sum", name, span))

    def min(self, span: SpanLike, *, name: str | None = None) -> Number:
        """The least byte; 255 where there is none."""
        return cast("Number", self._fold("min", name, span))

    def max(self, span: SpanLike, *, name: str | None = None) -> Number:
        """The greatest byte; 0 where there is none."""
        return cast("Number", self._fold("max", name, span))

    def find(self, span: SpanLike, imm8: Scalar, *, name: str | None = None) -> Number:
        """The position of the first byte equal to imm8, from 0; 2^64 - 1 where there is none."""
        return cast("Number", self._fold("find", name, span, imm8))

    def hist(self, span: SpanLike, *, name: str | None = None) -> Numbers:
        """How often each of the 256 bytes occurs."""
        return cast("Numbers", self._fold("hist", name, span))

    def crc32(self, span: SpanLike, *, name: str | None = None) -> Number:
        """CRC-32 (ISO-HDLC), the checksum of zip, gzip, PNG and Ethernet."""
        return cast("Number", self._fold("crc32", name, span))

    def crc64nvme(self, span: SpanLike, *, name: str | None = None) -> Number:
        """CRC-64/NVME, the checksum of NVMe's protection information and of Amazon S3."""
        return cast("Number", self._fold("crc64nvme", name, span))

    def crc16(self, span: SpanLike, *, name: str | None = None) -> Number:
        """CRC-16/ARC, the checksum of ARC and LHA archives."""
        return cast("Number", self._fold("crc16", name, span))

    def fnv32(self, span: SpanLike, *, name: str | None = None) -> Number:
        """FNV-1a, 32 bits, with the standard offset basis."""
        return cast("Number", self._fold("fnv32", name, span))

    def adler32(self, span: SpanLike, *, name: str | None = None) -> Number:
        """Adler-32, the checksum of zlib (RFC 1950)."""
        return cast("Number", self._fold("adler32", name, span))

    def le(self, span: SpanLike, *, name: str | None = None) -> Number:
        """The first eight bytes, or fewer, as a little-endian number: reads a field of a header."""
        return cast("Number", self._fold("le", name, span))

    def be(self, span: SpanLike, *, name: str | None = None) -> Number:
        """The bytes, up to eight, as a big-endian number (of more, modulo 2^64): reads a field
        of a header.
        """
        return cast("Number", self._fold("be", name, span))

    def copy(self, target: SpanLike, source: SpanLike) -> None:
        """Write the source's bytes."""
        self._move("copy", target, source)

    def copyxor(self, target: SpanLike, source: SpanLike, byte: Scalar) -> None:
        """Write the source's bytes, each XORed with a byte."""
        self._move("copyxor", target, source, byte)

    def copyadd(self, target: SpanLike, source: SpanLike, byte: Scalar) -> None:
        """Write the source's bytes plus a byte, modulo 256."""
        self._move("copyadd", target, source, byte)

    def adddiff(self, target: SpanLike, source: SpanLike, diff: SpanLike) -> None:
        """Write the first source's bytes plus the second's, modulo 256."""
        self._move("adddiff", target, source, diff)

    def fill(self, target: SpanLike, byte: Scalar) -> None:
        """Write one byte over and over."""
        self._move("fill", target, byte)

    def lit(self, target: SpanLike, content: BytesLike) -> None:
        """Write the bytes that are written in the program."""
        self._move("lit", target, content)


class SpanOperations:
    """What a function that is a program can do to its buffers, and to parts of them."""

    def fnv(self) -> int:
        """FNV-1a, 64 bits, with the standard offset basis."""
        raise only_in_programs()

    def xor(self, imm8: int) -> None:
        """XOR every byte with imm8."""
        raise only_in_programs()

    def add(self, imm8: int) -> None:
        """Add imm8 to every byte, modulo 256."""
        raise only_in_programs()

    def counteq(self, imm8: int) -> int:
        """Count the bytes equal to imm8."""
        raise only_in_programs()

    def crc32c(self) -> int:
        """CRC-32C (Castagnoli), the checksum of iSCSI, ext4, SCTP and Btrfs."""
        raise only_in_programs()

    def sub(self, imm8: int) -> None:
        """Subtract imm8 from every byte, modulo 256."""
        raise only_in_programs()

    def and_(self, imm8: int) -> None:
        """AND every byte with imm8."""
        raise only_in_programs()

    def or_(self, imm8: int) -> None:
        """OR every byte with imm8."""
        raise only_in_programs()

    def not_(self) -> None:
        """Invert every bit."""
        raise only_in_programs()

    def rotl(self, imm3: int) -> None:
        """Rotate every byte left by imm3 bits."""
        raise only_in_programs()

    def lut(self, table: bytes) -> None:
        """Replace every byte by the one that a table of 256 bytes holds for it."""
        raise only_in_programs()

    def mask(self, key: bytes) -> None:
        """XOR the data with a key of 1 to 64 bytes, over and over: WebSocket's masking, and its
        undoing.
        """
        raise only_in_programs()

    def sum(self) -> int:
        """The sum of all bytes."""
        raise only_in_programs()

    def min(self) -> int:
        """The least byte; 255 where there is none."""
        raise only_in_programs()

    def max(self) -> int:
        """The greatest byte; 0 where there is none."""
        raise only_in_programs()

    def find(self, imm8: int) -> int:
        """The position of the first byte equal to imm8, from 0; 2^64 - 1 where there is none."""
        raise only_in_programs()

    def hist(self) -> tuple[int, ...]:
        """How often each of the 256 bytes occurs."""
        raise only_in_programs()

    def crc32(self) -> int:
        """CRC-32 (ISO-HDLC), the checksum of zip, gzip, PNG and Ethernet."""
        raise only_in_programs()

    def crc64nvme(self) -> int:
        """CRC-64/NVME, the checksum of NVMe's protection information and of Amazon S3."""
        raise only_in_programs()

    def crc16(self) -> int:
        """CRC-16/ARC, the checksum of ARC and LHA archives."""
        raise only_in_programs()

    def fnv32(self) -> int:
        """FNV-1a, 32 bits, with the standard offset basis."""
        raise only_in_programs()

    def adler32(self) -> int:
        """Adler-32, the checksum of zlib (RFC 1950)."""
        raise only_in_programs()

    def le(self) -> int:
        """The first eight bytes, or fewer, as a little-endian number: reads a field of a header."""
        raise only_in_programs()

    def be(self) -> int:
        """The bytes, up to eight, as a big-endian number (of more, modulo 2^64): reads a field
        of a header.
        """
        raise only_in_programs()

    def copy(self, source: SpanOperations) -> None:
        """Write the source's bytes."""
        raise only_in_programs()

    def copyxor(self, source: SpanOperations, byte: int) -> None:
        """Write the source's bytes, each XORed with a byte."""
        raise only_in_programs()

    def copyadd(self, source: SpanOperations, byte: int) -> None:
        """Write the source's bytes plus a byte, modulo 256."""
        raise only_in_programs()

    def adddiff(self, source: SpanOperations, diff: SpanOperations) -> None:
        """Write the first source's bytes plus the second's, modulo 256."""
        raise only_in_programs()

    def fill(self, byte: int) -> None:
        """Write one byte over and over."""
        raise only_in_programs()

    def lit(self, content: bytes) -> None:
        """Write the bytes that are written in the program."""
        raise only_in_programs()
