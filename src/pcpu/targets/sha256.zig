//! The SHA-256 of all that is given, in order, by Zig's library; one for a program.
//!
//! The library takes a processor's own instructions only where it is compiled for processors that
//! have them. So this file is compiled twice where there may be some: once with them, for
//! `pcpu.sha256.fast` alone, and once for all processors, which takes that where it can.

const std = @import("std");
const cpu = @import("builtin").cpu;
const Sha256 = std.crypto.hash.sha2.Sha256;

const is_fast = switch (cpu.arch) {
    .x86_64 => cpu.hasAll(.x86, &.{ .sha, .avx2 }),
    .aarch64 => cpu.has(.aarch64, .sha2),
    else => false,
};
const there_is_fast = cpu.arch == .x86_64 or cpu.arch == .aarch64;

comptime {
    if (is_fast) {
        @export(&update, .{ .name = "pcpu.sha256.fast", .visibility = .hidden });
    } else {
        @export(&add, .{ .name = "pcpu_sha256_add", .visibility = .hidden });
        @export(&is, .{ .name = "pcpu_sha256_is", .visibility = .hidden });
    }
}

const fast = @extern(*const @TypeOf(update), .{ .name = "pcpu.sha256.fast" });
const detect = @extern(*const fn () callconv(.c) u32, .{ .name = "pcpu.detect" }); // detect.zig

var whole = Sha256.init(.{});
var known: ?bool = null; // whether the processor is fast: a virtual one takes long to say so

fn update(hash: *anyopaque, at: [*]const u8, length: usize) callconv(.c) void {
    const it: *Sha256 = @ptrCast(@alignCast(hash));
    it.update(at[0..length]);
}

fn add(at: [*]const u8, length: usize) callconv(.c) void {
    if (there_is_fast) {
        const chosen = known orelse has();
        known = chosen;
        if (chosen) return fast(&whole, at, length);
    }
    update(&whole, at, length);
}

/// Whether the 32 bytes of `stated` are the hash; nothing is added behind that.
fn is(stated: *const [Sha256.digest_length]u8) callconv(.c) usize {
    return @intFromBool(std.mem.eql(u8, &whole.finalResult(), stated));
}

fn has() bool {
    return switch (cpu.arch) {
        .x86_64 => detect() > 0 and seven() >> 29 & 1 == 1, // a level above has AVX2
        .aarch64 => asm volatile ("mrs %[id], ID_AA64ISAR0_EL1" // as in detect.zig
            : [id] "=r" (-> u64),
        ) >> 12 & 15 > 0,
        else => unreachable,
    };
}

/// What cpuid says in ebx, of leaf 7.
fn seven() u32 {
    var leaf: u32 = 7;
    var sub: u32 = 0;
    return asm volatile ("cpuid"
        : [b] "={ebx}" (-> u32),
          [a] "+{eax}" (leaf),
          [c] "+{ecx}" (sub),
        :
        : .{ .edx = true });
}
