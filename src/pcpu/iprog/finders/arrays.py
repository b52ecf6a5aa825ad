"""The arrays that finders take: as kernels (pcpu.kernel), and as plain functions those of numpy."""

from typing import Any

Bytes = Any
Ints = Any
