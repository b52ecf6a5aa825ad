"""A reconstructor in a browser: a page that holds it and the blob, and says what it rebuilt."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.plan import make_plan
from tests.iprog.golden.make import cases

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PAGE = """<!doctype html><title>rebuild</title><body>
<script type="module">
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const {instance: {exports: x}} = await WebAssembly.instantiate(bytes("MODULE"));
const blob = bytes("BLOB");
const at = x.blob(BigInt(blob.length));
new Uint8Array(x.memory.buffer).set(blob, at);
const status = x.prepare();
const file = new Uint8Array(Number(x.size()));
for (let n = 0n, to = 0; status >= 0 && n < x.windows(); n++) {
  if (x.window(n) < 0) break;
  file.set(new Uint8Array(x.memory.buffer, x.out(), x.out_length()), to);
  to += x.out_length();
}
const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
document.body.textContent = "rebuilt " + [...digest].map(b => b.toString(16).padStart(2, "0")).join("");
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
@pytest.mark.parametrize("name", ["edited", "x86-64"])
def test_a_reconstructor_in_a_browser(name: str, tmp_path: Path) -> None:
    file, blobs, how = cases()[name]
    code = reconstructor(make_plan(file, blobs, **how).plan)  # type: ignore[arg-type]
    page = tmp_path / "page.html"
    module, blob = (base64.b64encode(content).decode() for content in (code, blobs[0]))
    page.write_text(PAGE.replace("BLOB", blob).replace("MODULE", module))
    done = subprocess.run(
        [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu",
            "--virtual-time-budget=20000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, check=False, timeout=120, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert f"rebuilt {hashlib.sha256(file).hexdigest()}" in done.stdout.decode(), done.stderr
