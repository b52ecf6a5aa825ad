"""The reference meaning of a Program, in plain Python: what every engine must agree with."""

from pcpu.interp.stream import Interpreter, merge, run, states
from pcpu.interp.whole import output_sizes, run_whole

__all__ = ["Interpreter", "merge", "output_sizes", "run", "run_whole", "states"]
