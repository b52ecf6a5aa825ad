"""Plans from Python, with what was found out about the file on the way."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pcpu import targets
from pcpu.iprog.bank.mix import compiler_of
from pcpu.iprog.explain import FinderLine, finder_lines
from pcpu.iprog.files import mapped
from pcpu.iprog.finders.image import read_image
from pcpu.iprog.mnemonics import architecture_of, count_mnemonics
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.plan import Mode, make_plan
from pcpu.iprog.reconstructor import compile_plan
from pcpu.iprog.sections import Section, contents_of

Source = str | os.PathLike[str] | Bytes  # a path, or the bytes


@dataclass(frozen=True)
class Hints:
    """What a file is. ``format`` names its kind, such as elf-x86-64, wasm, text, packed or other;
    ``architecture`` is None, ``mnemonics`` and ``compiler`` are empty, where nothing is known.

    ``sections`` come to the whole file; of what is no program they are equal stretches.
    ``mnemonics`` counts instructions in a sample of the code, the most frequent first.
    ``finders`` are those of sites that the plan uses, and how many bytes are right thanks to each.
    """

    format: str
    architecture: str | None
    compiler: str
    sections: tuple[Section, ...]
    mnemonics: dict[str, int]
    finders: tuple[FinderLine, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``json`` can write."""
        return asdict(self)


class HintedPlan(bytes):
    """The bytes of a plan, and the hints that it was made with."""

    hints: Hints

    def __new__(cls, plan: bytes, hints: Hints) -> Self:
        """Both together."""
        self = super().__new__(cls, plan)
        self.hints = hints
        return self


def plan_with_hints(
    file_path: str | os.PathLike[str],
    blob: Source | list[Source] | tuple[Source, ...],
    *,
    mode: Mode = "small",
) -> HintedPlan:
    """A plan that rebuilds the file from ``blob``, or from several blobs in this order.

    A blob is a path or bytes. The plan has been applied, and its result compared with the file.
    Raises UsageError where a file cannot be read.
    """
    sources = list(blob) if isinstance(blob, list | tuple) else [blob]
    file, blobs = mapped(os.fspath(file_path)), [_bytes_of(source) for source in sources]
    name = Path(file_path).name
    planned = make_plan(file, blobs, mode, name=name, blob_names=[_name_of(s) for s in sources])
    image = read_image(file)
    contents = contents_of(image, file)
    architecture = architecture_of(image, file)
    hints = Hints(
        contents.format,
        None if architecture is None else architecture.name,
        compiler_of(image, file),
        contents.sections,
        count_mnemonics(image, file),
        finder_lines(planned),
    )
    return HintedPlan(planned.plan, hints)


def plan_with_llvm_hints(
    file_path: str | os.PathLike[str],
    blob: Source | list[Source] | tuple[Source, ...],
    *,
    mode: Mode = "small",
    target: str = "wasm",
) -> tuple[HintedPlan, bytes]:
    """A plan as ``plan_with_hints`` makes it, and its reconstructor: a WebAssembly module that
    holds the plan (spec/iprog-abi.md D10-D12), or, for the targets x86-64, aarch64 and riscv64, a
    command for Linux, ``rebuild BLOB... -o FILE``. Raises UsageError."""
    plan = plan_with_hints(file_path, blob, mode=mode)
    return plan, compile_plan(plan, targets.find(target))


def _bytes_of(source: Source) -> Bytes:
    return mapped(os.fspath(source)) if isinstance(source, str | os.PathLike) else source


def _name_of(source: Source) -> str:
    return Path(source).name if isinstance(source, str | os.PathLike) else ""
