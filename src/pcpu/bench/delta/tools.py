"""What is compared: each tool makes a patch from two files, and applies it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pcpu.bench.delta import brotli
from pcpu.bench.delta.pairs import STORE, fetch
from pcpu.errors import ToolchainError

if TYPE_CHECKING:
    from pcpu.iprog.plan import Mode

SLOW = 12 << 20  # bytes from which on bsdiff takes minutes
VERY_SLOW = 6 << 20  # and brotli

Make = Callable[[Path, Path, Path], None]  # old, new, patch
Apply = Callable[[Path, Path, int], bytes | memoryview]  # old, patch, size of new


@dataclass(frozen=True)
class Tool:
    """``largest`` is the size of the files that it is tried for; ``ours`` tells plans from
    peers."""

    name: str
    make: Make
    apply: Apply
    largest: int = 1 << 40
    ours: bool = False


def _zstd_make(old: Path, new: Path, patch: Path) -> None:
    import zstandard as z

    before, content = old.read_bytes(), new.read_bytes()
    bits = min(31, (len(before) + len(content)).bit_length())
    parameters = z.ZstdCompressionParameters.from_level(
        19, source_size=len(content), dict_size=len(before), window_log=bits, enable_ldm=True
    )
    prefix = z.ZstdCompressionDict(before, dict_type=z.DICT_TYPE_RAWCONTENT)
    compressor = z.ZstdCompressor(dict_data=prefix, compression_params=parameters)
    patch.write_bytes(compressor.compress(content))


def _zstd_apply(old: Path, patch: Path, size: int) -> bytes:
    import zstandard as z

    prefix = z.ZstdCompressionDict(old.read_bytes(), dict_type=z.DICT_TYPE_RAWCONTENT)
    reader = z.ZstdDecompressor(dict_data=prefix, max_window_size=1 << 31)
    return reader.decompress(patch.read_bytes())


def _bsdiff_make(old: Path, new: Path, patch: Path) -> None:
    import bsdiff4

    patch.write_bytes(bsdiff4.diff(old.read_bytes(), new.read_bytes()))


def _bsdiff_apply(old: Path, patch: Path, size: int) -> bytes:
    import bsdiff4

    found: bytes = bsdiff4.patch(old.read_bytes(), patch.read_bytes())
    return found


def _hdiff_make(old: Path, new: Path, patch: Path) -> None:
    import hdiffpatch

    made = hdiffpatch.diff(old.read_bytes(), new.read_bytes(), compression="lzma2")
    patch.write_bytes(made)


def _hdiff_apply(old: Path, patch: Path, size: int) -> bytes:
    import hdiffpatch

    return hdiffpatch.apply(old.read_bytes(), patch.read_bytes())


@cache
def _xdelta() -> str:
    """The command: the one that is installed, else that of Debian's package, unpacked."""
    found = shutil.which("xdelta3")
    if found is not None:
        return found
    package = fetch(STORE / "packages" / "xdelta3", ["apt-get", "download", "xdelta3"], "xdelta3")
    folder = STORE / "xdelta3"
    try:
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolchainError(f"xdelta3 cannot be unpacked: {error}") from None
    return str(folder / "usr" / "bin" / "xdelta3")


def _xdelta_make(old: Path, new: Path, patch: Path) -> None:
    window = max(1 << 23, old.stat().st_size)
    # Without -D it would unpack what is packed, and pack something else.
    options = ["-9", "-S", "lzma", "-B", str(window), "-D", "-e", "-f", "-s"]
    command = [_xdelta(), *options, *map(str, (old, new, patch))]
    subprocess.run(command, check=True, capture_output=True)


def _xdelta_apply(old: Path, patch: Path, size: int) -> bytes:
    window = max(1 << 23, old.stat().st_size)
    command = [_xdelta(), "-d", "-D", "-R", "-c", "-B", str(window), "-s", str(old), str(patch)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _plan(mode: Mode) -> Make:
    def make(old: Path, new: Path, patch: Path) -> None:
        from pcpu.iprog.files import mapped
        from pcpu.iprog.plan import make_plan

        planned = make_plan(mapped(str(new)), [mapped(str(old))], mode)
        patch.write_bytes(planned.plan)

    return make


def _rebuild(old: Path, patch: Path, size: int) -> memoryview:
    """As pcpu apply does: with the compiled decoder, and the hash of the file compared."""
    from pcpu.iprog.files import mapped
    from pcpu.iprog.native import NativeReader

    return NativeReader(patch.read_bytes(), [mapped(str(old))], compare=False).whole()


TOOLS = (
    Tool("iprog small", _plan("small"), _rebuild, ours=True),
    Tool("iprog instant", _plan("instant"), _rebuild, ours=True),
    Tool("zstd -19 --patch-from", _zstd_make, _zstd_apply),
    Tool("brotli 11, dictionary", brotli.make, brotli.apply, VERY_SLOW),
    Tool("xdelta3 -9 lzma", _xdelta_make, _xdelta_apply),
    Tool("bsdiff4", _bsdiff_make, _bsdiff_apply, SLOW),
    Tool("HDiffPatch lzma2", _hdiff_make, _hdiff_apply),
)
