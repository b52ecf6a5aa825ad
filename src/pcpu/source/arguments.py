"""Values of a program's parameters, as a command line writes them and as Python has them."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping

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
        name: _value(parameter, given[name]) if name in given else _default(parameter, _example)
        for name, parameter in parameters.items()
    }


def bind_values(program: Program, given: Mapping[str, object]) -> dict[str, int | bytes]:
    """The value of every parameter of ``program``: one of ``given``, else its default.

    Numbers are anything with ``__index__``; bytes are a buffer of bytes, or a str for its UTF-8.
    Raises UsageError that names the parameter. Names that are no parameters are not looked at.
    """
    return {
        p.name: _checked(p, given[p.name]) if p.name in given else _default(p, _python_example)
        for p in program.parameters
    }


def _hint(name: str, parameters: Mapping[str, Parameter]) -> str:
    if not parameters:
        return "the program has none"
    close = difflib.get_close_matches(name[:64], parameters, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {', '.join(parameters)}"


def _default(parameter: Parameter, example: Callable[[Parameter], str]) -> int | bytes:
    if parameter.default is None:
        what = f"the parameter {parameter.name!r} has no default"
        raise UsageError(f"{what}; give it a value: {example(parameter)}")
    return parameter.default


def _example(parameter: Parameter) -> str:
    sizes = parameter.kind.sizes
    value = "0" if sizes is None else "0x" + "00" * min(sizes[0], 8)
    return f"{parameter.name}={value}"


def _python_example(parameter: Parameter) -> str:
    sizes = parameter.kind.sizes
    return f"{parameter.name}={0 if sizes is None else bytes(min(sizes[0], 4))!r}"


def _value(parameter: Parameter, text: str) -> int | bytes:
    what = f"the parameter {parameter.name!r}"
    if parameter.kind.sizes is None:
        written = read_immediate(text)
        if written is None:
            raise UsageError(f"{what} is a number such as 90 or 0x5a, not {_shown(text)}")
        return _number(parameter, written.number, _shown(text))
    content = read_bytes(text)
    if content is None:
        forms = 'bytes such as 0x37fa213d or "GET "'
        raise UsageError(f"{what} is {forms}, not {_shown(text)}")
    return _bytes(parameter, content)


def _checked(parameter: Parameter, value: object) -> int | bytes:
    what = f"the parameter {parameter.name!r}"
    if parameter.kind.sizes is None:
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise UsageError(f"{what} is an int, not {type(value).__name__}") from None
        return _number(parameter, number, str(number) if abs(number) < 10**40 else "this one")
    try:
        content = value.encode() if isinstance(value, str) else bytes(memoryview(value))  # type: ignore[arg-type]
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is no text that UTF-8 has: {error.reason}") from None
    except TypeError:
        raise UsageError(f"{what} is bytes or str, not {type(value).__name__}") from None
    return _bytes(parameter, content)


def _number(parameter: Parameter, number: int, shown: str) -> int:
    if number < 0 or number >> parameter.kind.bits:
        what = f"the parameter {parameter.name!r}"
        most = (1 << parameter.kind.bits) - 1
        raise UsageError(f"{what} is a number of 0..{most}, and {shown} is outside")
    return number


def _bytes(parameter: Parameter, content: bytes) -> bytes:
    assert parameter.kind.sizes is not None
    least, most = parameter.kind.sizes
    if not least <= len(content) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        what = f"the parameter {parameter.name!r}"
        raise UsageError(f"{what} is {wanted} bytes, and {len(content)} are given")
    return content


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
