"""Types: user code passes mypy --strict, and what is wrong is found by it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import google_crc32c

from tests.conftest import ROOT
from tests.sdk import user_code

WRONG = """\
from typing import Annotated
import pcpu

@pcpu.program
def f(data: pcpu.InOut, key: Annotated[bytes, pcpu.Length(4)], n: pcpu.U8) -> int:
    data.xor("a")  # arg-type
    data.mask(n)  # arg-type
    data.nothing()  # attr-defined
    data[3].xor(1)  # index
    data[0:4] = 5  # assignment
    for w in data.windows(key):  # arg-type
        n += w.hist()  # operator
    n = data.not_()  # func-returns-value
    return n

b = pcpu.Builder()
b.xor(b.number_param("n"), 1)  # arg-type
b.mask(b.inout(), 1.5)  # arg-type
b.nothing(1)  # attr-defined
pcpu.compile(5)  # arg-type
pcpu.nothing  # attr-defined
pcpu.compile("crc32")(b"", in_place="yes")  # arg-type
"""


def mypy(*arguments: str | Path) -> str:
    command = [Path(sys.executable).parent / "mypy", "--strict", "--no-pretty", *arguments]
    environment = {"MYPYPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout


def test_user_code_is_typed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    found = mypy(wrong, ROOT / "tests/sdk/user_code.py")
    each = re.findall(r"wrong\.py:(\d+): error: .*\[(.+)\]", found)
    errors = {int(number): kind for number, kind in reversed(each)}  # the first of each line
    lines = enumerate(WRONG.splitlines(), start=1)
    assert errors == {n: line.split("  # ")[1] for n, line in lines if "  # " in line}, found
    assert "user_code.py" not in found


def test_user_code_runs() -> None:
    message = bytearray(b"\n" * 10)
    key = b"keykeykeyk"
    masked = bytes(10 ^ k for k in key)
    total, size, crc = user_code.use(message)
    assert message == masked[:-4] + bytes(255 - b for b in masked[-4:])
    assert total == google_crc32c.value(masked) & 0xFF
    assert size == 25
    assert crc != 0
