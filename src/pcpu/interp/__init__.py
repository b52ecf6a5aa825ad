"""The reference meaning of a Program, in plain Python: what every engine must agree with."""

from pcpu.interp.stream import Interpreter, run

__all__ = ["Interpreter", "run"]
