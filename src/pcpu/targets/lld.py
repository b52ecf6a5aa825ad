"""Running LLD, and Zig where a library comes from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from platformdirs import user_cache_path

from pcpu import disk_cache
from pcpu.errors import ToolchainError
from pcpu.target import Target


@cache
def command(flavour: str) -> tuple[str, ...]:
    """How to run ``wasm-ld`` or ``ld.lld``: $PCPU_WASM_LD or $PCPU_LD_LLD, else the wheel's."""
    variable = "PCPU_" + flavour.upper().replace("-", "_").replace(".", "_")
    named = os.environ.get(variable)
    if named:
        if shutil.which(named) is None:
            raise ToolchainError(f"${variable} names {named!r}, which is not an executable")
        return (named,)
    return (*zig(), flavour)


@cache
def zig() -> tuple[str, ...]:
    """The Zig of the ziglang wheel, run without its Python wrapper."""
    try:
        import ziglang
    except ImportError:
        raise ToolchainError("the ziglang wheel is missing; run 'make setup'") from None
    return (os.path.join(os.path.dirname(ziglang.__file__), "zig"),)  # noqa: PTH118, PTH120


def zig_triple(target: Target) -> str:
    """What Zig calls the system of ``target``; for WebAssembly one whose headers it has."""
    architecture, _, system, *abi = target.triple.split("-")
    return "-".join([architecture, "wasi" if system == "unknown" else system, *abi])


def zig_cpu(target: Target) -> str:
    """The processor of ``target``, with its features, as Zig is told."""
    return "".join([target.cpu, *target.features]).translate(str.maketrans("-.", "__"))


def zig_object(
    package: str, name: str, target: Target, options: Sequence[str], cpu: str | None = None
) -> bytes:
    """The object file of a source in Zig that lies in a package, for ``target``, or for that
    processor; it is compiled once. Raises ToolchainError."""
    cpu = zig_cpu(target) if cpu is None else cpu

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
            out = Path(folder) / "out.o"
            with as_file(files(package) / name) as source:
                run([
                    *zig(), "build-obj", str(source), "-target", zig_triple(target), "-fstrip",
                    "-fPIC", f"-mcpu={cpu}", *options, f"-femit-bin={out}",
                ], scratch=Path(folder))  # fmt: skip
            return out.read_bytes()

    key = disk_cache.key(package, name, target.triple, cpu, *options)
    return disk_cache.read(f"{key}.{name}.o", make)


def run(arguments: Sequence[str], scratch: Path | None = None) -> str:
    """Run a tool to its end; its standard output. Raises ToolchainError with its words.

    Zig keeps what it compiles in its cache, for good, or in the folder ``scratch``.
    """
    own = {"ZIG_GLOBAL_CACHE_DIR": _cache()}
    own |= {} if scratch is None else {"ZIG_LOCAL_CACHE_DIR": str(scratch)}
    done = subprocess.run(
        arguments, env=os.environ | own, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise ToolchainError(f"{' '.join(arguments[:2])} failed: {words}")
    return done.stdout


def _cache() -> str:
    """Where Zig keeps what it compiles; a folder that ends with us where it cannot write there."""
    usual = os.environ.get("ZIG_GLOBAL_CACHE_DIR") or str(user_cache_path("zig"))
    try:
        Path(usual).mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary_cache().name
    return usual if os.access(usual, os.W_OK | os.X_OK) else _temporary_cache().name


@cache
def _temporary_cache() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pcpu-")  # deleted when the process ends


@cache
def versions() -> dict[str, str]:
    """The versions of Zig and of its LLD."""
    lld = run([*command("wasm-ld"), "--version"]).split()
    return {"lld": lld[lld.index("LLD") + 1], "zig": run([*zig(), "version"]).strip()}
