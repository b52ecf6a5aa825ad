"""Values of a program's parameters, as a command line writes them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pcpu.errors import UsageError
from pcpu.ir import Parameter, Program
from pcpu.source.number import read_bytes, read_immediate


def bind_arguments(program: Program, given: Mapping[str, str]) -> dict[str, int | bytes]:
    """The value of every parameter of ``program``: a text of ``given``, else its default.

    Numbers and bytes are written as in programs: ``90``, ``0x5a``; ``0x37fa213d``, ``"GET "``.
    Raises UsageError that names the parameter.
    """
    parameters = {p.name: p for p in program.parameters}
    for name in given:
        if name not in parameters:
            raise UsageError(f"there is no parameter {name!r}; {_hint(name, parameters)}")
    return {
        name: _value(parameter, given[name]) if name in given else _default(parameter)
        for name, parameter in parameters.items()
    }


def _hint(name: str, parameters: Mapping[str, Parameter]) -> str:
    if not parameters:
        return "the program has none"
    close = difflib.get_close_matches(name[:64], parameters, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {', '.join(parameters)}"


def _default(parameter: Parameter) -> int | bytes:
    if parameter.default is None:
        what = f"the parameter {parameter.name!r} has no default"
        raise UsageError(f"{what}; give it a value: {_example(parameter)}")
    return parameter.default


def _example(parameter: Parameter) -> str:
    sizes = parameter.kind.sizes
    value = "0" if sizes is None else "0x" + "00" * min(sizes[0], 8)
    return f"{parameter.name}={value}"


def _value(parameter: Parameter, text: str) -> int | bytes:
    what = f"the parameter {parameter.name!r}"
    if parameter.kind.sizes is None:
        written = read_immediate(text)
        if written is None:
            raise UsageError(f"{what} is a number such as 90 or 0x5a, not {_shown(text)}")
        number = written.number
        if number >> parameter.kind.bits:
            most = (1 << parameter.kind.bits) - 1
            raise UsageError(f"{what} is a number of 0..{most}, and {_shown(text)} is outside")
        return number
    content = read_bytes(text)
    if content is None:
        forms = 'bytes such as 0x37fa213d or "GET "'
        raise UsageError(f"{what} is {forms}, not {_shown(text)}")
    least, most = parameter.kind.sizes
    if not least <= len(content) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise UsageError(f"{what} is {wanted} bytes, and {len(content)} are given")
    return content


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
