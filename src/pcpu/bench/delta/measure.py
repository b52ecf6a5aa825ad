"""All tools on one pair: sizes, speeds, memory; and decoding in WebAssembly."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcpu.bench.delta.pairs import ROOT, Pair
from pcpu.bench.delta.tools import TOOLS, Tool
from pcpu.errors import PcpuError, ToolchainError

SCRIPT = ROOT / "bench" / "js" / "iprog.js"
PATIENCE = 1800  # seconds for one tool
ROUNDS = 25
SMALL, INSTANT, ZSTD = "iprog small", "iprog instant", "zstd -19 --patch-from"
COPY = "memory.copy"


@dataclass
class Row:
    """A tool on a pair: ``size`` of the patch in bytes; ``make`` and ``apply`` in MB/s of the new
    file; ``memory`` in bytes that making took, the files among them. The others are MB/s in
    WebAssembly, as bench/js/iprog.js has them: ``wasm`` from a patch, blob and sites; ``first``
    from nothing but the files; ``again`` of what is open."""

    size: int
    make: float
    apply: float
    memory: int
    wasm: float | None = None
    first: float | None = None
    again: float | None = None


@dataclass
class Measured:
    """A pair and its rows; ``missing`` says which tools there are not, and why."""

    pair: Pair
    rows: dict[str, Row] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    copy: float | None = None  # MB/s of memory.copy in WebAssembly

    @property
    def peer(self) -> str:
        """The tool with the smallest patch that is not ours."""
        return min(
            (tool.name for tool in TOOLS if not tool.ours and tool.name in self.rows),
            key=lambda name: self.rows[name].size,
        )

    @property
    def ratio(self) -> float:
        """The size of a small plan, in patches of the best peer."""
        return self.rows[SMALL].size / self.rows[self.peer].size


def measure(pair: Pair, small: Path, tell: Callable[[str], None]) -> Measured:
    """``small`` is a program that processes warm up with. Raises PcpuError where a tool of ours
    of ours fails or rebuilds another file."""
    measured = Measured(pair)
    with tempfile.TemporaryDirectory(prefix="pcpu-bench-") as folder:
        for number, tool in enumerate(TOOLS):
            tell(f"{pair.name}: {tool.name}")
            if pair.size > tool.largest:
                measured.missing[tool.name] = "the file is too large for it"
                continue
            patch = Path(folder) / f"{number}.patch"
            try:
                measured.rows[tool.name] = _run(tool, pair, patch, small)
            except ToolchainError as error:
                measured.missing[tool.name] = str(error)
        tell(f"{pair.name}: WebAssembly")
        try:
            _decode(measured, Path(folder))
        except ToolchainError as error:
            measured.missing["WebAssembly"] = str(error)
    return measured


def _run(tool: Tool, pair: Pair, patch: Path, small: Path) -> Row:
    command = [
        sys.executable, "-m", "pcpu.bench.delta.child", tool.name,
        *map(str, (pair.old, pair.new, patch, small)),
    ]  # fmt: skip
    found = _told(command, tool, pair)
    if found["compiled"]:  # by a new installation: from now on that is kept
        found = _told(command, tool, pair)
    make, apply = (pair.size / 1e6 / found[key] for key in ("make", "apply"))
    return Row(int(found["size"]), make, apply, int(found["memory"]))


def _told(command: Sequence[str], tool: Tool, pair: Pair) -> dict[str, Any]:
    """What pcpu.bench.delta.child says of a tool on a pair."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        said = f"{tool.name} on {pair.name}: {done.stderr.strip()[-300:]}"
        raise (PcpuError if tool.ours else ToolchainError)(said)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _decode(measured: Measured, folder: Path) -> None:
    """Decode in Node the patches that are there in WebAssembly."""
    patches: list[str] = []
    for number, tool in enumerate(TOOLS):
        patch = folder / f"{number}.patch"
        if tool.ours:
            paths = _for_decoders(patch, measured.pair.old)
            patches.append(f"{tool.name}={','.join(map(str, paths))}")
        elif tool.name == ZSTD and tool.name in measured.rows:
            patches.append(f"{tool.name}={patch}")
    for name, own in decode_in_node(measured.pair.old, measured.pair.new, patches).items():
        if name == COPY:
            measured.copy = own["decode"]
        else:
            row = measured.rows[name]
            row.wasm, row.first, row.again = own["decode"], own["first"], own["again"]


def _for_decoders(patch: Path, old: Path) -> list[Path]:
    """Files for bench/js/iprog.js: a plan's reconstructor, the core of the decoder of any plan, the
    plan, its sites, which are none where it has none, and the parts that the core is given."""
    from pcpu.iprog.decoder.parts import decoder
    from pcpu.iprog.decoder.wasm import reconstructor
    from pcpu.iprog.files import mapped
    from pcpu.iprog.finders import find_sites
    from pcpu.iprog.format import Codec, read_header
    from pcpu.iprog.sites_file import records

    plan = patch.read_bytes()
    header = read_header(plan)
    relocation = header.relocation
    sites, parts = b"", {}
    if relocation is not None:
        sites = records(find_sites(mapped(str(old)), relocation.finders))
        parts["relocation.wasm"] = decoder().relocation.code
    codecs = {frame.codec for group in header.groups for frame in group.frames}
    if Codec.MATCHED in codecs:
        parts["matched.wasm"] = decoder().matched.code
    elif Codec.FORESEEN in codecs:
        parts["foreseen.wasm"] = decoder().foreseen.code
    if header.renames:
        parts["names.wasm"] = decoder().names.code
    files = {"wasm": reconstructor(plan), "core.wasm": decoder().core.code, "sites": sites} | parts
    own, core, *rest = (patch.with_suffix(f".{end}") for end in files)
    for path, content in zip((own, core, *rest), files.values(), strict=True):
        path.write_bytes(content)
    return [own, core, patch, *rest]


def decode_in_node(blob: Path, file: Path, patches: Sequence[str]) -> dict[str, dict[str, float]]:
    """MB/s of decoding, by name, of patches as bench/js/iprog.js takes them.
    Raises ToolchainError where Node or a library of it is missing."""
    node = Path(sys.executable).parent / "node"
    command = [str(node), str(SCRIPT), str(blob), str(file), str(ROUNDS), *patches]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except OSError as error:
        raise ToolchainError(f"Node: {error}; run 'make setup'") from None
    if "ERR_MODULE_NOT_FOUND" in done.stderr:
        raise ToolchainError("a library of bench/js is missing; make bench installs it")
    if done.returncode:
        raise PcpuError(f"decoding {file} in Node: {done.stderr.strip()[-600:]}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found
