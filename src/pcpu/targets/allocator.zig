// malloc and free over Zig's own WebAssembly allocator, which wants the size back on free:
// it is kept in the 16 bytes before the block.
const std = @import("std");
const gpa = std.heap.wasm_allocator;
const head = 16;

export fn malloc(size: usize) ?[*]u8 {
    const total = std.math.add(usize, size, head) catch return null;
    const block = gpa.alignedAlloc(u8, .fromByteUnits(head), total) catch return null;
    std.mem.writeInt(usize, block[0..@sizeOf(usize)], total, .little);
    return block.ptr + head;
}

export fn free(pointer: ?[*]u8) void {
    const block: [*]align(head) u8 = @alignCast((pointer orelse return) - head);
    gpa.free(block[0..std.mem.readInt(usize, block[0..@sizeOf(usize)], .little)]);
}
