"""``pcpu publish``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.cli.bars import bar, planning
from pcpu.cli.iprog import Blobs, ModeName
from pcpu.cli.options import Json, print_json
from pcpu.errors import UsageError


def publish(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The file, or a plan of it, or its module.")
    ],
    store: Annotated[
        Path, typer.Option("--store", metavar="DIR", help="The folder of what is published.")
    ],
    blob: Blobs = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Its name; by default FILE's."),
    ] = None,
    mode: Annotated[
        ModeName | None,
        typer.Option(help="Smallest, or rebuilt at the speed of memory; by default small."),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="BUCKET", help="Also upload it to this R2 bucket."),
    ] = None,
    local: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The bucket is the one that wrangler emulates there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a file as a plan, which a Worker rebuilds it from.

    It lies beside its blobs. The plan is applied and compared before anything is written. Doing
    it again changes nothing; of two that have the same name the last stays.

    \b
    Example: pcpu publish new.bin --blob old.bin --store store
    Example: pcpu serve --store store
    """
    from pcpu.iprog import files
    from pcpu.iprog.bundled import told_by
    from pcpu.iprog.format import is_plan
    from pcpu.iprog.publish import check_name
    from pcpu.iprog.upload import upload

    if local is not None and bucket is None:
        raise UsageError("--local is about a bucket; give --bucket too")
    content, blobs = files.mapped(file), [files.mapped(each) for each in blob or ()]
    path = Path(file)
    with files.naming(file):
        planned, told = is_plan(content), told_by(content)
    suffix = ".iprog" if planned else ".wasm" if told is not None else ""
    called = check_name(path.name.removesuffix(suffix) if name is None else name)
    if mode is not None and suffix:
        raise UsageError(f"--mode is for a file that is planned, and {file} is planned already")
    if told is not None:
        published = _publish_module(file, content, told, blobs, store, called)
    elif planned:
        published = _publish_plan(file, content, blobs, store, called)
    else:
        plan = _planned(path, content, blobs, blob or (), mode or ModeName.small)
        published = _publish_plan(file, plan, blobs, store, called, is_new=True)
    if bucket is not None:
        upload(published, store, bucket, local)
    if as_json:
        print_json(published.to_json())
        return
    for each in published.files:
        known = "" if each in published.written else "  (was there)"
        typer.echo(f"{(store / each).stat().st_size:>10}  {each}{known}", err=True)
    for each in published.removed:
        typer.echo(f"   removed  {each}", err=True)
    typer.echo(published.url_path)


def _publish_module(file: str, content: Any, told: Any, blobs: Any, store: Path, name: str) -> Any:
    """Publish a reconstructor of which is ``told`` what it says of itself, once it rebuilds."""
    from pcpu.iprog.files import naming
    from pcpu.iprog.publish import publish_module
    from pcpu.iprog.rebuilds import check_reconstructor

    with naming(file), bar("verifying", told["file"]["size"]) as advance:
        check_reconstructor(bytes(content), told, blobs, advance)
    digests = [each["sha256"] for each in told["blobs"]]
    return publish_module(content, digests, blobs, store, name)


def _publish_plan(
    file: str, plan: Any, blobs: Any, store: Path, name: str, *, is_new: bool = False
) -> Any:
    """Publish a plan, once it rebuilds; one that ``is_new`` was applied when it was made."""
    from pcpu.iprog import files
    from pcpu.iprog.native import NativeReader
    from pcpu.iprog.publish import publish

    with files.naming(file):
        reader = NativeReader(plan, blobs)
        if not is_new:
            with bar("verifying", reader.header.file.size) as advance:
                files.verify(reader, advance)
    moves = reader.header.relocation is not None
    with planning() if moves else nullcontext():  # sites are found by loops of the planner
        return publish(reader, store, name)


def _planned(path: Path, content: Any, blobs: Any, names: Sequence[str], mode: ModeName) -> bytes:
    from pcpu.iprog.plan import make_plan

    with planning(len(content)) as progress:
        planned = make_plan(
            content,
            blobs,
            mode.value,
            name=path.name,
            blob_names=[Path(name).name for name in names],
            progress=progress,
        )
    return planned.plan
