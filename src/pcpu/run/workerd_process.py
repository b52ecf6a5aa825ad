"""workerd as a child process: started on a bundle, stopped with us."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pcpu import worker
from pcpu.errors import EngineError

START_SECONDS = 20
_PR_SET_PDEATHSIG = 1


@contextmanager
def serving(
    bundle: Path, port: int, log: IO[bytes] | int | None = None, *, loader: bool = False
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve ``bundle`` on 127.0.0.1; yields the port that is listened on and the process.

    ``port`` 0 takes any free one. ``log`` is where workerd's own words go. ``loader``
    says that the bundle starts Workers of its own.
    """
    if port:
        check_free(port)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    command = [
        str(worker.workerd()), "serve", f"--control-fd={write}",
        f"--socket-addr=http=127.0.0.1:{port}", "config.capnp",
        *(["--experimental"] if loader else []),
    ]  # fmt: skip
    # A session of its own keeps a terminal's Ctrl-C to us, and we stop the child in order.
    process = subprocess.Popen(
        command, cwd=bundle, pass_fds=[write], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - it only makes a system call
    )  # fmt: skip
    os.close(write)
    try:
        yield _listening(read, process), process
    finally:
        os.close(read)
        _stop(process)


def _die_with_parent() -> None:
    """Have Linux end this process when its parent ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def check_free(port: int) -> None:
    """Raise EngineError where nothing can listen on ``port`` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EngineError(
                f"port {port} on 127.0.0.1 cannot be used ({os.strerror(error.errno or 0)}); "
                "give another --port, or 0 for any free one"
            ) from None


def _listening(read: int, process: subprocess.Popen[bytes]) -> int:
    """Wait for the control channel to say which port the socket got."""
    import select

    text = b""
    while b"\n" not in text:
        ready, _, _ = select.select([read], [], [], START_SECONDS)
        piece = os.read(read, 4096) if ready else b""
        if not piece:
            code = process.poll()
            how = "did not start in time" if code is None else f"stopped with exit code {code}"
            raise EngineError(f"workerd {how}")
        text += piece
    event = json.loads(text.split(b"\n", 1)[0])
    return int(event["port"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                continue
    process.wait()
