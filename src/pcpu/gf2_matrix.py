"""Matrices over GF(2), as lists of their columns, each a number whose bit i is the one of row i."""

from __future__ import annotations

from collections.abc import Sequence

Matrix = Sequence[int]


def times(matrix: Matrix, vector: int) -> int:
    """The sum of the columns that ``vector`` names."""
    total = 0
    while vector:
        total ^= matrix[(vector & -vector).bit_length() - 1]
        vector &= vector - 1
    return total


def annihilator(matrix: Matrix) -> int:
    """The polynomial of least degree of which a square ``matrix`` is a root, as in gf2.py."""
    size = len(matrix)
    power = [1 << column for column in range(size)]
    basis: dict[int, tuple[int, int]] = {}  # by highest bit: a sum of powers, and which
    for exponent in range(size + 1):
        value = sum(column << size * place for place, column in enumerate(power))
        value, combined = _reduced(basis, value, 1 << exponent)
        if not value:
            return combined
        basis[value.bit_length()] = value, combined
        power = [times(matrix, column) for column in power]
    raise AssertionError  # Cayley and Hamilton


def solution(columns: Sequence[int], wanted: Sequence[int]) -> list[int] | None:
    """For each wanted vector which columns add up to it, as bits; None where some do not."""
    basis: dict[int, tuple[int, int]] = {}
    for place, column in enumerate(columns):
        value, combined = _reduced(basis, column, 1 << place)
        if value:
            basis[value.bit_length()] = value, combined
    found = [_reduced(basis, vector, 0) for vector in wanted]
    return None if any(value for value, _ in found) else [combined for _, combined in found]


def _reduced(basis: dict[int, tuple[int, int]], value: int, combined: int) -> tuple[int, int]:
    while value and (entry := basis.get(value.bit_length())):
        value, combined = value ^ entry[0], combined ^ entry[1]
    return value, combined
