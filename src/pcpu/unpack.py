"""Unpacking archives."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path, within: str = "") -> None:
    """Unpack from an archive of tar what has ``within`` in its name."""
    with tarfile.open(archive) as files:
        # What leaves the folder is refused, by versions of Python that can: 3.11 from 3.11.4 on.
        files.extraction_filter = getattr(tarfile, "data_filter", None)
        files.extractall(folder, [member for member in files if within in member.name])
