"""The machine that we run on, with all the features that its processor has."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pcpu import llvm
from pcpu.target import Target
from pcpu.targets import lld


def link(code: bytes, exports: Sequence[str]) -> bytes:
    """A shared object; an object file exports all its functions, so ``exports`` is met."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        (here / "code.o").write_bytes(code)
        lld.run([
            *lld.command("ld.lld"), "-shared", "--build-id=none", "--strip-all",
            "-z", "noexecstack",
            *(f"--undefined={name}" for name in exports),
            str(here / "code.o"), "-o", str(here / "out.so"),
        ])  # fmt: skip
        return (here / "out.so").read_bytes()


def target() -> Target:
    triple, cpu, features = llvm.host_cpu()
    return Target(
        name="host",
        doc="this machine's processor",
        triple=triple,
        cpu=cpu,
        features=features,
        reloc="pic",
        pointer_bits=64,
        lanes=128,
        shuffles=triple.startswith(("x86_64", "aarch64", "arm64")),
        plain_engine=False,
        linked="so",
        link=link,
    )
