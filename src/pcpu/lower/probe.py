"""Code that counts and times statements and tells the caller of them, for the simulator.

What program and caller share are the slots of ``pcpu.layout.Hooks``. The program's clock stands
still while it is in the caller's probe. All of this costs two readings of the clock for each
statement, and a call where the caller wants to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from pcpu.layout import AFTER, BEFORE, PULSE, SLOT, STOPPED, Counter, Hooks
from pcpu.lower import parts
from pcpu.lower.code import I8, I32, I64, POINTER, Code, Value
from pcpu.lower.frame import Frame

_SPOT = [I64, I64, I64]  # of a span: address, offset in its buffer, length


def begin(code: Code, frame: Frame) -> None:
    """Tell the caller where the registers are."""
    where = code.b.ptrtoint(frame.registers, I64)
    code.b.store(where, _slot(code, frame.hooks, Hooks.REGISTERS))


def tell_turn(code: Code, frame: Frame, depth: int, turn: Value) -> None:
    """Note the number of the turn of the loop that ``depth`` others stand around."""
    code.b.store(turn, _slot(code, _address(code, frame.hooks, Hooks.TURNS), depth))


def before(code: Code, frame: Frame, number: int, spot: Sequence[Value]) -> Value:
    """Begin statement ``number``; gives when it began, on the program's clock."""
    started = code.local(I64)
    given = [frame.hooks, I32(number), *spot, started]
    _call(code, _function(code, "probe.before", [*_SPOT, POINTER], _before), given)
    return started


def after(code: Code, frame: Frame, number: int, spot: Sequence[Value], started: Value) -> None:
    """End statement ``number``."""
    given = [frame.hooks, I32(number), *spot, code.load(I64, started)]
    _call(code, _function(code, "probe.after", [*_SPOT, I64], _after), given)


def _call(code: Code, function: Value, given: Sequence[Value]) -> None:
    """Call a function of this file, and end the program where it says so."""
    stop = code.b.call(function, given)
    with code.unlikely(code.b.icmp_unsigned("!=", stop, I32(0))):
        code.b.ret(I32(STOPPED))


def _function(code: Code, name: str, rest: Sequence[Any], body: Any) -> Value:
    """The function ``name(hooks, number, ...) -> i32`` of the module."""
    if name not in code.module.globals:
        made = parts.function(code.module, code.target, name, I32, [POINTER, I32, *rest])
        made.function.linkage = "internal"
        made.function.attributes.add("noinline")
        body(made)
    return code.module.globals[name]


def _before(code: Code) -> None:
    hooks, number, address, offset, length, started = code.function.args
    _count(code, hooks, number, Counter.RUNS, I64(1))
    _count(code, hooks, number, Counter.BYTES, length)
    begun = _add(code, _slot(code, hooks, Hooks.BEGUN), I64(1))
    # Where nobody wants to know, the caller gets to see signals now and then.
    pulse = code.b.icmp_unsigned("==", code.b.and_(begun, I64(PULSE - 1)), I64(0))
    with code.when(code.b.or_(_wanted(code, hooks, number), pulse)):
        _tell(code, hooks, _clock(code, hooks), [number, I32(BEFORE), address, offset, length])
    code.b.store(_running(code, hooks, _clock(code, hooks)), started)
    code.b.ret(I32(0))


def _after(code: Code) -> None:
    hooks, number, address, offset, length, started = code.function.args
    now = _clock(code, hooks)
    took = code.b.sub(_running(code, hooks, now), started)
    _count(code, hooks, number, Counter.NS, took)
    with code.when(_wanted(code, hooks, number)):
        _tell(code, hooks, now, [number, I32(AFTER), address, offset, length], took)
    code.b.ret(I32(0))


def _tell(
    code: Code, hooks: Value, since: Value, told: Sequence[Value], took: Value | None = None
) -> None:
    """Call the caller's probe, and take its time from the program's clock."""
    values = [*told, I64(0) if took is None else took]
    kind = ir.FunctionType(I32, [value.type for value in values])
    stop = code.b.call(_address(code, hooks, Hooks.PROBE, kind.as_pointer()), values)
    spent = code.b.sub(_clock(code, hooks), since)
    _add(code, _slot(code, hooks, Hooks.PAUSED), spent)
    with code.unlikely(code.b.icmp_unsigned("!=", stop, I32(0))):
        code.b.ret(stop)


def _clock(code: Code, hooks: Value) -> Value:
    """The time in nanoseconds."""
    time = code.room(2 * SLOT)
    which = code.resize(code.load(I64, _slot(code, hooks, Hooks.CLOCK_ID)), 32)
    kind = ir.FunctionType(I32, [I32, POINTER])
    code.b.call(_address(code, hooks, Hooks.CLOCK, kind.as_pointer()), [which, time])
    seconds, rest = (code.load(I64, _slot(code, time, index)) for index in range(2))
    return code.b.add(code.b.mul(seconds, I64(10**9)), rest)


def _running(code: Code, hooks: Value, now: Value) -> Value:
    """``now`` on the clock that stands still in the probe."""
    return code.b.sub(now, code.load(I64, _slot(code, hooks, Hooks.PAUSED)))


def _wanted(code: Code, hooks: Value, number: Value) -> Value:
    flags = _address(code, hooks, Hooks.WANTED)
    flag = code.load(I8, code.byte_at(flags, code.resize(number, code.usize.width)))
    return code.b.icmp_unsigned("!=", flag, I8(0))


def _count(code: Code, hooks: Value, number: Value, counter: Counter, value: Value) -> None:
    index = code.b.mul(code.resize(number, code.usize.width), code.size(SLOT * len(Counter)))
    base = code.byte_at(_address(code, hooks, Hooks.COUNTERS), index)
    _add(code, _slot(code, base, counter), value)


def _add(code: Code, place: Value, value: Value) -> Value:
    total = code.b.add(code.load(I64, place), value)
    code.b.store(total, place)
    return total


def _slot(code: Code, base: Value, index: int) -> Value:
    return code.byte_at(base, code.size(SLOT * index))


def _address(code: Code, hooks: Value, slot: Hooks, kind: Any = POINTER) -> Value:
    """The address in a slot, of what is of that kind."""
    number = code.load(I64, _slot(code, hooks, slot))
    return code.b.inttoptr(code.resize(number, code.usize.width), kind)
