"""The ``pcpu`` command: ``app.py`` is all of it, which takes a while to load."""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run the command. Interrupted while it is loaded, when nothing has begun, it ends at once."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(_INTERRUPTED)

    # Where it is ignored, as in the background of a shell, it stays so.
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:
        signal.signal(signal.SIGINT, leave)
    from pcpu.cli.app import run_command

    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_command()
