"""The address of an object's bytes, without copying them."""

from __future__ import annotations

import ctypes
from typing import Any

from pcpu.errors import UsageError

_SIMPLE, _WRITABLE = 0, 1  # PyBUF_SIMPLE, PyBUF_WRITABLE


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer, whose first members are all that is needed here."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("rest", ctypes.c_char * 128),
    )


_get = ctypes.pythonapi.PyObject_GetBuffer
_get.argtypes = [ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int]
_get.restype = ctypes.c_int
_release = ctypes.pythonapi.PyBuffer_Release
_release.argtypes = [ctypes.POINTER(_Buffer)]
_release.restype = None


class Span:
    """The address and the length in bytes of ``data``, which stays in place until ``release``.

    ``data`` is anything with a contiguous buffer: bytes, bytearray, memoryview, array, mmap, a
    numpy array of any type but objects. Raises UsageError where there is none, or none to write to.
    """

    __slots__ = ("_view", "address", "length")

    def __init__(self, data: Any, *, writable: bool) -> None:
        self._view = view = _Buffer()
        try:
            if type(data) not in _PLAIN:
                _refuse_objects(data)
            _get(data, view, _WRITABLE if writable else _SIMPLE)
        except (BufferError, TypeError, ValueError) as error:
            wanted = "a writable, contiguous" if writable else "a contiguous"
            raise UsageError(f"{type(data).__name__} is not {wanted} buffer: {error}") from None
        self.address: int = view.buf or 0
        self.length: int = view.len

    def release(self) -> None:
        _release(self._view)


_PLAIN = frozenset([bytes, bytearray])


def _refuse_objects(data: Any) -> None:
    """Raise UsageError where the bytes are references to Python's objects: changing them would
    crash the interpreter, and reading them gives addresses."""
    holds = getattr(getattr(data, "dtype", None), "hasobject", False)
    if isinstance(data, memoryview | ctypes.Array):
        holds = "O" in memoryview(data).format
    if holds:
        raise UsageError(f"{type(data).__name__} is not a buffer of bytes: it holds objects")


def copied(data: Any) -> bytearray:
    """A copy of the bytes of a buffer; unlike bytearray() of nothing else."""
    if type(data) in _PLAIN:
        return bytearray(data)
    span = Span(data, writable=False)
    try:
        return (
            bytearray((ctypes.c_char * span.length).from_address(span.address or 0))
            if span.length
            else bytearray()
        )
    finally:
        span.release()
