"""The store of a fleet that has Redis or Valkey: one server, Sentinel, or a cluster."""

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Self, final

from .._clock import SystemClock
from .._core.errors import ConfigurationError
from .._core.search import StoreBusy
from .._core.store_url import parse_store_url
from .base import MAX_VALUE, Found

if TYPE_CHECKING:
    from redis import Redis, RedisCluster

_SOCKET_TIMEOUT = 1.0
_GONE, _STAYS = -2, -1  # what PTTL says of a key that is not there, and of one that does not go
_BUSY = ("LOADING", "OOM", "BUSY ", "max number of clients", "Too many connections")
"""How the texts begin when it loads its data, has no memory left, runs a script or has too many clients; the last is
what redis-py says of its own pool."""
# redis-py cuts the first word off some texts.
_BUSY_CLASSES = ("BusyLoadingError", "OutOfMemoryError", "MaxConnectionsError")
_USED = ("pipeline", "eval", "execute_command")

# What lies there, as `get` gives it; nil if nothing does. A script runs as one step, and on one key also in a cluster.
_FIND = f"""
local kind = redis.call('TYPE', KEYS[1]).ok
local found = nil
if kind == 'string' then found = redis.call('GETRANGE', KEYS[1], 0, {MAX_VALUE})
elseif kind ~= 'none' then found = '' end
"""
_PUT = f"""{_FIND}
local value, milliseconds, replaces = ARGV[1], ARGV[2], ARGV[3]
if found and found ~= value and found ~= replaces then return 0 end
redis.call('SET', KEYS[1], value, 'PX', milliseconds)
return 1
"""
_DELETE = f"""{_FIND}
if found == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


@final
class RedisStore:
    """A store in Redis 6 or Valkey: `RedisStore(client)` with any ready client of redis-py but an asyncio one.

    That client is yours: it is not closed, and its time limits and retries count beside `store_timeout`. A cluster's
    client must not read from replicas. The least that an ACL has to allow:

        ACL SETUSER s2sauth on >password resetkeys ~s2sauth:* resetchannels -@all +eval +type +getrange +pttl +set +del
    """

    def __init__(self, client: "Redis | RedisCluster") -> None:
        if inspect.iscoroutinefunction(getattr(client, "execute_command", None)):
            raise ConfigurationError("client: is an asyncio one; use redis.Redis, which is used on threads of its own")
        missing = [name for name in _USED if not callable(getattr(client, name, None))]
        if missing:
            raise ConfigurationError(f"client: has no {', '.join(missing)}; use redis.Redis or redis.RedisCluster")
        self._client: Any = client  # that of a cluster has other types for the same
        self._own = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store with a client of its own, for `redis://`, `rediss://` (TLS) and `unix://`.

        The URL's query may hold any option of redis-py's connections (`?socket_timeout=0.5&ssl_ca_certs=/etc/ca.pem`).
        """
        try:
            wanted = parse_store_url(url)
            if wanted.engine != "redis":
                raise ValueError("is not one of redis://, rediss://, unix://")
        except ValueError as wrong:
            raise ConfigurationError(f"url: {wrong}") from None
        try:
            import redis  # noqa: PLC0415  # an extra
            from redis.backoff import NoBackoff  # noqa: PLC0415  # an extra
            from redis.retry import Retry  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise ImportError("RedisStore.from_url needs redis-py: pip install 's2sauth[redis]'") from error
        options: dict[str, Any] = {
            "socket_timeout": _SOCKET_TIMEOUT,
            "socket_connect_timeout": _SOCKET_TIMEOUT,
            "health_check_interval": 0,
            "retry": Retry(NoBackoff(), 0),
        }
        if wanted.place.startswith("rediss:"):
            options["ssl_check_hostname"] = True  # redis-py 5 leaves it out
        # What the URL says wins.
        try:
            client = redis.Redis.from_url(wanted.place, **options)  # pyright: ignore[reportUnknownMemberType]  # untyped options
            client.connection_pool.make_connection()  # which connects nothing
        except (TypeError, ValueError):
            raise ConfigurationError("url: its query holds an option that redis-py's connections do not have") from None
        store = cls(client)
        store._own = True
        return store

    def get(self, key: str) -> Found | None:
        """What lies under `key`, from the primary."""
        asked = SystemClock.boottime()
        with _translated():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.pttl(key)
            # Bytes, also from a client with decode_responses=True: what somebody else wrote need not be text.
            pipeline.execute_command("GETRANGE", key, 0, MAX_VALUE, NEVER_DECODE=[])
            pipeline.pttl(key)  # the shorter life counts: somebody may write in between
            answers: list[Any] = pipeline.execute(raise_on_error=False)
            if str(answers[1]).startswith("WRONGTYPE "):
                answers[1] = b""
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        before, value, after = answers
        if _GONE in (before, after):
            return None
        # Both ends of a life are whole milliseconds, so it may be one less.
        lives = [(life - 1) / 1000 for life in (before, after) if life != _STAYS]
        return Found(value, max(0.0, min(lives, default=inf) - (SystemClock.boottime() - asked)))

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value`, by a script."""
        replaced = () if replaces is None else (replaces,)
        with _translated():
            return bool(self._client.eval(_PUT, 1, key, value, max(1, int(seconds * 1000)), *replaced))

    def delete(self, key: str, value: bytes) -> None:
        """Remove `value`, by a script."""
        with _translated():
            self._client.eval(_DELETE, 1, key, value)

    def close(self) -> None:
        """Disconnect a client of one's own, but for connections in use; the next call connects again."""
        if self._own:
            self._client.connection_pool.disconnect(inuse_connections=False)


@contextmanager
def _translated() -> Generator[None]:
    """Say of an exception of redis-py whether the server is busy, or a connection was cut."""
    try:
        yield
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        if str(error).startswith(_BUSY) or not set(_BUSY_CLASSES).isdisjoint(kinds):
            raise StoreBusy from error
        if "ConnectionError" in kinds and "AuthenticationError" not in kinds:
            raise ConnectionError from error
        raise
