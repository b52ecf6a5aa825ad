"""``pcpu serve``: the Worker on the real Workers runtime, on this machine."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pcpu.artifact import Artifact
from pcpu.bundle import build_bundle
from pcpu.errors import EngineError
from pcpu.ir import Program
from pcpu.isa import Isa
from pcpu.run.workerd_process import serving


def serve_forever(
    isa: Isa,
    programs: Sequence[Program],
    named: Mapping[str, Program],
    port: int,
    *,
    decoder: Mapping[str, Artifact] = MappingProxyType({}),
    store: Path | None = None,
    reconstructors: Mapping[str, Artifact] = MappingProxyType({}),
) -> None:
    """Build the bundle and serve it until Ctrl-C or SIGTERM.

    ``decoder`` and ``reconstructors`` rebuild what is published in the folder ``store``. Raises
    PcpuError.
    """
    with tempfile.TemporaryDirectory(prefix="pcpu-serve-") as folder:
        bundle = Path(folder) / "bundle"
        build_bundle(
            isa, programs, bundle, port,
            named=named, decoder=decoder, store=store, reconstructors=reconstructors,
        )  # fmt: skip
        with serving(bundle, port, loader=store is not None) as (listening, process):
            sys.stdout.write(_greeting(listening, programs, named, store))
            sys.stdout.flush()
            code = process.wait()
            raise EngineError(f"workerd stopped with exit code {code}")


def _greeting(
    port: int, programs: Sequence[Program], named: Mapping[str, Program], store: Path | None
) -> str:
    address = f"http://127.0.0.1:{port}"
    text = str(programs[0]) if programs else "xor 0x5a | crc32c"
    query = shlex.quote(f"{address}/v1/pipeline")
    body = json.dumps({"data": "hello", "program": text})
    lists = (["programs"] if named else []) + (["objects"] if store else [])
    listed = "".join(f"  curl -sS {shlex.quote(f'{address}/v1/{name}')}\n\n" for name in lists)
    return (
        f"pCPU is serving on {address}; Ctrl-C stops it. Try:\n\n{listed}"
        f"  curl -sS -H 'content-type: application/json' -d {shlex.quote(body)} {query}\n\n"
        f"  curl -sS -H 'content-type: application/octet-stream' --data-binary @README.md "
        f"'{address}/v1/pipeline?program=crc32c'\n\n"
    )
