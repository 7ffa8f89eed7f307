"""What `store=` may be: the forms of its URL, and what else is no store.

Every text says what is wrong and never repeats the URL, which may hold a password.
"""

import re
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from . import pasted
from .endpoint import is_region
from .record import Record

_SQLITE: Final = "sqlite:////var/lib/files-service/tokens.db"
_SQLITE_ON_WINDOWS: Final = r's2sauth.stores.sqlite.SQLiteStore(r"C:\ProgramData\files-service\tokens.db")'
_WINDOWS_PATH: Final = r"/*(?:[A-Za-z]:(?:[\\/]|$)|\\)"
_REDIS: Final = "redis://cache.example.com:6379/0"
_UNIX: Final = "unix:///run/valkey/valkey.sock"
_DYNAMODB: Final = "dynamodb://tokens?region=eu-central-1"
_FORMS: Final = f"{_SQLITE}, {_REDIS}, {_REDIS.replace('redis', 'rediss', 1)}, {_UNIX} or {_DYNAMODB}"
_OPTIONS: Final = ("region", "endpoint_url")
_METHODS: Final = ("get", "put", "delete", "close")


class StoreUrl(Record):
    """A URL of `store=`, taken apart."""

    engine: Literal["sqlite", "redis", "dynamodb"]
    place: str
    """The file's path, redis-py's URL, or the table's name."""
    region: str | None = None
    endpoint_url: str | None = None

    def __repr__(self) -> str:
        return f"<StoreUrl: {self.engine}>"


def parse_store_url(url: str) -> StoreUrl:
    """Raises ValueError, whose text says what is wrong and shows the form."""
    if (wrong := pasted.wrong_with(url)) is not None:
        raise ValueError(f"{wrong}; use {_FORMS}")
    given, separator, rest = url.partition("://")
    scheme = given.lower()
    if scheme not in _PARSERS or not separator:
        raise ValueError(f"is no URL of a store; use {_FORMS}")
    parse, form = _PARSERS[scheme]
    if scheme == "sqlite" and re.match(_WINDOWS_PATH, unquote(rest)):
        raise ValueError(f"is a Windows path, for which there is no URL; use {_SQLITE_ON_WINDOWS}")
    try:
        if " " in url or not url.isprintable():
            raise ValueError("holds white space or an invisible character")
        if "#" in url:
            raise ValueError("holds a # (within a password or a path, write %23)")
        return parse(f"{scheme}://{rest}")
    except ValueError as wrong:
        raise ValueError(f"{wrong}; use {form}") from None


def mistake(store: object) -> str | None:
    """What is wrong with this `store=`, or None: it is a URL of a known form, or can do what a store does."""
    if isinstance(store, str):
        try:
            parse_store_url(store)
        except ValueError as wrong:
            return str(wrong)
        return None
    if isinstance(store, type):
        return f"is the class {store.__name__}; use an object of it"
    missing = [name for name in _METHODS if not callable(getattr(store, name, None))]
    if not missing:
        return None
    kind = type(store)
    if kind.__module__.split(".")[0] in ("redis", "valkey"):
        return "is a client, not a store; use s2sauth.stores.redis.RedisStore(client)"
    return f"is of type {kind.__name__}, which has no {', '.join(missing)}; use a store of s2sauth.stores, or {_FORMS}"


def _sqlite(url: str) -> StoreUrl:
    rest = url.partition("://")[2]
    if "?" in rest:
        raise ValueError("holds a ? (within a path, write %3F)")
    if not rest.startswith("//"):
        raise ValueError(
            "has three slashes, which other libraries read as a relative path: write four, and an absolute path"
            if rest.startswith("/")
            else "has no absolute path after sqlite://"
        )
    path = "/" + unquote(rest).lstrip("/")
    if path.endswith(("/", "/:memory:")) or "\0" in path:
        raise ValueError("names no file that processes can share")
    return StoreUrl("sqlite", path)


def _redis(url: str) -> StoreUrl:
    parts = _server(url)
    if parts is None:
        raise ValueError("has no valid host or port (in a password, write / as %2F, @ as %40, ? as %3F)")
    if not re.fullmatch("/?[0-9]*", parts.path):
        raise ValueError("has something other than a database's number after the host")
    return StoreUrl("redis", url)


def _unix(url: str) -> StoreUrl:
    parts = _parts(url)
    if parts is None or parts.path.endswith("/") or not parts.path:
        raise ValueError("names no socket file")
    return StoreUrl("redis", url)


def _dynamodb(url: str) -> StoreUrl:
    table, _, query = url.partition("://")[2].partition("?")
    if not re.fullmatch("[A-Za-z0-9_.-]{3,255}", table):
        raise ValueError("has no valid name of a table after dynamodb://")
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given) or not options.keys() <= set(_OPTIONS):
        raise ValueError(f"has a query that is not one of {', '.join(_OPTIONS)}, each once")
    region, endpoint_url = (options.get(name) for name in _OPTIONS)
    if region is not None and not is_region(region):
        raise ValueError("has a region that cannot be one")
    if endpoint_url is not None and not _is_endpoint(endpoint_url):
        raise ValueError("has an endpoint_url that is none, as http://127.0.0.1:8000")
    return StoreUrl("dynamodb", table, region, endpoint_url)


def _is_endpoint(url: str) -> bool:
    parts = _server(url)
    return parts is not None and parts.scheme in ("http", "https") and "@" not in parts.netloc


def _server(url: str) -> SplitResult | None:
    """The parts of a URL that names a host, and a port that can be one."""
    parts = _parts(url)
    try:
        return parts if parts is not None and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # its text repeats what it was given
        return None


_PARSERS: Final = {
    "sqlite": (_sqlite, _SQLITE),
    "redis": (_redis, _REDIS),
    "rediss": (_redis, _REDIS.replace("redis", "rediss", 1)),
    "unix": (_unix, _UNIX),
    "dynamodb": (_dynamodb, f"{_DYNAMODB}&endpoint_url=http://127.0.0.1:8000"),
}
