"""The machine that we run on, with all the features that its processor has."""

from __future__ import annotations

from pcpu import llvm
from pcpu.target import Target
from pcpu.targets import elf


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
        link=elf.link,
    )
