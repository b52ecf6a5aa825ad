"""What kernels are declared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Without types: mypy would ask for casts that numba does not understand.
Bytes = Any
Ints = Any


@dataclass(frozen=True)
class Extern:
    """A function of another object file. Arrays are passed as a pointer and a length, both of the
    target's pointer size, numbers as that size too, and so is the result."""

    symbol: str
    arguments: tuple[str, ...]  # the annotations of its parameters

    def __call__(self, *arguments: Any) -> int:
        """What a type checker sees; only compiled code can call it."""
        raise NotImplementedError(self.symbol)


def extern(function: Callable[..., int]) -> Extern:
    """Declare the function with this name, which is linked later."""
    annotations = [kind for name, kind in function.__annotations__.items() if name != "return"]
    return Extern(function.__name__, tuple(map(str, annotations)))
