"""Written forms of a Program: the pipeline notation, pASM and JSON."""

from pcpu.source.arguments import bind_arguments, bind_values
from pcpu.source.document import parse_json
from pcpu.source.pasm import parse_pasm
from pcpu.source.pipeline import parse_pipeline
from pcpu.source.read import names_file, read_program

__all__ = [
    "bind_arguments", "bind_values", "names_file", "parse_json", "parse_pasm", "parse_pipeline",
    "read_program",
]  # fmt: skip
