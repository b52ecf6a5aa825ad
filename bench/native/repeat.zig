//! Calls kernels many times from native code: a call through Python costs more than a short
//! kernel does. Every kernel is called with four integers in registers, of which it takes the ones
//! that it declares; its result comes back in the register of a u64, whose upper bits the
//! caller ignores as the kernel's declaration says. The C calling conventions of the 64-bit
//! machines that we compile for allow both.
const Call = extern struct {
    function: *const fn (u64, u64, u64, u64) callconv(.c) u64,
    arguments: [4]u64,
};

export fn repeat(calls: [*]const Call, count: usize, times: u64) u64 {
    var last: u64 = 0;
    for (0..times) |_| {
        for (calls[0..count]) |call| {
            const a = call.arguments;
            last = call.function(a[0], a[1], a[2], a[3]);
        }
    }
    return last;
}
