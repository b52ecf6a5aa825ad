"""A bank: a folder with blobs, each once, and a sketch of each (spec/bank.md K13-K15).

    BANK/bank.json            what it is
    BANK/blobs/SHA256         the bytes
    BANK/sketches/SHA256      the sketch, then the names it was added by, one a line
    BANK/lock                 what is locked while a sketch is written

Blobs are kept by content, as a plan needs exactly the blob that it was made for, and a file that
is elsewhere changes or goes. A sketch is written last, so that what has one is whole; there is no
index, so that several processes may add at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pcpu.artifact import open_output
from pcpu.errors import BankError, UsageError
from pcpu.iprog.bank.sketch import SIZE, Sketch, read_sketch, study
from pcpu.iprog.files import mapped
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import PIECE, digest

_ABOUT = {"type": "iprog-bank", "version": 1}
_ABOUT_BYTES = 1 << 16
_FOLDERS = ("blobs", "sketches")
_HASH = re.compile("[0-9a-f]{64}")
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Entry:
    """A blob of a bank: its sketch, and the names it was added by."""

    sketch: Sketch
    names: tuple[str, ...]

    @property
    def sha256(self) -> str:
        return self.sketch.sha256.hex()

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0] if self.names else self.sha256


class Bank:
    """The bank in a folder. Raises UsageError where there is none."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        try:
            with (self.folder / "bank.json").open("rb") as file:
                about = json.loads(file.read(_ABOUT_BYTES))
        except OSError:
            raise UsageError(
                f"{folder} is no bank; make one with pcpu bank add {folder} FILE"
            ) from None
        except (ValueError, RecursionError):
            about = None
        if about != _ABOUT:
            raise BankError(f"{folder}/bank.json is not of a bank of version {_ABOUT['version']}")

    @classmethod
    def made(cls, folder: str) -> Bank:
        """The bank in a folder, which is made where there is none, also while others make it."""
        path = Path(folder)
        try:
            if not (path / "bank.json").exists():
                if path.exists() and not all(_is_ours(each.name) for each in path.iterdir()):
                    raise UsageError(f"{folder} is not empty, and no bank; choose another folder")
                for part in _FOLDERS:
                    (path / part).mkdir(parents=True, exist_ok=True)
                _write(path / "bank.json", json.dumps(_ABOUT).encode() + b"\n")
        except OSError as error:
            raise UsageError(f"{folder} cannot be a bank: {error.strerror}") from None
        return cls(folder)

    def blob_path(self, sha256: str) -> Path:
        return self.folder / "blobs" / sha256

    def add(self, file: str, name: str) -> tuple[Entry, bool]:
        """Keep the bytes of a file; the entry, and whether it is new. What is there already gets
        the name too, and a new sketch. Raises UsageError."""
        content = mapped(file)
        sha256 = digest(content).hex()
        if self._entry(sha256) is None:
            self._keep(content, sha256, file)
        path = str(self.blob_path(sha256))
        sketch = study(mapped(path)).sketch
        if sketch.sha256.hex() != sha256:  # the copy that was there is damaged
            self._keep(content, sha256, file)
            sketch = study(mapped(path)).sketch
        with self._alone():
            known = self._entry(sha256)  # others may have added names meanwhile
            names = [*(known.names if known else ()), _CONTROLS.sub("_", name)]
            entry = Entry(sketch, tuple(dict.fromkeys(names)))
            lines = "".join(f"{line}\n" for line in entry.names).encode("utf-8", "replace")
            _write(self.folder / "sketches" / sha256, sketch.write() + lines)
        return entry, known is None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes sketches meanwhile. The lock goes with the process."""
        try:
            with (self.folder / "lock").open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be written: {error.strerror}") from None

    def _keep(self, content: Bytes, sha256: str, file: str) -> None:
        """Copy a blob; refused where the file changed since it was hashed."""
        copied, view = hashlib.sha256(), memoryview(content)
        with open_output(self.blob_path(sha256)) as out:
            for start in range(0, len(view), PIECE):
                piece = bytes(view[start : start + PIECE])
                copied.update(piece)
                out.write(piece)
            if copied.hexdigest() != sha256:
                raise UsageError(f"{file} changes while it is read; add it once it is whole")

    def _entry(self, sha256: str) -> Entry | None:
        """What is known of a blob; None where there is nothing, or nothing that can be read."""
        path = self.folder / "sketches" / sha256
        try:
            return _read_entry(path) if self.blob_path(sha256).exists() else None
        except (OSError, BankError):
            return None

    def entries(self) -> list[Entry]:
        """All blobs, by name. Raises BankError where a sketch is damaged."""
        try:
            paths = [p for p in (self.folder / "sketches").iterdir() if _HASH.fullmatch(p.name)]
            found = [_read_entry(path) for path in paths]
        except OSError as error:
            raise BankError(f"{self.folder} cannot be read: {error.strerror}") from None
        return sorted(found, key=lambda entry: (entry.name, entry.sha256))

    def blob(self, entry: Entry) -> Bytes:
        """The bytes of a blob, which are not read before they are looked at. Raises BankError."""
        path = self.blob_path(entry.sha256)
        try:
            if path.stat().st_size != entry.sketch.size:
                raise BankError(f"{path} is damaged; remove it, and add {entry.name} anew")
        except OSError as error:
            raise BankError(f"{path} cannot be read: {error.strerror}") from None
        return mapped(str(path))


def _is_ours(name: str) -> bool:
    """Whether a bank that another process is making may hold this; ``open_output`` writes the
    content of bank.json beside it first."""
    return name in (*_FOLDERS, "bank.json", "lock") or name.startswith(".bank.json.")


def _read_entry(path: Path) -> Entry:
    content = path.read_bytes()
    sketch = read_sketch(content, str(path))
    if sketch.sha256.hex() != path.name:
        raise BankError(f"{path} is the sketch of another blob; add its blob anew")
    lines = content[SIZE:].decode("utf-8", "replace").split("\n")
    return Entry(sketch, tuple(line for line in lines if line))


def _write(path: Path, content: bytes) -> None:
    with open_output(path) as file:
        file.write(content)


def files_below(given: Sequence[str], bank: str) -> Iterator[tuple[str, str]]:
    """The path and the name of each file, and of each in folders, but for what is in the folder of
    the bank. Raises UsageError."""
    aside = Path(bank).resolve()
    for path in map(Path, given):
        if not path.is_dir():
            yield str(path), path.name
            continue
        below = sorted(p for p in path.rglob("*") if p.is_file())
        found = [p for p in below if not p.parent.resolve().is_relative_to(aside)]
        if not found:
            raise UsageError(f"{path} has no files" + (" beside the bank" if below else ""))
        yield from ((str(p), p.relative_to(path).as_posix()) for p in found)
