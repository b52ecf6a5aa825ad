"""What processors have for CRCs: carry-less multiplication, and instructions for one polynomial."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from pcpu.lower.code import I8, I16, I32, I64, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.crc_fold import Multiplier
from pcpu.lower.kernels.crc_model import Field, intrinsic, kernel_function
from pcpu.target import Target

CASTAGNOLI = Field(32, 0x1EDC6F41, reflected=True)
ETHERNET = Field(32, 0x04C11DB7, reflected=True)


def multipliers(target: Target) -> tuple[Multiplier, ...]:
    """Those that the features allow, the narrowest first."""
    features, architecture = set(target.features), vectors.architecture(target)
    if architecture == "aarch64" and "+aes" in features:
        return (Multiplier(1, 8, _multiply_aarch64),)
    if architecture == "riscv64" and "+zbc" in features:
        # Without vectors. Two streams are as many as the registers have room for.
        return (Multiplier(1, 2, _multiply_riscv, in_words=True),)
    if architecture != "x86_64" or "+pclmul" not in features:
        return ()
    # Short of wider vectors, eight streams cover a latency of up to seven cycles.
    if "+vpclmulqdq" in features and "+avx512bw" in features:
        return Multiplier(1, 4, _multiply_x86), Multiplier(4, 4, _multiply_x86)
    if "+vpclmulqdq" in features and "+avx2" in features:
        return Multiplier(1, 4, _multiply_x86), Multiplier(2, 4, _multiply_x86)
    return (Multiplier(1, 8, _multiply_x86),)


def _multiply_x86(code: Code, a: Value, b: Value, half: int) -> Value:
    suffix = {2: "", 4: ".256", 8: ".512"}[a.type.count]
    function = intrinsic(
        code, f"llvm.x86.pclmulqdq{suffix}", ir.FunctionType(a.type, [a.type, a.type, I8])
    )
    return code.b.call(function, [a, b, I8(0x11 * half)])


def _multiply_aarch64(code: Code, a: Value, b: Value, half: int) -> Value:
    words = [code.b.extract_element(v, I32(half)) for v in (a, b)]
    product = vectors.call(code, "llvm.aarch64.neon.pmull64", ir.VectorType(I8, 16), words)
    return code.b.bitcast(product, a.type)


def _multiply_riscv(code: Code, a: Value, b: Value, half: int) -> Value:
    words = [code.b.extract_element(v, I32(half)) for v in (a, b)]
    product = ir.Constant(a.type, ir.Undefined)
    for k, name in enumerate(("clmul", "clmulh")):
        word = vectors.call(code, f"llvm.riscv.{name}.i64", I64, words)
        product = code.b.insert_element(product, word, I32(k))
    return product


@dataclass(frozen=True)
class Instruction:
    """An instruction that takes a word, by the bits of the word; ``wide`` says that the form for
    64 bits has the register in 64."""

    names: dict[int, str]
    wide: bool


def instruction_of(target: Target, field: Field) -> Instruction | None:
    architecture, features = vectors.architecture(target), target.features
    if architecture == "x86_64" and field == CASTAGNOLI:
        if "+sse4.2" not in features or "+crc32" not in features:
            return None
        names = {bits: f"llvm.x86.sse42.crc32.32.{bits}" for bits in (8, 16, 32)}
        return Instruction({**names, 64: "llvm.x86.sse42.crc32.64.64"}, wide=True)
    if architecture == "aarch64" and "+crc" in features and field in (CASTAGNOLI, ETHERNET):
        family = "crc32c" if field == CASTAGNOLI else "crc32"
        sizes = {8: "b", 16: "h", 32: "w", 64: "x"}
        return Instruction({n: f"llvm.aarch64.{family}{s}" for n, s in sizes.items()}, wide=False)
    return None


def by_instruction(code: Code, field: Field, instruction: Instruction) -> Value:
    """One chain of instructions: 8 bytes every three cycles."""
    found, body = kernel_function(code, field, "instruction")
    if body is not None:
        _write(body, instruction)
    return found


def _write(code: Code, instruction: Instruction) -> None:
    start, data, length = code.function.args
    register = code.local(I32, start)
    done = code.local(code.usize, code.size(0))
    with code.loop(code.size(0), length, 8) as i:
        _step(code, instruction, register, code.byte_at(data, i), I64)
        code.b.store(code.b.add(i, code.size(8)), done)
    for kind in (I32, I16, I8):
        size = kind.width // 8
        wanted = code.b.and_(length, code.size(size))
        with code.when(code.b.icmp_unsigned("!=", wanted, code.size(0))):
            at = code.load(code.usize, done)
            _step(code, instruction, register, code.byte_at(data, at), kind)
            code.b.store(code.b.add(at, code.size(size)), done)
    code.b.ret(code.load(I32, register))


def _step(
    code: Code, instruction: Instruction, register: Value, pointer: Value, kind: Value
) -> None:
    word, before = code.load(kind, pointer, 1), code.load(I32, register)
    bits = 64 if instruction.wide and kind == I64 else 32
    if not instruction.wide:  # 64-bit Arm has no narrower registers
        word = code.resize(word, max(32, kind.width))
    name = instruction.names[kind.width]
    after = vectors.call(code, name, ir.IntType(bits), [code.resize(before, bits), word])
    code.b.store(code.resize(after, 32), register)
