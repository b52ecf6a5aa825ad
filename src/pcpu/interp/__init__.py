"""The reference meaning of a Program, in plain Python: what every engine must agree with."""

from pcpu.interp.stream import Interpreter, merge, run, states

__all__ = ["Interpreter", "merge", "run", "states"]
