"""``pcpu bank``: what plans are made from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from pcpu.cli.options import Json, print_json

app = typer.Typer(
    name="bank",
    help="""Banks: folders of blobs that files are planned from.

    \b
    Example: pcpu bank add bank old-1.0.bin old-1.1.bin
    Example: pcpu plan new-1.2.bin --bank bank -o new.iprog
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)
BankFolder = Annotated[str, typer.Argument(metavar="BANK", help="The folder.")]


class By(StrEnum):
    sketches = "sketches"
    blobs = "blobs"
    plans = "plans"


@app.command()
def add(
    bank: BankFolder,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, or folders with files.")
    ],
    as_json: Json = False,
) -> None:
    """Keep copies of files in a bank, which is made where there is none.

    Each content is kept once. Adding it again gives it one more name, and a new sketch.

    Example: pcpu bank add bank old-1.0.bin old-1.1.bin
    """
    from pcpu.cli.bars import adding
    from pcpu.iprog.bank.store import Bank, files_below

    found = list(files_below(files, bank))
    store = Bank.made(bank)
    added = []
    with adding(len(found)) as advance:
        for path, name in found:
            added.append(store.add(path, name))
            advance(1)
    new = sum(1 for _, is_new in added if is_new)
    if as_json:
        print_json({"added": new, "known": len(added) - new, "blobs": len(store.entries())})
    else:
        typer.echo(f"{new} added, {len(added) - new} known already", err=True)


@app.command("list")
def show(bank: BankFolder, as_json: Json = False) -> None:
    """Show what a bank holds, and what is known of it.

    Example: pcpu bank list bank
    """
    from pcpu.iprog.bank.store import Bank

    entries = Bank(bank).entries()
    if as_json:
        print_json([{"names": list(e.names), **e.sketch.to_json()} for e in entries])
        return
    for entry in entries:
        about = " ".join(part for part in (entry.sketch.kind, entry.sketch.compiler) if part)
        typer.echo(
            f"{entry.sketch.size:>11}  {entry.sha256[:12]}  {', '.join(entry.names)}"
            + (f"  ({about})" if about else "")
        )


@app.command("select")
def choose(
    bank: BankFolder,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file that is to be planned.")],
    best: Annotated[int, typer.Option(min=1, metavar="N", help="How many blobs to show.")] = 1,
    by: Annotated[
        By,
        typer.Option(
            help="How closely to look: at sketches only; at all of the blobs that seem near; or "
            "also make plans where several are about as near."
        ),
    ] = By.plans,
    as_json: Json = False,
) -> None:
    """Find the blobs of a bank that a file is best planned from.

    The name and the path of each, the best first.

    Example: pcpu bank select bank new-1.2.bin --best 3
    """
    from pcpu.cli.bars import planning
    from pcpu.iprog.bank.select import Depth, select
    from pcpu.iprog.bank.store import Bank
    from pcpu.iprog.files import mapped
    from pcpu.iprog.plan import make_plan

    store, content = Bank(bank), mapped(file)
    depth = Depth[by.name.upper()]
    with planning():
        found = select(store, content, lambda blobs, names: make_plan(content, blobs), depth)[:best]
    if as_json:
        print_json([c.to_json() | {"path": str(store.blob_path(c.entry.sha256))} for c in found])
        return
    for candidate in found:
        typer.echo(_line(candidate, str(store.blob_path(candidate.entry.sha256))))


def _line(candidate: Any, path: str) -> str:
    about = f"{candidate.nearness.share:.1%} shared"
    if candidate.plan_size is not None:
        about += f", a plan of {candidate.plan_size} bytes"
    return f"{candidate.entry.name}  {path}  ({about})"
