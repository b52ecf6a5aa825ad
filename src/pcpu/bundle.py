"""A Worker bundle, ready to deploy: script, WebAssembly modules and configurations."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pcpu import disk_cache, openapi, targets, worker
from pcpu.artifact import Artifact, write_beside
from pcpu.compiler import compile_operations, compile_program
from pcpu.errors import PcpuError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa

# 64 MiB of data in hexadecimal, and the JSON around it. A deployed isolate has 128 MB in
# all, so wrangler.jsonc states its own, smaller limits.
LOCAL_JSON_BYTES = 168 << 20
LOCAL_BODY_BYTES = 1 << 30
LOCAL_PLAN_BYTES = 1 << 28
LOCAL_DECODER_BYTES = 1 << 30
ANY_PORT = 0
OPERATIONS = "pcpu_ops.wasm"
DECODER = "iprog-"  # how the names of the decoder's parts begin
REBUILDS = "rebuilds-"  # how the names of reconstructors begin
# Query parameters that a program's own could not be told from.
RESERVED = frozenset(["want", "buffer"])


def build_bundle(
    isa: Isa,
    programs: Sequence[Program],
    out: Path,
    port: int = 8787,
    *,
    named: Mapping[str, Program] = MappingProxyType({}),
    decoder: Mapping[str, Artifact] = MappingProxyType({}),
    store: Path | None = None,
    bucket: str | None = None,
    loader: bool = False,
    reconstructors: Mapping[str, Artifact] = MappingProxyType({}),
) -> None:
    """Write a bundle into the folder ``out``.

    Each of ``programs``, which are pipelines, becomes a module of its own, fused, which the Worker
    runs in place of the single operations. Those of ``named``, which may be any programs, can be
    asked for by name. ``decoder``, by parts, rebuilds published files (spec/http.md H18), which
    workerd finds in the folder ``store``, a Worker that is deployed in the R2 bucket ``bucket``;
    ``reconstructors`` are files that need no plan there; with ``loader`` it runs modules that are
    published, which ``store`` always does. In a folder that holds a bundle already its files are
    replaced, all but ``wrangler.jsonc``, where people keep their routes, and which then has to name
    the bucket and the loader. Raises PcpuError.
    """
    _check_folder(out)
    _check_kept(out / "wrangler.jsonc", bucket, loader)
    _check_parameters(named)
    modules = _compiled(isa, programs, named)
    if decoder:
        modules |= {f"{DECODER}{name}.wasm": part for name, part in decoder.items()}
        modules |= {f"{REBUILDS}{name}.wasm": found for name, found in reconstructors.items()}
    with tempfile.TemporaryDirectory(prefix="pcpu-bundle-") as folder:
        _write(Path(folder), isa, modules, port, store, bucket, loader)
        try:
            out.mkdir(parents=True, exist_ok=True)
            _move(Path(folder), out)
        except OSError as error:
            raise PcpuError(f"{out} cannot be written: {error.strerror}") from None


def _compiled(
    isa: Isa, programs: Sequence[Program], named: Mapping[str, Program]
) -> dict[str, Artifact]:
    """The modules of operations and programs, by the names of their files."""
    target = targets.find("wasm")
    about = disk_cache.key("operations", isa.digest)
    modules = {OPERATIONS: _kept(about, lambda: compile_operations(isa, target))}

    def compiled(program: Program) -> Artifact:
        about = disk_cache.key_of(program, "bundled", str(program), isa.digest)
        return _kept(about, lambda: compile_program(program, isa, target))

    pipelines = {p.signature: p for p in named.values() if p.is_pipeline}
    for program in {p.signature: p for p in programs if p.signature not in pipelines}.values():
        digest = hashlib.sha256(program.signature.encode()).hexdigest()[:16]
        modules[f"program-{digest}.wasm"] = compiled(program)
    for name, program in named.items():
        modules[f"named-{name}.wasm"] = compiled(program)
    return modules


def _kept(about: str, compiled: Callable[[], Artifact]) -> Artifact:
    """A module and what it says of itself, from the cache or compiled."""

    def make() -> bytes:
        made = compiled()
        told = json.dumps(made.manifest).encode()
        return struct.pack("<I", len(told)) + told + made.code

    kept = disk_cache.read(f"{about}.module", make)
    end = 4 + struct.unpack_from("<I", kept)[0]
    return Artifact("wasm", kept[end:], json.loads(kept[4:end]))


def _check_parameters(named: Mapping[str, Program]) -> None:
    for name, program in named.items():
        for parameter in program.parameters:
            if parameter.name in RESERVED:
                what = f"the parameter {parameter.name!r} of {name} cannot be given over HTTP"
                raise UsageError(f"{what}, where the word means something else; rename it")


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder")
    if out.is_dir() and any(out.iterdir()) and not _is_bundle(out):
        raise UsageError(f"{out} holds something else; give an empty or a new folder")


def _check_kept(kept: Path, bucket: str | None, loader: bool) -> None:
    """Whether bindings that are asked for stand in the file that is kept, in whatever form."""
    if not kept.is_file():
        return
    text, values = kept.read_text("utf-8", "replace"), _buckets(bucket, loader)
    wanted = (
        ("r2_buckets", values["BUCKETS"], [] if bucket is None else ["BUCKET", bucket]),
        ("worker_loaders", values["LOADERS"], ["LOADER"] if loader else []),
    )
    for member, value, words in wanted:
        if not all(json.dumps(word) in text for word in words):
            raise UsageError(
                f'{kept} is kept and does not have "{member}": {value}; write that into it, or '
                "remove it"
            )


def _is_bundle(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("manifest.json", "config.capnp", "index.js"))


def _move(new: Path, out: Path) -> None:
    """Move the files of ``new`` to ``out``, and delete program modules that are not among them."""
    names = {path.name for path in new.iterdir()}
    for name in sorted(names):
        if name != "wrangler.jsonc" or not (out / name).exists():
            with write_beside(out / name) as file:
                file.write((new / name).read_bytes())
    for old in out.glob("*.wasm"):
        if old.name.startswith(("program-", "named-", REBUILDS, DECODER)) and old.name not in names:
            old.unlink()


def _write(
    folder: Path,
    isa: Isa,
    modules: dict[str, Artifact],
    port: int,
    store: Path | None,
    bucket: str | None,
    loader: bool,
) -> None:
    for name, artifact in modules.items():
        artifact.write(folder / name)
    (folder / "programs.js").write_text(_list_of(modules))
    (folder / "openapi.json").write_text(json.dumps(openapi.document(isa)) + "\n")
    worker.bundle_script(folder / "index.js")
    worker.bundle_script(folder / "module.txt", "module.ts")
    embedded = "\n    ".join(
        f'(name = "{name}", wasm = embed "{name}"),' for name in modules if name != OPERATIONS
    )
    values = {
        "PORT": str(port),
        "MODULES": embedded,
        "MAX_JSON_BYTES": str(LOCAL_JSON_BYTES),
        "MAX_STREAM_BYTES": "0",
        "MAX_BODY_BYTES": str(LOCAL_BODY_BYTES),
        "MAX_PLAN_BYTES": str(LOCAL_PLAN_BYTES),
        "MAX_DECODER_BYTES": str(LOCAL_DECODER_BYTES),
        **_store(store),
    }
    (folder / "config.capnp").write_text(worker.template("config.capnp", values))
    wrangler = worker.template("wrangler.jsonc", _buckets(bucket, loader))
    (folder / "wrangler.jsonc").write_text(wrangler)
    manifests = {name: artifact.manifest for name, artifact in modules.items()}
    (folder / "manifest.json").write_text(json.dumps(manifests, indent=2) + "\n")


def _store(folder: Path | None) -> dict[str, str]:
    """The disk service with what is published, and the bindings that are for it."""
    if folder is None:
        return {"STORE_SERVICE": "", "STORE_BINDINGS": ""}
    path = json.dumps(str(folder.resolve()), ensure_ascii=False)
    return {
        "STORE_SERVICE": f'(name = "store", disk = (path = {path})),',
        "STORE_BINDINGS": '(name = "STORE", service = "store"),\n    '
        '(name = "LOADER", workerLoader = (id = "modules")),',
    }


def _buckets(bucket: str | None, loader: bool) -> dict[str, str]:
    """The R2 bucket with what is published, and what runs modules that are."""
    buckets = [] if bucket is None else [{"binding": "BUCKET", "bucket_name": bucket}]
    loaders = [{"binding": "LOADER"}] if loader else []
    return {"BUCKETS": json.dumps(buckets), "LOADERS": json.dumps(loaders)}


def _list_of(modules: dict[str, Artifact]) -> str:
    """The script that lists the program modules: pipelines to run fused, and programs by name."""
    rebuilt = [name for name in modules if name.startswith(REBUILDS)]
    parts = [name for name in modules if name.startswith(DECODER)]
    programs = [name for name in modules if name not in (OPERATIONS, *parts, *rebuilt)]
    imports = [f'import p{i} from "./{name}";' for i, name in enumerate(programs)]
    fused = {modules[name].manifest.get("signature", ""): i for i, name in enumerate(programs)}
    listed = ", ".join(f"p{i}" for signature, i in fused.items() if signature)
    named = ", ".join(
        f'["{name.removeprefix("named-").removesuffix(".wasm")}", p{i}]'
        for i, name in enumerate(programs)
        if name.startswith("named-")
    )
    imports += [f'import r{i} from "./{name}";' for i, name in enumerate(rebuilt)]
    objects = ", ".join(
        f'["{name.removeprefix(REBUILDS).removesuffix(".wasm")}", r{i}]'
        for i, name in enumerate(rebuilt)
    )
    exports = [
        f"export default [{listed}];",
        f"export const named = [{named}];",
        f"export const reconstructors = [{objects}];",
    ]
    own = [name.removeprefix(DECODER).removesuffix(".wasm") for name in parts]
    imports += [f'import {part} from "./{name}";' for part, name in zip(own, parts, strict=True)]
    decoder = f"{{ {', '.join(own)} }}" if own else "undefined"
    exports.append(f"export const decoder = {decoder};")
    return "\n".join([*imports, *exports, ""])
