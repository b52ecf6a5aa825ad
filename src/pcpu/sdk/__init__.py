"""pCPU in a Python program: compile once, call on bytes."""
