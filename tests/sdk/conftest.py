from __future__ import annotations

from tests.worker.conftest import bundle, server

__all__ = ["bundle", "server"]
