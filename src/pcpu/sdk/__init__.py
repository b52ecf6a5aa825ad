"""pCPU in a Python program: compile once, call on bytes."""

from pcpu.sdk.compiled import Compiled, Outcome, Stream, compile

__all__ = ["Compiled", "Outcome", "Stream", "compile"]
