"""A Worker bundle, ready to deploy: script, WebAssembly modules and configurations."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pcpu import openapi, targets, worker
from pcpu.artifact import Artifact, write_beside
from pcpu.compiler import compile_operations, compile_program
from pcpu.errors import PcpuError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa

# 64 MiB of data in hexadecimal, and the JSON around it. A deployed isolate has 128 MB in
# all, so wrangler.jsonc states its own, smaller limit.
LOCAL_JSON_BYTES = 168 << 20
ANY_PORT = 0


def build_bundle(isa: Isa, programs: Sequence[Program], out: Path, port: int = 8787) -> None:
    """Write a bundle into the folder ``out``.

    Each of ``programs`` becomes a module of its own, fused, which the Worker runs in place of
    the single operations. In a folder that holds a bundle already its files are replaced, all but
    ``wrangler.jsonc``, where people keep their routes. Raises PcpuError.
    """
    _check_folder(out)
    target = targets.find("wasm")
    modules = {"pcpu_ops.wasm": compile_operations(isa, target)}
    for program in {program.signature: program for program in programs}.values():
        digest = hashlib.sha256(program.signature.encode()).hexdigest()[:16]
        modules[f"program-{digest}.wasm"] = compile_program(program, isa, target)
    with tempfile.TemporaryDirectory(prefix="pcpu-bundle-") as folder:
        _write(Path(folder), isa, modules, port)
        try:
            out.mkdir(parents=True, exist_ok=True)
            _move(Path(folder), out)
        except OSError as error:
            raise PcpuError(f"{out} cannot be written: {error.strerror}") from None


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder")
    if out.is_dir() and any(out.iterdir()) and not _is_bundle(out):
        raise UsageError(f"{out} holds something else; give an empty or a new folder")


def _is_bundle(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("manifest.json", "config.capnp", "index.js"))


def _move(new: Path, out: Path) -> None:
    """Move the files of ``new`` to ``out``, and delete program modules that are not among them."""
    names = {path.name for path in new.iterdir()}
    for name in sorted(names):
        if name != "wrangler.jsonc" or not (out / name).exists():
            with write_beside(out / name) as file:
                file.write((new / name).read_bytes())
    for old in out.glob("program-*.wasm"):
        if old.name not in names:
            old.unlink()


def _write(folder: Path, isa: Isa, modules: dict[str, Artifact], port: int) -> None:
    for name, artifact in modules.items():
        artifact.write(folder / name)
    fused = [name for name in modules if name != "pcpu_ops.wasm"]
    imports = "".join(f'import p{i} from "./{name}";\n' for i, name in enumerate(fused))
    listed = ", ".join(f"p{i}" for i in range(len(fused)))
    (folder / "programs.js").write_text(f"{imports}export default [{listed}];\n")
    (folder / "openapi.json").write_text(json.dumps(openapi.document(isa)) + "\n")
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
