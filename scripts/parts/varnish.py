"""Varnish from Debian's packages: a caching proxy that keeps the origin's Date and adds Age."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .debian import NotToBeHad, unpacked
from .server import Server

_PACKAGES = ("varnish", "libvarnishapi3", "libedit2", "libjemalloc2", "libbsd0", "libmd0")

_VCL = """
vcl 4.1;
import std;
backend origin { .host = "127.0.0.1"; .port = "%d"; }
sub vcl_recv {
    if (req.method != "POST") { return (synth(200)); }
    std.cache_req_body(64KB);
    return (hash);
}
sub vcl_hash { hash_data(req.http.Authorization); }
sub vcl_backend_fetch { set bereq.method = "POST"; }
sub vcl_backend_response {
    set beresp.ttl = %ds;
    set beresp.grace = 0s;
    return (deliver);
}
"""


class Varnish(Server):
    """`with Varnish(origin_port, seconds) as proxy:`; it keeps the answer to each POST for so many seconds.

    NotToBeHad if the packages cannot be downloaded, or there is no C compiler, which Varnish needs when it starts.
    """

    def __init__(self, origin_port: int, seconds: int) -> None:
        super().__init__()
        self._vcl = _VCL % (origin_port, seconds)

    def binary(self) -> Path:
        """The server's program."""
        if not shutil.which("gcc"):
            raise NotToBeHad("there is no gcc")
        return unpacked("varnish", *_PACKAGES) / "usr" / "sbin" / "varnishd"

    def command(self) -> Sequence[str | os.PathLike[str]]:
        (modules,) = unpacked("varnish", *_PACKAGES).glob("usr/lib/*/varnish/vmods")
        # The shell writes the configuration into the folder that the server runs in, and becomes the server.
        shell = ["sh", "-c", 'printf "%s" "$VCL" > proxy.vcl; exec "$@" -n "$PWD/state" -f "$PWD/proxy.vcl"', "sh"]
        listen = ["-a", f"127.0.0.1:{self.port}", "-s", "malloc,16m", "-j", "none"]
        return [*shell, self.binary(), "-F", *listen, "-p", f"vmod_path={modules}"]

    def environ(self) -> Mapping[str, str]:
        libraries: list[Path] = [path.parent for path in unpacked("varnish", *_PACKAGES).glob("**/libvarnishapi.so*")]
        return {"LD_LIBRARY_PATH": f"{libraries[0]}:{libraries[0] / 'varnish'}", "VCL": self._vcl}
