"""A Worker bundle, ready to deploy: script, WebAssembly modules and configurations."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pcpu import targets, worker
from pcpu.artifact import Artifact
from pcpu.compiler import compile_operations, compile_program
from pcpu.errors import PcpuError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa

# 64 MiB of data in hexadecimal, and the JSON around it. A deployed isolate has 128 MB in
# all, so wrangler.jsonc states its own, smaller limit.
LOCAL_JSON_BYTES = 168 << 20
ANY_PORT = 0


def build_bundle(isa: Isa, programs: Sequence[Program], out: Path, port: int = 8787) -> None:
    """Write a bundle into the folder ``out``, which appears whole or keeps what it had.

    Each of ``programs`` becomes a module of its own, fused, which the Worker runs in place of
    the single operations. Raises PcpuError.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "pcpu_ops.wasm").is_file():
        raise UsageError(f"{out} holds something else; give an empty or a new folder")
    target = targets.find("wasm")
    modules = {"pcpu_ops.wasm": compile_operations(isa, target)}
    for program in {program.signature: program for program in programs}.values():
        digest = hashlib.sha256(program.signature.encode()).hexdigest()[:16]
        modules[f"program-{digest}.wasm"] = compile_program(program, isa, target)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise PcpuError(f"{out} cannot be written: {error.strerror}") from None
    try:
        _write(beside, modules, port)
        _replace(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(folder: Path, modules: dict[str, Artifact], port: int) -> None:
    for name, artifact in modules.items():
        artifact.write(folder / name)
    fused = [name for name in modules if name != "pcpu_ops.wasm"]
    imports = "".join(f'import p{i} from "./{name}";\n' for i, name in enumerate(fused))
    listed = ", ".join(f"p{i}" for i in range(len(fused)))
    (folder / "programs.js").write_text(f"{imports}export default [{listed}];\n")
    worker.bundle_script(folder / "index.js")
    embedded = "\n    ".join(f'(name = "{name}", wasm = embed "{name}"),' for name in fused)
    values = {
        "PORT": str(port),
        "MODULES": embedded,
        "MAX_JSON_BYTES": str(LOCAL_JSON_BYTES),
        "MAX_STREAM_BYTES": "0",
    }
    (folder / "config.capnp").write_text(worker.template("config.capnp", values))
    (folder / "wrangler.jsonc").write_text(worker.template("wrangler.jsonc", {}))
    manifests = {name: artifact.manifest for name, artifact in modules.items()}
    (folder / "manifest.json").write_text(json.dumps(manifests, indent=2) + "\n")


def _replace(new: Path, out: Path) -> None:
    """Put ``new`` in the place of ``out``, whose files go."""
    new.chmod(0o755)
    if not out.exists():
        new.rename(out)
        return
    old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        out.rename(old / "old")
        new.rename(out)
    finally:
        shutil.rmtree(old, ignore_errors=True)
