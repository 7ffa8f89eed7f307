"""From a URL to its store; only the engine that it names is imported."""

from .._core.store_url import parse_store_url
from .base import Store


def open_store(url: str) -> Store:
    """The store that this URL names. Raises ValueError for what is none, ImportError where an extra is missing."""
    wanted = parse_store_url(url)
    if wanted.engine == "sqlite":
        from .sqlite import SQLiteStore  # noqa: PLC0415  # only what is used

        return SQLiteStore(wanted.place)
    if wanted.engine == "redis":
        from .redis import RedisStore  # noqa: PLC0415  # only what is used

        return RedisStore.from_url(wanted.place)
    from .dynamodb import DynamoDBStore  # noqa: PLC0415  # only what is used

    return DynamoDBStore(wanted.place, region=wanted.region, endpoint_url=wanted.endpoint_url)
