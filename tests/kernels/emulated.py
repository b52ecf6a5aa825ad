"""Kernels for other processors, under QEMU: a machine like those of machine.py."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pcpu.target import Target
from pcpu.targets import elf, lld
from tests.kernels.machine import GUARD, ROOM

MOST = 4  # arguments of a call
# What QEMU is told of the processor, by architecture: all that it has, or all that we use.
PROCESSORS = {"aarch64": "max", "riscv64": "rv64,zba=true,zbb=true,zbc=true", "x86_64": "max"}
# Takes commands from its input, each of three numbers: write bytes, read bytes, call a function.
DRIVER = """
#include <stdint.h>
#include <unistd.h>
typedef uint64_t u64;
typedef u64 (*kernel)(u64, u64, u64, u64);
%(declarations)s
static const kernel kernels[] = { %(names)s };
static unsigned char data[%(room)d] __attribute__((aligned(64)));
static int get(void *to, u64 size) {
    for (u64 done = 0; done < size;) {
        ssize_t got = read(0, to + done, size - done);
        if (got <= 0) return 0;
        done += got;
    }
    return 1;
}
static void put(const void *from, u64 size) {
    for (u64 done = 0; done < size;) done += write(1, from + done, size - done);
}
int main(void) {
    u64 base = (u64) data, command[3], arguments[%(most)d];
    put(&base, 8);
    while (get(command, 24)) {
        if (command[0] == 0) {
            get(data + command[1], command[2]);
        } else if (command[0] == 1) {
            put(data + command[1], command[2]);
        } else {
            get(arguments, 8 * %(most)d);
            u64 found = kernels[command[1]](arguments[0], arguments[1], arguments[2], arguments[3]);
            put(&found, 8);
        }
    }
    return 0;
}
"""


class Emulated:
    """``code`` is an object file with the functions ``names``, ``processor`` QEMU's name."""

    pointer_bits = 64

    def __init__(
        self, code: bytes, names: Sequence[str], target: Target, processor: str | None = None
    ) -> None:
        architecture = target.triple.split("-", maxsplit=1)[0]
        qemu = shutil.which(f"qemu-{architecture}") or shutil.which(f"qemu-{architecture}-static")
        if qemu is None:
            pytest.skip(f"qemu-{architecture} is not installed (Debian: qemu-user)")
        self._names = list(names)
        self._folder = tempfile.TemporaryDirectory()
        program = Path(self._folder.name) / "program"
        program.write_bytes(elf.executable([code, _driver(names, target)], target))
        program.chmod(0o755)
        self._process = subprocess.Popen(
            [qemu, "-cpu", processor or PROCESSORS[architecture], program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.base = self._number()

    def write(self, offset: int, data: bytes) -> None:
        self._tell(0, offset, len(data))
        self._in.write(data)

    def read(self, offset: int, length: int) -> bytes:
        self._tell(1, offset, length)
        self._in.flush()
        return self._out.read(length)

    def call(self, name: str, bits: int, arguments: list[tuple[int, int]]) -> int:
        values = [value for value, _ in arguments]
        self._tell(2, self._names.index(name), 0)
        self._in.write(struct.pack(f"<{MOST}Q", *values, *[0] * (MOST - len(values))))
        self._in.flush()
        return self._number() & ((1 << bits) - 1)

    def close(self) -> None:
        self._in.close()
        self._out.close()
        self._process.wait(10)
        self._folder.cleanup()

    def _tell(self, *command: int) -> None:
        self._in.write(struct.pack("<3Q", *command))

    def _number(self) -> int:
        (number,) = struct.unpack("<Q", self._out.read(8))
        return int(number)


def _driver(names: Sequence[str], target: Target) -> bytes:
    text = DRIVER % {
        "declarations": "\n".join(f"extern u64 {name}(u64, u64, u64, u64);" for name in names),
        "names": ", ".join(names),
        "room": ROOM + 2 * GUARD,
        "most": MOST,
    }
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "driver.c", Path(folder) / "driver.o"
        source.write_text(text)
        lld.run([
            *lld.zig(), "cc", "-target", lld.zig_triple(target), "-O1", "-c", str(source),
            "-o", str(out),
        ])  # fmt: skip
        return out.read_bytes()
