"""Runs over data that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

from pcpu.errors import UsageError
from pcpu.ir import ResultValue
from pcpu.sdk.runners import Session

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Stream:
    """One run over data in pieces of any sizes: the results are those of the data as a whole.

    As a context manager it ends with its block: more pieces are then an error. One stream is for
    one thread at a time.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True

    def update(self, piece: Buffer, *, in_place: bool = False) -> Any:
        """Run over the next piece, any contiguous buffer; the changed bytes (a new bytearray, or
        ``piece`` itself with ``in_place``), or ``piece`` where nothing changes."""
        if self._ended:
            raise UsageError("the stream has ended with its block; begin another one")
        return self._session.update(piece, in_place=in_place)

    def finish(self) -> dict[str, ResultValue]:
        """The results so far, by name. More pieces may follow."""
        return self._session.results()

    @property
    def results(self) -> dict[str, ResultValue]:
        """What ``finish`` gives."""
        return self.finish()


class Pieces(Iterator[Any]):
    """The pieces of a source after a program, and then its ``results``."""

    def __init__(self, stream: Stream, pieces: Iterable[Buffer]) -> None:
        self._stream, self._pieces = stream, iter(pieces)
        self._done = self._broken = False

    def __next__(self) -> Any:
        broken, self._broken = self._broken, True  # where the source or the program raises
        for piece in self._pieces:
            changed = self._stream.update(piece)
            self._broken = broken
            return changed
        self._broken, self._done = broken, True
        raise StopIteration

    @property
    def results(self) -> dict[str, ResultValue]:
        """The results of all pieces. Raises UsageError while there are more, and where one was lost
        to an error."""
        if self._broken:
            raise UsageError("an error came before all pieces had been taken; begin another run")
        if not self._done:
            raise UsageError("the results are there once all pieces have been taken")
        return self._stream.finish()
