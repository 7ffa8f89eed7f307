"""`s2sauth call`: one request with the token, through the library's own hook."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._core.origin import is_loopback, parse_url
from .._core.refusals import find
from ._exits import FAILED, FINE, UNREACHABLE, USAGE, CommandFailed
from ._proxy import proxy_of, stays_here
from ._refusal import reasons
from ._settings import add_options, load
from ._trust import ssl_context
from ._words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from .._core.values import AccessToken
    from ._console import Console

HELP = "Send a request with the token; show status, headers and body, and for a refusal what is missing."

HIDDEN = "[token hidden]"

MAX_BODY: Final = 1 << 20
"""Bytes of an answer's body that are read and shown: what is longer is nothing to look at."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("method", metavar="METHOD", type=_method, help="GET, POST, …")
    parser.add_argument("url", metavar="URL", help="the token goes to this URL's origin only")
    parser.add_argument("-H", "--header", action="append", default=[], metavar="NAME: VALUE", help="may be repeated")
    parser.add_argument("--data", metavar="TEXT|@FILE", help="the body: a text, a file's content, or @- for stdin")
    parser.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="for each step, 30 by default"
    )
    parser.add_argument("--allow-http", action="store_true", help="send the token over plain http to this origin")
    add_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Send it, once, without following redirects."""
    headers, content = [_header(text) for text in arguments.header], _content(arguments.data)
    with load(arguments).credentials as credentials:
        response, body, cut = send(credentials, arguments, headers, content)
        token = credentials.get_token()
        refusal = find(response.status_code, dict(response.headers), body)
        why = reasons(response.status_code, response.headers.get_list("www-authenticate"), token, refusal)
    # An API may send back what it was sent.
    why = [hidden(text, token) for text in why]
    text = _shown(_decoded(body, response.encoding or "utf-8"), token, cut=cut)
    shown = [(name, hidden(text, token)) for name, text in response.headers.multi_items()]
    console.document(
        {
            "command": "call",
            "method": arguments.method,
            "url": arguments.url,
            "status": response.status_code,
            "headers": [list(pair) for pair in shown],
            "body": text,
            "body_cut": cut,
            "refusal": why,
        }
    )
    good = response.status_code < 400 and not why
    status = f"{response.http_version} {response.status_code} {printable(hidden(response.reason_phrase, token))}"
    console.line(console.paint(status, "green" if good else "red"))
    console.lines(f"{console.paint(name, 'bold')}: {printable(text)}" for name, text in shown)
    console.line()
    if text:
        console.line(printable(text))
    if cut:
        console.say(f"the body goes on: only its first {MAX_BODY:,} bytes are read")
    for reason in why:
        console.say(reason)
    return FINE if good else FAILED


def send(
    credentials: Any, arguments: argparse.Namespace, headers: list[tuple[str, str]], content: bytes
) -> tuple[httpx.Response, bytes, bool]:
    """The API's answer, as much of its body as is shown, and whether there is more of it.

    Raises CommandFailed if there is no answer, and what the hook raises.
    """
    check_url(arguments.url, allow_http=arguments.allow_http)
    hook = credentials.httpx_auth(arguments.url, allow_http=arguments.allow_http)
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    token = credentials.get_token()  # its failure is the token endpoint's, whatever happens to the call
    direct = stays_here(arguments.url)
    proxy = None if direct else proxy_of(arguments.url)
    if proxy is not None and proxy.wrong:
        raise CommandFailed(proxy.wrong, USAGE)
    context = ssl_context()
    try:
        with (
            httpx.Client(auth=hook, timeout=arguments.timeout, verify=context, trust_env=not direct) as client,
            client.stream(arguments.method, arguments.url, headers=headers, content=content) as response,
        ):
            return response, *_beginning(response.iter_bytes())
    except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        text = printable(hidden(str(error), token))
        raise CommandFailed(f"no such request can be sent: {text}. Check METHOD, URL and -H", USAGE) from None
    except httpx.HTTPError as error:
        through = "" if proxy is None else f" through the proxy {proxy} from {proxy.variable}"
        raise CommandFailed(
            f"{arguments.url} gave no answer{through}: {type(error).__name__}, {printable(hidden(str(error), token))}. "
            "Check the URL, the route there and the proxy variables; `s2sauth doctor URL` looks at each step",
            UNREACHABLE,
        ) from None


def _beginning(pieces: Iterable[bytes]) -> tuple[bytes, bool]:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_BODY:
            return bytes(body[:MAX_BODY]), True
    return bytes(body), False


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding, "replace")
    except (LookupError, UnicodeError):  # of Python's codecs, but not for text: "hex", "idna"
        return body.decode("utf-8", "replace")


def _shown(text: str, token: AccessToken, *, cut: bool) -> str:
    """The body without the token. If it was cut, perhaps in the middle of one, it ends earlier by the length of one."""
    text = hidden(text, token)
    return text[: -len(token.access_token)] if cut else text


def hidden(text: str, token: AccessToken) -> str:
    """The text without the token."""
    return text.replace(token.access_token, HIDDEN)


def check_url(url: str, *, allow_http: bool) -> None:
    """Raises CommandFailed for what is no URL, or one that the token may not go to."""
    try:
        origin = parse_url(url).origin
    except ValueError as wrong:
        raise CommandFailed(f'URL: {wrong}; give it whole, as "https://files.example.com/files"', USAGE) from None
    if origin.scheme == "http" and not allow_http and not is_loopback(origin.host.decode()):
        text = "URL: is http, where anyone on the way could read the token (--allow-http where that is fine)"
        raise CommandFailed(text, USAGE)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (name + value).isascii() or not (name + value).isprintable():
        raise CommandFailed('-H: use "Name: value" in ASCII, as "Accept: text/plain"', USAGE)
    return name.strip(), value.strip()


def _method(text: str) -> str:
    if not text.isascii():
        raise argparse.ArgumentTypeError("use ASCII letters")
    return text.upper()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise argparse.ArgumentTypeError("use seconds, more than 0")
    return seconds


def _content(data: str | None) -> bytes:
    if data is None or not data.startswith("@"):
        return os.fsencode(data or "")  # the bytes of the command line
    if data == "@-" and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  # it is, if it was closed before
        raise CommandFailed("--data: stdin is closed", USAGE)
    try:
        return sys.stdin.buffer.read() if data == "@-" else Path(data[1:]).read_bytes()
    except OSError as error:
        raise CommandFailed(f"--data: {data[1:]} cannot be read: {error.strerror}", USAGE) from None
