"""Reconstructors, run by wasmtime (spec/iprog-abi.md D10, D11): to see that they are right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import wasmtime

from pcpu.errors import DamagedPlanError, WrongBlobError
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest

_PIECE = 1 << 20


def check_reconstructor(
    module: bytes, told: dict[str, Any], blobs: Sequence[Bytes], advance: Callable[[int], None]
) -> None:
    """Rebuild the file with ``module``, which says ``told`` of itself, and compare its SHA-256.

    Raises WrongBlobError and DamagedPlanError.
    """
    wanted = [(blob["size"], blob["sha256"]) for blob in told["blobs"]]
    if [(len(blob), digest(blob).hex()) for blob in blobs] != wanted:
        raise WrongBlobError("the blobs are not those that the module was made for")
    found = hashlib.sha256()
    for window in _windows(module, blobs):
        found.update(window)
        advance(len(window))
    if found.hexdigest() != told["file"]["sha256"]:
        raise DamagedPlanError("the file that the module rebuilds has not the SHA-256 that it says")


def _windows(module: bytes, blobs: Sequence[Bytes]) -> Iterator[bytes]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wasmtime.Instance(store, wasmtime.Module(engine, module), [])
    exports: Any = instance.exports(store)

    def call(name: str, *numbers: int) -> int:
        status: int = exports[name](store, *numbers)
        if status < 0:
            raise DamagedPlanError(
                f"the module refuses its blobs: status {status}, rule G{exports['rule'](store)}"
            )
        return status

    at = call("blob", sum(map(len, blobs)))
    for blob in blobs:
        view = memoryview(blob)
        for start in range(0, len(view), _PIECE):
            exports["memory"].write(store, view[start : start + _PIECE], at + start)
        at += len(view)
    call("prepare")
    for number in range(call("windows")):
        call("window", number)
        start = call("out")
        yield bytes(exports["memory"].read(store, start, start + call("out_length")))
