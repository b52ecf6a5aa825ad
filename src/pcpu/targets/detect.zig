//! How many of its target's levels (x86_64.py, aarch64.py, riscv64.py) the processor has.

const std = @import("std");
const arch = @import("builtin").cpu.arch;

comptime {
    @export(&detect, .{ .name = "pcpu.detect", .visibility = .hidden });
}

fn detect() callconv(.c) u32 {
    return switch (arch) {
        .x86_64 => x86(),
        .aarch64 => @intFromBool(arm()),
        .riscv64 => @intFromBool(riscv()),
        else => @compileError("no levels"),
    };
}

const Leaf = struct { a: u32, b: u32, c: u32, d: u32 };

fn cpuid(leaf: u32) Leaf {
    var a: u32 = undefined;
    var b: u32 = undefined;
    var c: u32 = undefined;
    var d: u32 = undefined;
    asm volatile ("cpuid"
        : [a] "={eax}" (a),
          [b] "={ebx}" (b),
          [c] "={ecx}" (c),
          [d] "={edx}" (d),
        : [leaf] "{eax}" (leaf),
          [sub] "{ecx}" (@as(u32, 0)),
    );
    return .{ .a = a, .b = b, .c = c, .d = d };
}

fn has(value: u32, comptime bits: []const u5) bool {
    var all: u32 = 0;
    for (bits) |bit| all |= @as(u32, 1) << bit;
    return value & all == all;
}

fn x86() u32 {
    if (cpuid(0).a < 7) return 0;
    const one = cpuid(1);
    if (!has(one.c, &.{27})) return 0; // there is xgetbv
    // Which registers the system saves.
    const saved = asm volatile ("xgetbv"
        : [a] "={eax}" (-> u32),
        : [register] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
    const seven = cpuid(7);
    // pclmul, fma, movbe, avx, f16c; bmi, avx2, bmi2; lzcnt
    const second = has(saved, &.{ 1, 2 }) and has(one.c, &.{ 1, 12, 22, 28, 29 }) and
        has(seven.b, &.{ 3, 5, 8 }) and has(cpuid(0x8000_0001).c, &.{5});
    if (!second) return 0;
    // avx512f, dq, cd, bw, vl; vbmi, vpclmulqdq, vnni
    const third = has(saved, &.{ 5, 6, 7 }) and has(seven.b, &.{ 16, 17, 28, 30, 31 }) and
        has(seven.c, &.{ 1, 10, 11 });
    return if (third) 2 else 1;
}

/// Linux lets programs read this register, by emulation, since 4.11 (2017).
fn arm() bool {
    const id = asm volatile ("mrs %[id], ID_AA64ISAR0_EL1"
        : [id] "=r" (-> u64),
    );
    const aes = id >> 4 & 15;
    const crc = id >> 16 & 15;
    return aes >= 2 and crc >= 1;
}

/// What there is only the kernel says: riscv_hwprobe, since Linux 6.4 (2023); others refuse it.
fn riscv() bool {
    const Pair = extern struct { key: i64, value: u64 };
    var pair = Pair{ .key = 4, .value = 0 }; // the extensions
    const zba_zbb_zbc = 1 << 3 | 1 << 4 | 1 << 7;
    const failed = std.os.linux.syscall5(.riscv_hwprobe, @intFromPtr(&pair), 1, 0, 0, 0);
    return failed == 0 and pair.value & zba_zbb_zbc == zba_zbb_zbc;
}
