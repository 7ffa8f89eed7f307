"""boto3's clients: made when they are wanted, made anew in a forked child, and kept from logging what they read."""

import logging
from _thread import allocate_lock, get_ident
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, final

from ._process import Process, this_process


class _Readings:
    """How many there are at this moment."""

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.under_way = 0


@final
class Boto:
    """The client of one AWS service. A user's `client` is used as it is; one of our own tries once, for a short time.

    `user` and `extra` are for the error that says what to install.
    """

    def __init__(
        self,
        service: str,
        *,
        user: str,
        extra: str,
        region: str | None,
        endpoint_url: str | None,
        client: Any,
        connect: float,
        read: float,
    ) -> None:
        self._service = service
        self._missing = f"{user} needs boto3: pip install 's2sauth[{extra}]'"
        self._options = {"region_name": region, "endpoint_url": endpoint_url}
        self._limits = {"connect_timeout": connect, "read_timeout": read}
        self._own = client is None
        self._client = client
        self._readings = _Readings()
        self._process = this_process()

    def client(self) -> Any:
        """boto3 and botocore have no types. Made by the first call, which reads files and may look for credentials."""
        if self._own and (self._client is None or self._process != this_process()):
            # In a forked child the pool is its parent's, and a lock may be held by a thread that is not here.
            self._client, self._readings, self._process = self._make(), _Readings(), this_process()
        return self._client

    def close(self) -> None:
        """Disconnect a client of our own; the next call connects again."""
        if self._own and self._client is not None and self._process == this_process():
            self._client.close()

    @contextmanager
    def reading(self) -> Generator[Any]:
        """The client for one reading of what is secret: unlogged, and afterwards no connection is left to a fork."""
        with unlogged():
            client, readings = self.client(), self._readings
            with readings.lock:
                readings.under_way += 1
            try:
                yield client
            finally:
                with readings.lock:
                    readings.under_way -= 1
                    if not readings.under_way:  # else another's request would find its pool closed
                        self.close()

    def _make(self) -> Any:
        try:
            boto3: Any = import_module("boto3.session")
            botocore: Any = import_module("botocore.config")
        except ImportError as error:
            raise ImportError(self._missing) from error
        config = botocore.Config(retries={"total_max_attempts": 1}, max_pool_connections=4, **self._limits)
        # The default session is not for threads.
        return boto3.Session().client(self._service, config=config, **self._options)


_LIBRARIES: Final = ("boto3", "botocore", "urllib3")
_silent: set[tuple[Process, int]] = set()
"""The threads on which these libraries log nothing."""


@contextmanager
def unlogged() -> Generator[None]:
    """Let boto3 log nothing on this thread, at no level: botocore logs each answer as it is, with the secret in it."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in _LIBRARIES:
            logger.addFilter(_is_logged)  # once, however often
    me = _me()
    _silent.add(me)
    try:
        yield
    finally:
        _silent.discard(me)


def _is_logged(_: logging.LogRecord) -> bool:
    return _me() not in _silent


def _me() -> tuple[Process, int]:
    return this_process(), get_ident()  # a thread of a forked child may have the ident of one of the parent's
