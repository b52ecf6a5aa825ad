"""A terminal for ``pcpu sim``."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.sim.programs import PCPU


class Terminal:
    """``pcpu`` on a terminal that the test types on."""

    def __init__(self, *arguments: str | Path, folder: Path | None = None) -> None:
        environment = os.environ | {"TERM": "dumb", "COLUMNS": "80", "NO_COLOR": "1"}
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [PCPU, "sim", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            cwd=folder,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def read(self, until: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end, self.text
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.ours, 65536).decode()
                except OSError:  # the other side has closed it
                    return

    def answer(self, text: str) -> str:
        """Wait for the prompt, type, and give what came before."""
        self.read(lambda: self.text.endswith("(pcpu) "))
        before, self.text = self.text, ""
        os.write(self.ours, text.encode())
        return before

    def finish(self) -> tuple[int, str]:
        self.read(lambda: False)
        return self.process.wait(timeout=60), self.text
