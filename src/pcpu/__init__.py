"""pCPU: one compiler for byte programs.

>>> import pcpu
>>> check = pcpu.compile("crc32c")
>>> check(b"123456789").results
{'crc32c': 3808858755}
"""

from typing import TYPE_CHECKING, Any

from pcpu.errors import PcpuError

if TYPE_CHECKING:
    from pcpu.isa import Isa
    from pcpu.library import load_isa
    from pcpu.sdk import Compiled, Outcome, Stream, compile

__all__ = ["Compiled", "Isa", "Outcome", "PcpuError", "Stream", "compile", "load_isa"]

_HOMES = {"Isa": "pcpu.isa", "load_isa": "pcpu.library"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the command line needs little of it, and starts for each use.
    if name not in __all__:
        raise AttributeError(f"module 'pcpu' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "pcpu.sdk")), name)
