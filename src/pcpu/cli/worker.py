"""``pcpu build`` and ``pcpu serve``: the Worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.cli.options import Bundled, IsaFiles, Reconstructors, load_isa_files, parse_bundled
from pcpu.errors import UsageError


def build(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the bundle goes.")],
    program: Bundled = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="BUCKET", help="The R2 bucket with published files."),
    ] = None,
    reconstructor: Reconstructors = None,
    loader: Annotated[
        bool, typer.Option("--loader", help="Run published modules; the account must have it.")
    ] = False,
    isa: IsaFiles = None,
) -> None:
    """Write a Worker bundle that is ready to deploy.

    \b
    Example: pcpu build -o bundle --program 'xor 0x5a | crc32c'
    Example: cd bundle && npx wrangler deploy
    """
    from pcpu.bundle import build_bundle

    loaded = load_isa_files(isa)
    pipelines, named = parse_bundled(program, loaded)
    if bucket is None:
        _check_store("--bucket", reconstructor)
        if loader:
            raise UsageError("--loader needs --bucket, where the modules are published")
        build_bundle(loaded, pipelines, out, named=named)
    else:
        objects = _objects(reconstructor)
        build_bundle(loaded, pipelines, out, named=named, bucket=bucket, loader=loader, **objects)
    for path in sorted(out.iterdir()):
        typer.echo(f"{path.stat().st_size:>9}  {path}", err=True)


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes any free one.")
    ] = 8787,
    program: Bundled = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="The folder of published files."),
    ] = None,
    reconstructor: Reconstructors = None,
    isa: IsaFiles = None,
) -> None:
    """Serve the Worker on 127.0.0.1.

    Builds the bundle and runs it on workerd, the real Workers runtime, until Ctrl-C.

    \b
    Example: pcpu serve --program 'xor 0x5a | crc32c'
    Example: curl -sS http://127.0.0.1:8787/
    """
    from pcpu.run.workerd_process import check_free
    from pcpu.serve import serve_forever

    check_free(port)  # before all is built, which takes seconds
    loaded = load_isa_files(isa)
    pipelines, named = parse_bundled(program, loaded)
    if store is None:
        _check_store("--store", reconstructor)
        serve_forever(loaded, pipelines, named, port)
    elif not store.is_dir():
        raise UsageError(f"--store {store}: there is no such folder; pcpu publish makes it")
    else:
        serve_forever(loaded, pipelines, named, port, store=store, **_objects(reconstructor))


def _check_store(option: str, reconstructors: Sequence[str] | None) -> None:
    if reconstructors:
        raise UsageError(f"--reconstructor needs {option}, where its blobs are published")


def _objects(reconstructors: Sequence[str] | None) -> dict[str, Any]:
    """What a bundle rebuilds files with."""
    from pcpu.iprog.bundled import read_reconstructors
    from pcpu.iprog.publish import decoder

    return {"decoder": decoder(), "reconstructors": read_reconstructors(reconstructors or ())}
