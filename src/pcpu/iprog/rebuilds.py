"""Reconstructors, run by wasmtime (spec/iprog-abi.md D10, D11): to see that they are right."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import wasmtime

from pcpu.errors import DamagedPlanError, WrongBlobError
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest

_PIECE = 1 << 20
# What a module may take, in seconds: far more than any that pCPU made.
_AT_LEAST = 60.0
_EACH_MIB = 1.0  # of the file and the blobs
# What is called, with its parameters and results (D10, D11).
_EXPORTS = {
    "blob": ("i64", "i32"),
    "prepare": ("", "i32"),
    "window": ("i64", "i32"),
    "out": ("", "i32"),
    "out_length": ("", "i32"),
    "rule": ("", "i32"),
}


def check_reconstructor(
    module: bytes, told: dict[str, Any], blobs: Sequence[Bytes], advance: Callable[[int], None]
) -> None:
    """Rebuild the file with ``module``, which says ``told`` of itself, and compare its SHA-256.

    Raises WrongBlobError and DamagedPlanError, this also where it does not end.
    """
    wanted = [(blob["size"], blob["sha256"]) for blob in told["blobs"]]
    if [(len(blob), digest(blob).hex()) for blob in blobs] != wanted:
        raise WrongBlobError("the blobs are not those that the module was made for")
    found, left = hashlib.sha256(), told["file"]["size"]
    seconds = _AT_LEAST + _EACH_MIB * ((left + sum(map(len, blobs))) >> 20)
    for window in _windows(module, told["windows"], blobs, seconds):
        left -= len(window)
        if left < 0:
            break
        found.update(window)
        advance(len(window))
    if left != 0 or found.hexdigest() != told["file"]["sha256"]:
        raise DamagedPlanError("the file that the module rebuilds has not the SHA-256 that it says")


def _windows(module: bytes, count: int, blobs: Sequence[Bytes], seconds: float) -> Iterator[bytes]:
    try:
        with _engine(seconds) as engine:
            code = _Code(module, engine)
            code.take(blobs)
            for number in range(count):
                yield code.window(number)
    except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
        if getattr(error, "trap_code", None) is wasmtime.TrapCode.INTERRUPT:
            raise DamagedPlanError(
                f"the module was stopped, as it did not end within {seconds:g} seconds"
            ) from None
        why = str(error).strip().splitlines()[-1:]  # the cause is behind what it led to
        raise DamagedPlanError(f"the module cannot be run: {''.join(why).strip()}") from None


@contextmanager
def _engine(seconds: float) -> Iterator[wasmtime.Engine]:
    """What runs code, which ends with a trap after so many seconds."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    timer = threading.Timer(seconds, engine.increment_epoch)
    timer.daemon = True
    timer.start()
    try:
        yield engine
    finally:
        timer.cancel()


class _Code:
    """A module at work. Raises DamagedPlanError."""

    def __init__(self, module: bytes, engine: wasmtime.Engine) -> None:
        self._store = wasmtime.Store(engine)
        self._store.set_epoch_deadline(1)
        instance = wasmtime.Instance(self._store, wasmtime.Module(engine, module), [])
        exports: Any = instance.exports(self._store)
        self._exports = {name: exports.get(name) for name in ("memory", *_EXPORTS)}
        for name, wanted in _EXPORTS.items():
            if _form(self._exports[name], self._store) != wanted:
                raise DamagedPlanError(f"the module has no function {name} of that form")
        if not isinstance(self._exports["memory"], wasmtime.Memory):
            raise DamagedPlanError("the module exports no memory")

    def take(self, blobs: Sequence[Bytes]) -> None:
        size = sum(map(len, blobs))
        at = self._checked("blob", size)
        self._check_place(at, size)
        for blob in blobs:
            view = memoryview(blob)
            for start in range(0, len(view), _PIECE):
                piece = view[start : start + _PIECE]
                self._exports["memory"].write(self._store, piece, at + start)
            at += len(view)
        self._checked("prepare")

    def window(self, number: int) -> bytes:
        self._checked("window", number)
        start, length = self._checked("out"), self._checked("out_length")
        self._check_place(start, length)
        return bytes(self._exports["memory"].read(self._store, start, start + length))

    def _checked(self, name: str, *numbers: int) -> int:
        status: int = self._exports[name](self._store, *numbers)
        if status < 0:
            rule = self._exports["rule"](self._store)
            raise DamagedPlanError(f"the module refuses its blobs: status {status}, rule G{rule}")
        return status

    def _check_place(self, start: int, length: int) -> None:
        if start + length > self._exports["memory"].data_len(self._store):
            raise DamagedPlanError("the module gives addresses that are not in its memory")


def _form(function: Any, store: wasmtime.Store) -> tuple[str, str] | None:
    if not isinstance(function, wasmtime.Func):
        return None
    type_ = function.type(store)
    return " ".join(map(str, type_.params)), " ".join(map(str, type_.results))
