//! What a program for Linux starts with, and what it takes from the kernel and from C's library,
//! so that it needs neither a library nor one that is compiled first. Calls give what the kernel
//! does: numbers below 0 for errors, no errno.

const std = @import("std");
const linux = std.os.linux;
const arch = @import("builtin").cpu.arch;

extern fn main(count: c_int, arguments: [*]usize) callconv(.c) c_int;

export fn _start() callconv(.naked) noreturn {
    asm volatile (switch (arch) {
            .x86_64 =>
            \\ xorl %%ebp, %%ebp
            \\ movq %%rsp, %%rdi
            \\ andq $-16, %%rsp
            \\ callq %[begin:P]
            ,
            .aarch64 =>
            \\ mov x29, #0
            \\ mov x30, #0
            \\ mov x0, sp
            \\ and sp, x0, #-16
            \\ b %[begin]
            ,
            .riscv64 =>
            \\ li fp, 0
            \\ li ra, 0
            \\ mv a0, sp
            \\ andi sp, sp, -16
            \\ tail %[begin]
            ,
            else => @compileError("no start"),
        }
        :
        : [begin] "X" (&begin),
    );
}

/// `stack` has the number of arguments, and then these.
fn begin(stack: [*]usize) callconv(.c) noreturn {
    linux.exit_group(main(@intCast(stack[0]), stack + 1));
}

export fn open(path: [*:0]const u8, flags: u32, mode: u32) isize {
    return @bitCast(linux.open(path, @bitCast(flags), mode));
}

export fn close(file: c_int) isize {
    return @bitCast(linux.close(file));
}

export fn read(file: c_int, to: [*]u8, size: usize) isize {
    return @bitCast(linux.read(file, to, size));
}

export fn write(file: c_int, from: [*]const u8, size: usize) isize {
    return @bitCast(linux.write(file, from, size));
}

export fn lseek(file: c_int, offset: i64, from: c_int) i64 {
    return @bitCast(linux.syscall3(.lseek, @bitCast(@as(isize, file)), @bitCast(offset), @intCast(from)));
}

export fn statx(folder: c_int, path: [*:0]const u8, flags: u32, mask: u32, to: usize) isize {
    const at: usize = @bitCast(@as(isize, folder));
    return @bitCast(linux.syscall5(.statx, at, @intFromPtr(path), flags, mask, to));
}

export fn mmap(at: usize, size: usize, protection: u32, flags: u32, file: c_int, offset: i64) isize {
    const from: usize = @bitCast(@as(isize, file));
    return @bitCast(linux.syscall6(.mmap, at, size, protection, flags, from, @bitCast(offset)));
}

const Part = @Vector(16, u8);

fn load(from: [*]const u8) Part {
    return @as(*align(1) const Part, @ptrCast(from)).*;
}

fn store(to: [*]u8, part: Part) void {
    @as(*align(1) Part, @ptrCast(to)).* = part;
}

export fn memcpy(noalias to: [*]u8, noalias from: [*]const u8, size: usize) [*]u8 {
    return memmove(to, from, size);
}

export fn memmove(to: [*]u8, from: [*]const u8, size: usize) [*]u8 {
    if (size < 16) {
        few(to, from, size);
        return to;
    }
    // What is read before anything is written is what was there, wherever both lie.
    const first, const last = .{ load(from), load(from + size - 16) };
    if (@intFromPtr(to) -% @intFromPtr(from) >= size) {
        var at: usize = 16;
        while (at + 64 <= size) : (at += 64) inline for (0..4) |n| {
            store(to + at + 16 * n, load(from + at + 16 * n));
        };
        while (at + 16 <= size) : (at += 16) store(to + at, load(from + at));
    } else {
        var at = size - 16;
        while (at > 16) {
            at -= @min(16, at - 16);
            store(to + at, load(from + at));
        }
    }
    store(to, first);
    store(to + size - 16, last);
    return to;
}

fn few(to: [*]u8, from: [*]const u8, size: usize) void {
    inline for (.{ u64, u32, u16 }) |Word| {
        const width = @sizeOf(Word);
        if (size >= width) {
            const Loose = *align(1) const Word;
            const first = @as(Loose, @ptrCast(from)).*;
            const last = @as(Loose, @ptrCast(from + size - width)).*;
            @as(*align(1) Word, @ptrCast(to)).* = first;
            @as(*align(1) Word, @ptrCast(to + size - width)).* = last;
            return;
        }
    }
    if (size != 0) to[0] = from[0];
}

export fn memset(to: [*]u8, value: c_int, size: usize) [*]u8 {
    const byte: u8 = @truncate(@as(c_uint, @bitCast(value)));
    if (size < 16) {
        for (0..size) |at| to[at] = byte;
        return to;
    }
    const part: Part = @splat(byte);
    var at: usize = 0;
    while (at + 16 <= size) : (at += 16) store(to + at, part);
    store(to + size - 16, part);
    return to;
}

export fn memcmp(a: [*]const u8, b: [*]const u8, size: usize) c_int {
    for (a[0..size], b[0..size]) |one, other| {
        if (one != other) return @as(c_int, one) - other;
    }
    return 0;
}

export fn bcmp(a: [*]const u8, b: [*]const u8, size: usize) c_int {
    return memcmp(a, b, size);
}

export fn strlen(text: [*]const u8) usize {
    var size: usize = 0;
    while (text[size] != 0) size += 1;
    return size;
}
