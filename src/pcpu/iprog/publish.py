"""The store of published files (spec/http.md H18)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pcpu.artifact import Artifact, open_output, write_all
from pcpu.errors import PcpuError, UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder import parts
from pcpu.iprog.decoder.wasm import ABI
from pcpu.iprog.numbers import Bytes

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}")
_PIECE = 1 << 20


@dataclass(frozen=True)
class Published:
    """``files`` are all that the object needs, as paths in the store, the plan last; ``written``
    are those that were not there before. ``other`` would be the object too, of the other kind: it
    is not there, and ``removed`` names it where it was."""

    name: str
    files: tuple[str, ...]
    written: tuple[str, ...]
    other: str = ""
    removed: tuple[str, ...] = ()

    @property
    def url_path(self) -> str:
        return f"/v1/objects/{self.name}"

    def to_json(self) -> dict[str, Any]:
        """What there is to tell, of what ``json`` can write."""
        return {
            "name": self.name,
            "path": self.url_path,
            "files": list(self.files),
            "written": list(self.written),
            "removed": list(self.removed),
        }


def decoder() -> Mapping[str, Artifact]:
    """What a Worker rebuilds files with, by parts: the core, and what it is given
    (spec/iprog-abi.md D15)."""
    found = parts.decoder()
    told = {"abi": ABI, "kind": "decoder"}
    every = {"core": found.core, **found.given}
    return {name: Artifact("wasm", part.code, told) for name, part in every.items()}


def check_name(name: str) -> str:
    """``name``, if an object can be called so. Raises UsageError."""
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"an object cannot be called {name!r}; give a --name of letters, digits and ._+@- "
            "that begins with a letter or a digit"
        )
    return name


def publish(reader: Reader, store: Path, name: str) -> Published:
    """Put a plan, whose file was rebuilt and found right, and what it needs into ``store``.

    Each file appears whole or not at all, the plan last, so that an object is there only when it
    can be rebuilt. What is there already stays where it is whole, but for a module of that name.
    Raises UsageError and PcpuError.
    """
    check_name(name)
    paths = [f"blobs/{content.sha256.hex()}" for content in reader.header.blobs]
    wanted = dict(zip(paths, reader.reference.blobs, strict=True))
    written = [path for path, blob in wanted.items() if _put(store / path, blob)]
    sites = _put_sites(reader, store)
    written += [path for path, is_new in sites.items() if is_new]
    path = f"objects/{name}.iprog"
    if _put(store / path, reader.plan):
        written.append(path)
    other = f"objects/{name}.wasm"
    removed = _remove(store, other)
    return Published(name, (*wanted, *sites, path), tuple(written), other, removed)


def publish_module(
    module: Bytes, digests: Sequence[str], blobs: Sequence[Bytes], store: Path, name: str
) -> Published:
    """The same for a reconstructor, which was run; ``digests`` are the SHA-256 of its blobs. A plan
    of that name goes when the module is there: it would be what answers."""
    check_name(name)
    wanted = {f"blobs/{digest}": blob for digest, blob in zip(digests, blobs, strict=True)}
    written = [path for path, blob in wanted.items() if _put(store / path, blob)]
    path = f"objects/{name}.wasm"
    if _put(store / path, module):
        written.append(path)
    other = f"objects/{name}.iprog"
    return Published(name, (*wanted, path), tuple(written), other, _remove(store, other))


def _put_sites(reader: Reader, store: Path) -> dict[str, bool]:
    """The sites file of a plan that relocates, and whether it is new."""
    about = reader.header.relocation
    if about is None:
        return {}
    from pcpu.iprog.sites_file import write_sites  # loops, which take long to load

    blob = reader.header.blobs[about.blob]
    path = f"blobs/{blob.sha256.hex()}.{'-'.join(map(str, about.finders))}.sites"
    made = BytesIO()
    write_sites(reader.reference.blobs[about.blob], about.finders, made)
    return {path: _put(store / path, made.getvalue())}


def _put(path: Path, content: Bytes) -> bool:
    """Write a file, unless it is there, with these bytes; whether it was written."""
    view = memoryview(content)
    if _has(path, view):
        return False
    _make_folder(path)
    with open_output(path) as file:
        for start in range(0, len(view), _PIECE):
            write_all(file, view[start : start + _PIECE])
    return True


def _has(path: Path, content: memoryview) -> bool:
    """Whether there is a file with these bytes; what cannot be read is written anew."""
    try:
        if not path.is_file() or path.stat().st_size != len(content):
            return False
        with path.open("rb") as file:
            return all(
                file.read(_PIECE) == bytes(content[start : start + _PIECE])
                for start in range(0, len(content), _PIECE)
            )
    except OSError:
        return False


def _remove(store: Path, path: str) -> tuple[str, ...]:
    """Remove a file of the store; its path, where it was there."""
    try:
        (store / path).unlink()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise PcpuError(f"{store / path} cannot be removed: {error.strerror}") from None
    return (path,)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PcpuError(f"{path.parent} cannot be made: {error.strerror}") from None
