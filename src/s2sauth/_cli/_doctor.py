"""`s2sauth doctor`: looks at every step from the settings to the API's answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .._core.errors import S2SAuthError
from .._core.refusals import WAF, find
from . import _checks, _secret
from ._call import check_url, hidden, send
from ._checks import Check
from ._exits import FINE, CommandFailed, exit_code
from ._proxy import stays_here
from ._refusal import reasons
from ._settings import Loaded, add_options, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ._console import Colour, Console

HELP = "Check settings, secret, DNS, TLS, token, claims, clock and, if given, an API; say what to do."

_COLOURS: Final[dict[_checks.Status, Colour]] = {"pass": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("url", metavar="URL", nargs="?", help="of an API, which gets one GET with the token")
    parser.add_argument("--allow-http", action="store_true", help="send the token over plain http to that API")
    parser.set_defaults(method="GET", timeout=_checks.TIMEOUT)
    add_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """All checks, in order; the exit code is that of the first that failed."""
    if arguments.url is not None:
        check_url(arguments.url, allow_http=True)
    done: list[Check] = []
    for check in _all(arguments):
        done.append(check)
        console.line(f"{console.paint(check.status, _COLOURS[check.status])}  {check.name:10} {_indented(check.found)}")
        if check.advice:
            console.line(f"{'':17}{check.advice}")
    console.document(
        {
            "command": "doctor",
            "checks": [
                {"name": check.name, "status": check.status, "found": check.found, "advice": check.advice}
                for check in done
            ],
        }
    )
    return next((check.code for check in done if check.status == "fail"), FINE)


def _indented(text: str) -> str:
    return text.replace("\n", f"\n{'':17}")


def _all(arguments: argparse.Namespace) -> Iterator[Check]:
    try:
        loaded = load(arguments)
    except (CommandFailed, S2SAuthError) as error:
        yield Check(
            "settings", "fail", str(error), "Set what is named here, or give it as an option.", exit_code(error)
        )
        yield Check("token", "skip", "there are no settings to ask for one with")
        if arguments.url is not None:
            yield from _way("api ", arguments.url)
        return
    sources = ", ".join(f"{setting} from {source}" for setting, source in loaded.sources.items())
    yield Check("settings", "pass", sources)
    with loaded.credentials:
        yield from _cognito(arguments, loaded)


def _cognito(arguments: argparse.Namespace, loaded: Loaded) -> Iterator[Check]:
    secret, managed = _secret.secret(loaded)
    yield secret
    if managed is not None and (rotation := _secret.rotation(loaded, time.time())) is not None:
        yield rotation
    reached = True
    for check in _way("", loaded.token_url):
        reached = reached and check.status != "fail"
        yield check
    if reached:
        yield _checks.clock(loaded.token_url, time.time)
    token = None
    if reached and secret.status != "fail":
        check, token = _checks.token(loaded)
        yield check
    else:
        yield Check("token", "skip", "what failed above is needed for it")
    if token is not None:
        yield from _checks.claims(loaded, token, managed and managed.user_pool_id)
    if arguments.url is not None:
        yield from _way("api ", arguments.url)
        if token is not None:
            yield _api(arguments, loaded)


def _way(prefix: str, url: str) -> Iterator[Check]:
    """The proxy if there is one, DNS, and TLS if the host has an address."""
    proxy = _checks.proxy(f"{prefix}proxy", url, api=bool(prefix))
    if proxy is not None:
        yield proxy
        if proxy.status == "fail":
            return
    proxied = proxy is not None and not stays_here(url)
    dns = _checks.dns(f"{prefix}dns", url, proxied=proxied)
    yield dns
    if dns.status != "fail":
        yield _checks.tls(f"{prefix}tls", url, proxied=proxied)


def _api(arguments: argparse.Namespace, loaded: Loaded) -> Check:
    try:
        response, body, _ = send(loaded.credentials, arguments, [], b"")
    except (CommandFailed, S2SAuthError) as error:
        return Check("api", "fail", str(error), code=exit_code(error))
    status = response.status_code
    said = f"GET {arguments.url} is answered {status}"
    token = loaded.credentials.get_token()
    refusal = find(status, dict(response.headers), body)
    if refused := reasons(status, response.headers.get_list("www-authenticate"), token, refusal):
        mild = 400 <= status < 500 and status not in (401, 403) and refusal not in WAF
        return Check("api", "warn" if mild else "fail", said, hidden(" ".join(refused), token))
    if status >= 500:
        return Check("api", "fail", said, "The API has a problem of its own: look at its log.")
    if status >= 400:
        return Check("api", "warn", said, "The token was not refused: check path and method.")
    return Check("api", "pass", said)
