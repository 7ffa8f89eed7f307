"""For tests of services that use s2sauth: a Cognito to talk to, a clock to move, a token that needs neither.

Standard library only; nothing here is imported by `import s2sauth`.
"""

from ._memory_store import MemoryStore
from ._records import ApiRequest, TokenRequest
from ._waiting import wait_for_renewals
from .clock import ManualClock
from .fake import FakeCognito
from .static import StaticToken

__all__ = [
    "ApiRequest",
    "FakeCognito",
    "ManualClock",
    "MemoryStore",
    "StaticToken",
    "TokenRequest",
    "wait_for_renewals",
]
