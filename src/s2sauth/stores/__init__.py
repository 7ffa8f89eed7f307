"""Where a whole fleet keeps its tokens. Each engine is imported from its own module: `s2sauth.stores.redis`."""

from .._core.search import StoreBusy
from .base import Found, Store

__all__ = ["Found", "Store", "StoreBusy"]
