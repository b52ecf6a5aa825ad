"""Plans beside the delta tools, on old and new versions of published files.

    python -m pcpu.bench.delta [NAME...] [--fast] [-o RECORD.json]

The pairs are those of ``bench/iprog/pairs.json``, fetched once with pip and npm and compared with
their SHA-256. Sizes are of what has to be sent; every result is rebuilt and compared.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import platform
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import bsdiff4
import hdiffpatch
import typer
import zstandard

from pcpu.errors import PcpuError, ToolchainError
from pcpu.iprog.apply import Reader
from pcpu.iprog.plan import make_plan

ROOT = Path(__file__).parents[3]
PAIRS = ROOT / "bench" / "iprog" / "pairs.json"
STORE = ROOT / "build" / "iprog"
KINDS = ("executable", "text", "packed")
SLOW = 12 << 20  # bytes from which on bsdiff takes long


@dataclass(frozen=True)
class Pair:
    name: str
    kind: str
    old: bytes
    new: bytes


@dataclass(frozen=True)
class Peer:
    """``make`` gives what is sent, ``apply`` rebuilds the new file from the old one and that."""

    name: str
    make: Callable[[bytes, bytes], bytes]
    apply: Callable[[bytes, bytes], bytes]
    largest: int = 1 << 40


def _zstd(old: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _zstd_make(old: bytes, new: bytes) -> bytes:
    bits = min(31, (len(old) + len(new)).bit_length())
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, source_size=len(new), dict_size=len(old), window_log=bits, enable_ldm=True
    )
    compressor = zstandard.ZstdCompressor(dict_data=_zstd(old), compression_params=parameters)
    return compressor.compress(new)


def _zstd_apply(old: bytes, patch: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor(dict_data=_zstd(old), max_window_size=1 << 31)
    return reader.decompress(patch)


PEERS = (
    Peer("zstd -19 --patch-from", _zstd_make, _zstd_apply),
    Peer("bsdiff4", bsdiff4.diff, bsdiff4.patch, SLOW),
    Peer(
        "HDiffPatch lzma2",
        lambda old, new: hdiffpatch.diff(old, new, compression="lzma2"),
        hdiffpatch.apply,
    ),
    Peer(
        "iprog small",
        lambda old, new: make_plan(new, [old]).plan,
        lambda old, plan: Reader(plan, [old]).rebuild(),
    ),
    Peer(
        "iprog instant",
        lambda old, new: make_plan(new, [old], "instant").plan,
        lambda old, plan: Reader(plan, [old]).rebuild(),
    ),
)


# Pairs


def read_pairs(names: Sequence[str]) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = json.loads(PAIRS.read_text("utf-8"))["pairs"]
    unknown = set(names) - {pair["name"] for pair in pairs}
    if unknown:
        raise PcpuError(f"{PAIRS} has no pair {', '.join(sorted(unknown))}")
    return [pair for pair in pairs if not names or pair["name"] in names]


def load(pair: dict[str, Any]) -> Pair:
    old, new = (fetched(pair, pair[which]) for which in ("old", "new"))
    return Pair(pair["name"], pair["kind"], old, new)


def fetched(pair: dict[str, Any], wanted: dict[str, Any]) -> bytes:
    """The bytes of one version, from the store or from its registry."""
    kept: Path = STORE / wanted["sha256"]
    if not kept.exists():
        package = _fetch(pair, wanted["version"]).read_bytes()
        content = _member(package, pair["member"])
        if hashlib.sha256(content).hexdigest() != wanted["sha256"]:
            raise PcpuError(f"{pair['package']} {wanted['version']} is not the one of {PAIRS}")
        kept.write_bytes(content)
    return kept.read_bytes()


def _fetch(pair: dict[str, Any], version: str) -> Path:
    """The package's archive, by its registry's client."""
    folder = STORE / "packages" / f"{pair['name']}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        tool = _pip if pair["from"] == "pypi" else _npm
        done = subprocess.run(
            tool(pair, version, folder), cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ToolchainError(f"{pair['package']} {version} cannot be fetched: {done.stderr}")
    return next(folder.iterdir())


def _pip(pair: dict[str, Any], version: str, folder: Path) -> list[str]:
    machine = pair.get("platform", "x86_64")
    systems = [f"manylinux_2_{n}_{machine}" for n in (17, 27, 28)] + [f"manylinux2014_{machine}"]
    chosen = [f"--platform={system}" for system in systems]
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet",
        "--python-version=311", *chosen, f"--dest={folder}", f"{pair['package']}=={version}",
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


# Measuring


def measure(pair: Pair, peers: Sequence[Peer]) -> dict[str, dict[str, float]]:
    """For each peer the bytes, and MB/s of the new file to make and to apply it."""
    found: dict[str, dict[str, float]] = {}
    for peer in peers:
        if len(pair.new) > peer.largest:
            continue
        begun = time.perf_counter()
        patch = peer.make(pair.old, pair.new)
        made = time.perf_counter()
        if peer.apply(pair.old, patch) != pair.new:
            raise PcpuError(f"{peer.name} does not rebuild {pair.name}")
        applied = time.perf_counter()
        megabytes = len(pair.new) / 1e6
        found[peer.name] = {
            "size": len(patch),
            "make": megabytes / (made - begun),
            "apply": megabytes / (applied - made),
        }
    return found


def best_of(sizes: dict[str, dict[str, float]]) -> float:
    """The smallest size of a tool that is not ours."""
    return min(row["size"] for name, row in sizes.items() if not name.startswith("iprog"))


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def main(
    names: Annotated[list[str] | None, typer.Argument()] = None,
    fast: Annotated[bool, typer.Option(help="Only pairs below 12 MiB.")] = False,
    out: Annotated[Path | None, typer.Option("-o")] = None,
) -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    make_plan(b"warm" * 99, [b"up" * 99])  # numba's loops are loaded
    record: dict[str, Any] = {"machine": platform.machine(), "pairs": {}}
    ratios: dict[str, list[float]] = {}
    for described in read_pairs(names or []):
        if fast and described["new"]["size"] > SLOW:
            continue
        pair = load(described)
        sizes = measure(pair, PEERS)
        ratio = sizes["iprog small"]["size"] / best_of(sizes)
        ratios.setdefault(pair.kind, []).append(ratio)
        record["pairs"][pair.name] = {"kind": pair.kind, "size": len(pair.new), "peers": sizes}
        columns = "  ".join(
            f"{name} {row['size']:.0f} ({row['make']:.1f})" for name, row in sizes.items()
        )
        typer.echo(f"{pair.name:<18}{ratio:6.3f}  {columns}")
    for kind in KINDS:
        if kind in ratios:
            mean = geometric_mean(ratios[kind])
            typer.echo(f"{kind}: {mean:.3f} of the best peer, worst {max(ratios[kind]):.3f}")
    if out is not None:
        out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
