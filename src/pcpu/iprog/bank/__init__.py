"""Banks: blobs that files are planned from, and which of them suits a file.

bytes -> views.blanked -> chunks.cut -> sketch.study -> store.Bank
file, Bank -> rank (sketches) -> select (chunks, plans) -> several (more blobs)
"""
