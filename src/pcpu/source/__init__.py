"""Written forms of a Program: the pipeline notation and JSON."""

from pcpu.source.document import parse_json
from pcpu.source.pipeline import parse_pipeline
from pcpu.source.read import read_program

__all__ = ["parse_json", "parse_pipeline", "read_program"]
