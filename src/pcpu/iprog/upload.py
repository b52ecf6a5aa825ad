"""What is published, to an R2 bucket: with wrangler, which knows the account."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pcpu import worker
from pcpu.errors import ToolchainError
from pcpu.iprog.publish import Published

_MOST = 300 << 20  # bytes of a file that wrangler uploads


def upload(published: Published, store: Path, bucket: str, emulated: Path | None = None) -> None:
    """Upload all files of an object, the plan last, and delete what would be that object too.

    ``emulated`` is the folder in which wrangler keeps a bucket of its own, in place of a real
    one. Raises ToolchainError.
    """
    where = ["--remote"] if emulated is None else ["--local", f"--persist-to={emulated.resolve()}"]
    for path in published.files:
        if (store / path).stat().st_size > _MOST:
            raise ToolchainError(
                f"{store / path} is larger than wrangler uploads; copy the folder {store} to the "
                f"bucket {bucket} with an S3 client, such as: rclone copy {store} r2:{bucket}"
            )
    for path in published.files:
        file = f"--file={(store / path).resolve()}"
        _wrangler(["r2", "object", "put", f"{bucket}/{path}", file, *where], store)
    if published.other:  # wrangler does not mind where there is none
        _wrangler(["r2", "object", "delete", f"{bucket}/{published.other}", *where], store)


def _wrangler(arguments: list[str], folder: Path) -> None:
    quiet = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_HIDE_BANNER": "true", "CI": "1"}
    command = [str(worker.node()), str(worker.wrangler()), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ToolchainError(f"wrangler failed: {(done.stderr or done.stdout).strip()}")
