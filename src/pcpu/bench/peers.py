"""Python's own functions and libraries, as the rows call them.

Each takes the data and the immediates, and gives what is to be timed: a function without
arguments that returns the result or, for a map, changes the data in place. What a library wants
to have made once (an array over the data, a table) is made before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from pcpu.bench.runtimes.runtime import Unavailable

Prepare = Callable[[bytearray, list[Any]], Callable[[], Any]]


def load_peer(name: str) -> Prepare:
    """The function ``name`` of this module, or Unavailable when what it needs does not import."""
    package, make = PEERS[name]
    try:
        return make(import_module(package))
    except ImportError as error:
        raise Unavailable(f"{error}; run 'make setup'") from None


def _numpy_xor(numpy: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        array, imm = numpy.frombuffer(data, numpy.uint8), numpy.uint8(imms[0])
        return lambda: numpy.bitwise_xor(array, imm, out=array)

    return prepare


def _numpy_add(numpy: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        array, imm = numpy.frombuffer(data, numpy.uint8), numpy.uint8(imms[0])
        return lambda: numpy.add(array, imm, out=array)

    return prepare


def _numpy_count(numpy: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        array, imm = numpy.frombuffer(data, numpy.uint8), numpy.uint8(imms[0])
        return lambda: numpy.count_nonzero(array == imm)

    return prepare


def _python_xor(_: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        table = bytes(byte ^ imms[0] for byte in range(256))
        return lambda: data.__setitem__(slice(None), data.translate(table))

    return prepare


def _python_add(_: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        table = bytes(byte + imms[0] & 255 for byte in range(256))
        return lambda: data.__setitem__(slice(None), data.translate(table))

    return prepare


def _python_count(_: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        frozen, byte = bytes(data), bytes(imms)
        return lambda: frozen.count(byte)

    return prepare


def _stringzilla_xor(stringzilla: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        table = bytes(byte ^ imms[0] for byte in range(256))
        return lambda: stringzilla.translate(data, table, inplace=True)

    return prepare


def _stringzilla_add(stringzilla: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        table = bytes(byte + imms[0] & 255 for byte in range(256))
        return lambda: stringzilla.translate(data, table, inplace=True)

    return prepare


def _stringzilla_count(stringzilla: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[int]) -> Callable[[], Any]:
        frozen, byte = bytes(data), bytes(imms)
        return lambda: stringzilla.count(frozen, byte)

    return prepare


def _icrar_crc32c(library: Any) -> Prepare:
    def prepare(data: bytearray, _: list[int]) -> Callable[[], Any]:
        frozen = bytes(data)
        return lambda: library.crc32c(frozen)

    return prepare


def _google_crc32c(library: Any) -> Prepare:
    def prepare(data: bytearray, _: list[int]) -> Callable[[], Any]:
        frozen = bytes(data)
        return lambda: library.value(frozen)

    return prepare


def _of_bytes(call: Callable[[Any, bytes, list[Any]], Any]) -> Callable[[Any], Prepare]:
    """A row that calls the library with data that does not change, and the immediates."""

    def make(library: Any) -> Prepare:
        def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
            frozen = bytes(data)
            return lambda: call(library, frozen, imms)

        return prepare

    return make


def _of_array(call: Callable[[Any, Any], Any]) -> Callable[[Any], Prepare]:
    """A row that calls NumPy with an array over the data."""

    def make(numpy: Any) -> Prepare:
        def prepare(data: bytearray, _: list[Any]) -> Callable[[], Any]:
            array = numpy.frombuffer(data, numpy.uint8)
            return lambda: call(numpy, array)

        return prepare

    return make


def _python_hist(collections: Any) -> Prepare:
    def prepare(data: bytearray, _: list[Any]) -> Callable[[], Any]:
        frozen = bytes(data)

        def count() -> list[int]:
            counts = collections.Counter(frozen)
            return [counts[byte] for byte in range(256)]

        return count

    return prepare


def _python_lut(_: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
        return lambda: data.__setitem__(slice(None), data.translate(imms[0]))

    return prepare


def _stringzilla_lut(stringzilla: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
        return lambda: stringzilla.translate(data, imms[0], inplace=True)

    return prepare


def _numpy_lut(numpy: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
        array, table = numpy.frombuffer(data, numpy.uint8), numpy.frombuffer(imms[0], numpy.uint8)
        # Without a check of the indices, and into the array itself, as far as it has such ways.
        return lambda: numpy.take(table, array, out=array, mode="wrap")

    return prepare


def _numpy_mask(numpy: Any) -> Prepare:
    def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
        array = numpy.frombuffer(data, numpy.uint8)
        keys = numpy.resize(numpy.frombuffer(imms[0], numpy.uint8), len(array))
        return lambda: numpy.bitwise_xor(array, keys, out=array)

    return prepare


# name -> the module to import, and what makes the row from it
PEERS: dict[str, tuple[str, Callable[[Any], Prepare]]] = {
    "numpy_xor": ("numpy", _numpy_xor),
    "numpy_add": ("numpy", _numpy_add),
    "numpy_count": ("numpy", _numpy_count),
    "python_xor": ("builtins", _python_xor),
    "python_add": ("builtins", _python_add),
    "python_count": ("builtins", _python_count),
    "stringzilla_xor": ("stringzilla", _stringzilla_xor),
    "stringzilla_add": ("stringzilla", _stringzilla_add),
    "stringzilla_count": ("stringzilla", _stringzilla_count),
    "python_sum": ("builtins", _of_bytes(lambda builtins, data, _: builtins.sum(data))),
    "python_min": ("builtins", _of_bytes(lambda builtins, data, _: builtins.min(data))),
    "python_find": ("builtins", _of_bytes(lambda _, data, imms: data.find(imms[0]))),
    "python_hist": ("collections", _python_hist),
    "python_lut": ("builtins", _python_lut),
    "numpy_sum": ("numpy", _of_array(lambda numpy, array: array.sum(dtype=numpy.uint64))),
    "numpy_min": ("numpy", _of_array(lambda _, array: array.min())),
    "numpy_hist": ("numpy", _of_array(lambda numpy, array: numpy.bincount(array, minlength=256))),
    "numpy_lut": ("numpy", _numpy_lut),
    "numpy_mask": ("numpy", _numpy_mask),
    "stringzilla_find": (
        "stringzilla",
        _of_bytes(lambda library, data, imms: library.find(data, bytes(imms))),
    ),
    "stringzilla_lut": ("stringzilla", _stringzilla_lut),
    "zlib_crc32": ("zlib", _of_bytes(lambda library, data, _: library.crc32(data))),
    "zlib_adler32": ("zlib", _of_bytes(lambda library, data, _: library.adler32(data))),
    "icrar_crc32c": ("crc32c", _icrar_crc32c),
    "google_crc32c": ("google_crc32c", _google_crc32c),
}
