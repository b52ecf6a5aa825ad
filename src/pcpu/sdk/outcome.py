"""What a call gives."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

from pcpu.ir import ResultValue

if TYPE_CHECKING:
    import numpy


_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True, init=False, repr=False)
class Outcome:
    """What a program left.

    ``data`` is the buffer of that name after the program, None where it is not changed;
    ``results`` are numbers by name, or tuples of them where a result is several (a histogram);
    ``outputs`` are the ``out`` buffers and the other changed ones, ``tables`` the output tables.
    All of them can be had by name, ``outcome["crc"]`` or ``outcome.crc``; KeyError and
    AttributeError say which names there are.
    """

    data: Any
    results: dict[str, ResultValue]
    outputs: Mapping[str, Any]
    tables: Mapping[str, Table]

    def __init__(
        self,
        data: Any,
        results: dict[str, ResultValue],
        outputs: Mapping[str, Any] = _NOTHING,
        tables: Mapping[str, Table] = _NOTHING,
    ) -> None:
        # By hand: a factory of each default would cost a tenth of a short call.
        self.data, self.results, self.outputs, self.tables = data, results, outputs, tables

    def __getitem__(self, name: str) -> Any:
        for named in (self.results, self.outputs, self.tables):
            if name in named:
                return named[name]
        if name == "data" and self.data is not None:
            return self.data
        raise KeyError(self._missing(name))

    def __getattr__(self, name: str) -> Any:
        # Python asks here only for what is no attribute; copying asks before there are any.
        if name.startswith("__") or name in ("results", "outputs", "tables", "data"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(self._missing(name)) from None

    def __repr__(self) -> str:
        parts = [("results", str(self.results))]
        if self.data is not None:
            parts.insert(0, ("data", _size(self.data)))
        parts += [(name, _size(content)) for name, content in self.outputs.items()]
        parts += [(name, repr(table)) for name, table in self.tables.items()]
        return f"Outcome({', '.join(f'{name}={text}' for name, text in parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.data, self.results, dict(self.outputs), dict(self.tables))
        return Outcome, parts

    def _missing(self, name: str) -> str:
        known = [*self.results, *self.outputs, *self.tables]
        return f"the program left no {name!r}; it left {', '.join(known) or 'no names'}"


def _size(content: Any) -> str:
    return f"<{memoryview(content).nbytes} bytes>"


class Table(Sequence[Any]):
    """An output table: for each turn of its loop a row, a named tuple of numbers of 64 bits.

    ``table[3].crc`` is a number of a row, ``table["crc"]`` a column (a memoryview of unsigned
    numbers of 64 bits, which copies nothing), ``table.numpy()`` a structured array.
    """

    def __init__(self, columns: Sequence[str], content: bytes | memoryview) -> None:
        self.columns = tuple(columns)
        self._content = memoryview(content).cast("B")
        self._numbers = self._content.cast("Q")
        # A column may be called as Python's words are; its place has a name all the same.
        row: Any = namedtuple("Row", self.columns, rename=True)  # type: ignore[misc]
        self._row = row

    def __len__(self) -> int:
        return len(self._numbers) // len(self.columns)

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> list[Any]: ...
    @overload
    def __getitem__(self, key: str) -> memoryview: ...
    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"no column {key!r}; the columns are {', '.join(self.columns)}")
            return self._numbers[self.columns.index(key) :: len(self.columns)]
        if isinstance(key, slice):
            return [self[index] for index in range(*key.indices(len(self)))]
        if not -len(self) <= key < len(self):
            raise IndexError(f"row {key} of {len(self)}")
        start = key % len(self) * len(self.columns)
        return self._row._make(self._numbers[start : start + len(self.columns)])

    def __iter__(self) -> Iterator[Any]:
        numbers = iter(self._numbers)
        return map(self._row._make, zip(*[numbers] * len(self.columns), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.columns, bytes(self._content))

    def __repr__(self) -> str:
        return f"<Table of {len(self)} rows: {', '.join(self.columns)}>"

    def numpy(self) -> numpy.ndarray[Any, Any]:
        """The rows as a structured array over the same memory. Raises ImportError without numpy."""
        import numpy as np

        names: tuple[str, ...] = self._row._fields
        kind = np.dtype([(name, "<u8") for name in names])
        return np.frombuffer(self._content, kind)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.array(self.numpy(), dtype, copy=copy)
