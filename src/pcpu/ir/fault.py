"""What is wrong with a program, and with which part of it."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ERRORS = 20  # that are reported at once
# To a part of a Program, as JSON pointers into its JSON form go: ("body", 3, "span", "offset").
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """``about`` are the names of the program that are at fault."""

    code: str
    message: str
    path: Path
    about: frozenset[str] = frozenset()

    @property
    def pointer(self) -> str:
        return "".join(f"/{part}" for part in self.path)


def show_number(number: int) -> str:
    """A number in a message; one that nobody can read is left out."""
    return str(number) if number < 1 << 64 else "the number"
