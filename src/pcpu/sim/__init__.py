"""The simulator: compiled programs, run statement by statement (docs/simulator.md)."""

from pcpu.sim.page import write_page
from pcpu.sim.prompt import Prompt, sites_of
from pcpu.sim.report import to_json
from pcpu.sim.simulate import simulate
from pcpu.sim.source import load_source
from pcpu.sim.static import analyse
from pcpu.sim.view import console, show

__all__ = [
    "Prompt", "analyse", "console", "load_source", "show", "simulate", "sites_of", "to_json",
    "write_page",
]  # fmt: skip
