"""The pairs of bench/iprog/pairs.json, fetched once with pip and npm, and compared with their
SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcpu.errors import PcpuError, ToolchainError, UsageError

ROOT = Path(__file__).parents[4]
PAIRS = ROOT / "bench" / "iprog" / "pairs.json"
STORE = ROOT / "build" / "iprog"
KINDS = ("executable", "text", "packed")


@dataclass(frozen=True)
class Pair:
    """``old`` and ``new`` are files in the store; ``size`` is that of the new one."""

    name: str
    kind: str
    old: Path
    new: Path
    size: int


def described(only: str | None = None) -> list[dict[str, Any]]:
    """What the file says about the pairs, or about one. Raises UsageError."""
    pairs: list[dict[str, Any]] = json.loads(PAIRS.read_text("utf-8"))["pairs"]
    chosen = [pair for pair in pairs if only in (None, pair["name"])]
    if not chosen:
        known = ", ".join(pair["name"] for pair in pairs)
        raise UsageError(f"{PAIRS} has no pair {only!r}; known: {known}")
    return chosen


def load(pair: dict[str, Any]) -> Pair:
    """The files of a pair, fetched where they are not there yet. Raises ToolchainError."""
    old, new = (fetched(pair, pair[which]) for which in ("old", "new"))
    return Pair(pair["name"], pair["kind"], old, new, new.stat().st_size)


def fetched(pair: dict[str, Any], wanted: dict[str, Any]) -> Path:
    """One version, in the store; fetched from its registry where it is not there yet."""
    kept: Path = STORE / wanted["sha256"]
    STORE.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        package = _fetch(pair, wanted["version"]).read_bytes()
        content = _member(package, pair["member"])
        if hashlib.sha256(content).hexdigest() != wanted["sha256"]:
            raise PcpuError(f"{pair['package']} {wanted['version']} is not the one of {PAIRS}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
    return kept


def _fetch(pair: dict[str, Any], version: str) -> Path:
    """The package's archive, by its registry's client."""
    tool = _pip if pair["from"] == "pypi" else _npm
    folder = STORE / "packages" / f"{pair['name']}-{version}"
    return fetch(folder, tool(pair, version, folder), f"{pair['package']} {version}")


def fetch(folder: Path, command: Sequence[str], what: str) -> Path:
    """The file that a command leaves in an empty folder, kept for the next time."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        try:
            subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(folder)
            said = getattr(error, "stderr", "") or str(error)
            raise ToolchainError(f"{what} cannot be fetched: {said}") from None
    return next(folder.iterdir())


def _pip(pair: dict[str, Any], version: str, folder: Path) -> list[str]:
    machine = pair.get("platform", "x86_64")
    systems = [f"manylinux_2_{n}_{machine}" for n in (17, 27, 28)] + [f"manylinux2014_{machine}"]
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet",
        "--python-version=311", *(f"--platform={system}" for system in systems),
        f"--dest={folder}", f"{pair['package']}=={version}",
    ]  # fmt: skip


def _npm(pair: dict[str, Any], version: str, folder: Path) -> list[str]:
    npm = Path(sys.executable).parent / "npm"
    return [str(npm), "pack", "--silent", f"{pair['package']}@{version}"]


def _member(package: bytes, member: str) -> bytes:
    """A file of an archive; the archive itself, or the tar in it."""
    if not member:
        return package
    if member == "tar":
        return gzip.decompress(package)
    if package[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            return archive.read(next(n for n in archive.namelist() if n.endswith(member)))
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        file = tar.extractfile(f"package/{member}")
        assert file is not None
        return file.read()
