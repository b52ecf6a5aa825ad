"""A subject on its way to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pcpu.iprog.columns import Columns
from pcpu.iprog.encode import Encoded, Prefixes, encode
from pcpu.iprog.format import WINDOW_BITS, Content
from pcpu.iprog.moved import Moved
from pcpu.iprog.packing import Packer, Stored
from pcpu.iprog.sites import Sites
from pcpu.iprog.subject import Subject

Progress = Callable[[str, float], None]  # what is being done, and how much of all is

WINDOW_BYTES = 7  # of a plan that a window takes, about
_USUAL_BITS = WINDOW_BITS[0] + 4
# Of plans with much that is done once a window: a check is a tenth of an instant one of 2^16, and
# names are foreseen where they were there before.
_LARGE_BITS = WINDOW_BITS[0] + 6
_SHARE = 64  # windows may take this part of a plan; where they would take more they are larger


@dataclass
class Work:
    """``sites`` are those of the file, where they are not large; ``moved`` is there when it is
    known what moves; ``map_frames`` are about those of the shift map; ``much_new`` is whether much
    is in the file, as far as that is known."""

    subject: Subject
    file: Content
    blobs: list[Content]
    progress: Progress
    compressed: bool = True
    wanted_bits: int | None = None
    sites: Sites | None = None
    moved: Moved = field(init=False)
    map_frames: Sequence[Stored] = ()
    much_new: bool = False
    done: float = 0  # how much of all

    def tell(self, what: str, share: float) -> None:
        """Say what is done next. What is done a second time is no step back."""
        self.done = max(self.done, share)
        self.progress(what, self.done)

    @property
    def usual_bits(self) -> int:
        """The logarithm of a window's size where nothing asks for another."""
        is_large = self.subject.renames or not self.compressed
        return _LARGE_BITS if is_large else _USUAL_BITS

    def window_bits(self, size: float) -> int:
        """The same for a plan of about ``size`` bytes."""
        if self.wanted_bits is not None:
            return self.wanted_bits
        bits, most = self.usual_bits, size / _SHARE / WINDOW_BYTES
        while bits < WINDOW_BITS[-1] and (self.file.size - 1) >> bits > most:
            bits += 1  # all windows but one are more than there have to be
        return bits

    def encode(
        self,
        columns: Columns,
        packer: Packer,
        prefixes: Prefixes | None = None,
        map_frames: Sequence[Stored] | None = None,
    ) -> Encoded:
        """The plan that says what columns do."""
        return encode(self.moved, columns, self.file, self.blobs, packer, prefixes, map_frames)
