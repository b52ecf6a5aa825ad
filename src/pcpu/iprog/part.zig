//! The file of a program for Linux before it has its name (decoder/command.py). It lies in the same
//! folder, is nobody else's, and is gone where the program does not come to its end.

const std = @import("std");
const linux = std.os.linux;

const most = 1000; // names that are tried
const most_links = 40; // that are followed, as the kernel does
const Path = [linux.PATH_MAX]u8;
const ends = [_]linux.SIG{ .HUP, .INT, .PIPE, .QUIT, .TERM };

var part: [linux.PATH_MAX + 64]u8 = undefined; // empty where there is none of ours
var name: Path = undefined; // that it is to have

fn failed(result: usize) bool {
    return linux.errno(result) != .SUCCESS;
}

fn leave(signal: linux.SIG) callconv(.c) void {
    _ = linux.unlink(@ptrCast(&part));
    // It is blocked up to the end of this function, and then ends the program as usual.
    _ = linux.kill(linux.getpid(), signal);
}

/// Put `text` where something ends, and a 0 behind it; where that is.
fn put(to: []u8, text: []const u8) ?[]u8 {
    if (text.len >= to.len) return null;
    @memcpy(to[0..text.len], text);
    to[text.len] = 0;
    return to[text.len..];
}

fn putNumber(to: []u8, number: u32) ?[]u8 {
    const rest = if (number > 9) putNumber(to, number / 10) orelse return null else to;
    return put(rest, &.{'0' + @as(u8, @intCast(number % 10))});
}

/// The part of a path that says the folder, with the slash.
fn folderOf(path: []const u8) []const u8 {
    return path[0 .. if (std.mem.findScalarLast(u8, path, '/')) |at| at + 1 else 0];
}

/// Set `name` to the path, or to where the links lead that lie there.
fn follow(path: []const u8) bool {
    _ = put(&name, path) orelse return false;
    var end = path.len;
    for (0..most_links) |_| {
        var link: Path = undefined;
        const length = linux.readlink(@ptrCast(&name), &link, link.len);
        if (failed(length)) return true; // it is none, or there is nothing yet
        const folder = if (link[0] == '/') "" else folderOf(name[0..end]);
        const rest = put(name[folder.len..], link[0..length]) orelse return false;
        end = name.len - rest.len;
    }
    return false;
}

fn create(path: []const u8) ?i32 {
    if (!follow(path)) return null;
    const folder = folderOf(std.mem.sliceTo(&name, 0));
    // Not made of the name, which may be as long as names can be.
    const beside = put(put(&part, folder) orelse return null, "rebuild-") orelse return null;
    const process = putNumber(beside, @intCast(linux.getpid())) orelse return null;
    for (0..most) |number| {
        var end = process;
        if (number > 0) {
            end = putNumber(put(end, "-") orelse return null, @intCast(number)) orelse return null;
        }
        _ = put(end, ".part") orelse return null;
        const flags: linux.O = .{
            .ACCMODE = .WRONLY, .CREAT = true, .EXCL = true, .NOFOLLOW = true, .CLOEXEC = true,
        };
        const file = linux.open(@ptrCast(&part), flags, 0o666);
        if (!failed(file)) return @intCast(file);
        if (linux.errno(file) != .EXIST) return null;
    }
    return null;
}

/// A new file beside `path`, to write to; below 0 where there is none.
export fn pcpu_part_open(path: [*:0]const u8) i64 {
    var action: linux.Sigaction = .{
        .handler = .{ .handler = leave },
        .mask = linux.sigemptyset(),
        .flags = linux.SA.RESETHAND,
    };
    for (ends) |end| linux.sigaddset(&action.mask, end);
    // Until it is known whether there is something to unlink, and that it is ours.
    var before: linux.sigset_t = undefined;
    _ = linux.sigprocmask(linux.SIG.BLOCK, &action.mask, &before);
    const file = create(std.mem.span(path));
    if (file == null) part[0] = 0 else for (ends) |end| {
        var old: linux.Sigaction = undefined;
        _ = linux.sigaction(end, null, &old);
        if (old.handler.handler != linux.SIG.IGN) _ = linux.sigaction(end, &action, null);
    }
    _ = linux.sigprocmask(linux.SIG.SETMASK, &before, null);
    return file orelse -1;
}

/// Give it its name; 0, or below 0.
export fn pcpu_part_keep() i64 {
    if (failed(linux.rename(@ptrCast(&part), @ptrCast(&name)))) return -1;
    part[0] = 0;
    return 0;
}

export fn pcpu_part_drop() void {
    _ = linux.unlink(@ptrCast(&part));
}

/// Have writing beyond a limit of sizes be an error as any other.
export fn pcpu_part_limits() void {
    const action: linux.Sigaction = .{
        .handler = .{ .handler = linux.SIG.IGN },
        .mask = linux.sigemptyset(),
        .flags = 0,
    };
    _ = linux.sigaction(.XFSZ, &action, null);
}
