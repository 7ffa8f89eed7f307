"""Redis from Debian's packages, unpacked beside the checkout: nothing is installed, and nobody has to be root."""

from collections.abc import Mapping
from pathlib import Path

from .debian import unpacked
from .valkey import KeyValueServer

_PACKAGES = ("redis-tools", "libatomic1", "libjemalloc2", "liblzf1")
"""The program, for which the package redis-server holds a link, and the libraries that a plain system may lack."""


def _folder() -> Path:
    """Where the packages are unpacked."""
    return unpacked("redis", *_PACKAGES)


class Redis(KeyValueServer):
    """`with Redis() as server:`; with `tls`, three files (CA, certificate, key), it speaks TLS only.

    NotToBeHad if the packages cannot be downloaded.
    """

    def __init__(self, *options: str, tls: tuple[Path, Path, Path] | None = None) -> None:
        super().__init__(*options)
        self._tls = tls
        if tls is not None:
            ca, certificate, key = map(str, tls)
            files = ["--tls-ca-cert-file", ca, "--tls-cert-file", certificate, "--tls-key-file", key]
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            self.options = (*ports, *files, *options)
            self.url = f"rediss://localhost:{self.port}?ssl_ca_certs={ca}"

    def binary(self) -> Path:
        return _folder() / "usr" / "bin" / "redis-check-rdb"

    def command(self) -> list[str | Path]:
        # By its name the program knows which of its tools it shall be.
        link = self.binary().with_name("redis-server")
        if not link.is_symlink():
            link.symlink_to("redis-check-rdb")
        return [link, *list(super().command())[1:]]

    def environ(self) -> Mapping[str, str]:
        libraries = [str(path.parent) for path in _folder().glob("**/libjemalloc.so*")]
        return {"LD_LIBRARY_PATH": libraries[0]} if libraries else {}

    def ready(self) -> bool:
        if self._tls is None:
            return super().ready()
        import redis

        with redis.Redis.from_url(self.url) as client:
            try:
                return client.ping() is True
            except redis.ConnectionError as error:
                raise OSError(str(error)) from error
