//! What a machine can do at most with a span of bytes: read it, read and write it in place,
//! copy it. And the plain scalar loop of FNV-1a, that faster forms are compared with.
//!
//! One source, compiled for WebAssembly and for this machine, so that the limits mean the same. There it
//! runs in the memory of our kernels, so nothing here may need static data or a stack.
const builtin = @import("builtin");
const width = if (builtin.cpu.arch.isWasm()) 16 else 64;
const unroll = 8;
const Vector = @Vector(width, u8);
const block = width * unroll;

fn at(p: [*]const u8, i: usize) *align(1) const Vector {
    return @ptrCast(p + i);
}

/// Reads every byte; the result only keeps the loads alive.
export fn limit_load(p: [*]const u8, len: usize, seed: u32) u32 {
    var sums: [unroll]Vector = @splat(@splat(@truncate(seed)));
    var i: usize = 0;
    while (i + block <= len) : (i += block) {
        inline for (0..unroll) |k| sums[k] |= at(p, i + k * width).*;
    }
    while (i + width <= len) : (i += width) sums[0] |= at(p, i).*;
    inline for (1..unroll) |k| sums[0] |= sums[k];
    return @reduce(.Or, sums[0]);
}

fn change(p: [*]u8, i: usize, mask: Vector) void {
    const v: *align(1) Vector = @ptrCast(p + i);
    v.* ^= mask;
}

/// Reads and writes every byte in place, with an operation that costs nothing beside that.
export fn limit_rmw(p: [*]u8, len: usize, seed: u32) void {
    const mask: Vector = @splat(@truncate(seed));
    var i: usize = 0;
    while (i + block <= len) : (i += block) {
        inline for (0..unroll) |k| change(p, i + k * width, mask);
    }
    while (i + width <= len) : (i += width) change(p, i, mask);
}

/// Copies the span to the one of the same length behind it.
export fn limit_copy(p: [*]u8, len: usize, _: u32) void {
    @memcpy(p[len .. 2 * len], p[0..len]);
}

/// One byte after the other, as the definition of FNV-1a is written.
export fn scalar_fnv(p: [*]const u8, len: usize) u64 {
    var hash: u64 = 0xcbf29ce484222325;
    for (p[0..len]) |byte| hash = (hash ^ byte) *% 0x100000001b3;
    return hash;
}
