"""What was done, line by line as it is done, so that a run that was cut off goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from pcpu.errors import UsageError
from pcpu.iprog.corpus.jobs import Outcome


def read(path: Path) -> dict[str, Outcome]:
    """The last outcome of each file. A line that is cut off or not ours says nothing."""
    found: dict[str, Outcome] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                outcome = _outcome(line)
                if outcome is not None:
                    found[outcome.path] = outcome
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return found


def _outcome(line: bytes) -> Outcome | None:
    try:
        outcome = Outcome(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    defaults = asdict(Outcome("", 0, ""))
    same = all(type(value) is type(defaults[name]) for name, value in asdict(outcome).items())
    return outcome if same else None


@contextmanager
def appended(path: Path) -> Iterator[IO[bytes]]:
    """The journal, for more lines; one that was cut off is ended first."""
    with path.open("ab", buffering=0) as file:
        if file.tell():
            file.write(b"\n")
        yield file


def line(outcome: Outcome) -> bytes:
    return json.dumps(asdict(outcome)).encode() + b"\n"
