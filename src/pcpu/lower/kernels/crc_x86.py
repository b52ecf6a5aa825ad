"""What x86-64 has for CRCs: carry-less multiplication, and an instruction for one polynomial."""

from __future__ import annotations

from llvmlite import ir

from pcpu.lower.code import I8, I16, I32, I64, Code, Value
from pcpu.lower.kernels.crc_fold import Multiplier
from pcpu.lower.kernels.crc_model import Field, intrinsic, kernel_function
from pcpu.target import Target

# The polynomial of the crc32 instruction of SSE 4.2 (Castagnoli).
INSTRUCTION = Field(32, 0x1EDC6F41, reflected=True)


def multipliers(target: Target) -> tuple[Multiplier, ...]:
    """Those that the features allow, the narrowest first."""
    features = set(target.features)
    if not target.triple.startswith("x86_64") or "+pclmul" not in features:
        return ()
    # Short of wider vectors, eight streams cover a latency of up to seven cycles.
    if "+vpclmulqdq" in features and "+avx512bw" in features:
        return Multiplier(1, 4, _multiply), Multiplier(4, 4, _multiply)
    if "+vpclmulqdq" in features and "+avx2" in features:
        return Multiplier(1, 4, _multiply), Multiplier(2, 4, _multiply)
    return (Multiplier(1, 8, _multiply),)


def _multiply(code: Code, a: Value, b: Value, half: int) -> Value:
    suffix = {2: "", 4: ".256", 8: ".512"}[a.type.count]
    function = intrinsic(
        code, f"llvm.x86.pclmulqdq{suffix}", ir.FunctionType(a.type, [a.type, a.type, I8])
    )
    return code.b.call(function, [a, b, I8(0x11 * half)])


def has_instruction(target: Target, field: Field) -> bool:
    return (
        field == INSTRUCTION
        and target.triple.startswith("x86_64")
        and "+sse4.2" in target.features
        and "+crc32" in target.features
    )


def instruction(code: Code, field: Field) -> Value:
    """One chain of crc32 instructions: 8 bytes every three cycles."""
    found, body = kernel_function(code, field, "instruction")
    if body is not None:
        _write_instruction(body)
    return found


def _write_instruction(code: Code) -> None:
    start, data, length = code.function.args
    register = code.local(I64, code.resize(start, 64))
    done = code.local(code.usize, code.size(0))
    with code.loop(code.size(0), length, 8) as i:
        word = code.load(I64, code.byte_at(data, i), 1)
        before = code.load(I64, register)
        function = intrinsic(code, "llvm.x86.sse42.crc32.64.64", ir.FunctionType(I64, [I64, I64]))
        code.b.store(code.b.call(function, [before, word]), register)
        code.b.store(code.b.add(i, code.size(8)), done)
    for kind in (I32, I16, I8):
        size = kind.width // 8
        wanted = code.b.and_(length, code.size(size))
        with code.when(code.b.icmp_unsigned("!=", wanted, code.size(0))):
            at = code.load(code.usize, done)
            word = code.load(kind, code.byte_at(data, at), 1)
            before = code.resize(code.load(I64, register), 32)
            name = f"llvm.x86.sse42.crc32.32.{kind.width}"
            function = intrinsic(code, name, ir.FunctionType(I32, [I32, kind]))
            code.b.store(code.resize(code.b.call(function, [before, word]), 64), register)
            code.b.store(code.b.add(at, code.size(size)), done)
    code.b.ret(code.resize(code.load(I64, register), 32))
