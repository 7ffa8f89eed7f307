"""A tour of what happens, step by step, against a Cognito of its own and with a clock that is turned by hand.

python tour.py
"""

import logging
import threading

import httpx

from s2sauth import CognitoClientCredentials, Event, OriginNotAllowed, RenewalPolicy
from s2sauth.testing import FakeCognito, ManualClock

SHOWN = ("renewal_failed", "renewed", "token_rejected")

renewal_over = threading.Event()


def main() -> None:
    """Print each step, and what it cost."""
    logging.getLogger("s2sauth").addHandler(logging.NullHandler())  # the tour prints the events itself
    clock = ManualClock()
    with FakeCognito(expires_in=3600, clock=clock) as cognito:
        credentials = CognitoClientCredentials.from_env(
            environ=cognito.environ,
            scopes="demo/read.file",
            policy=RenewalPolicy(attempts=1),  # between two attempts time passes, and here nobody would turn the clock
            on_event=show_event,
            clock=clock,
        )
        with credentials, httpx.Client(base_url=cognito.api_url, auth=credentials.httpx_auth(cognito.api_url)) as files:
            tour(credentials, cognito, clock, files)


def tour(credentials: CognitoClientCredentials, cognito: FakeCognito, clock: ManualClock, files: httpx.Client) -> None:
    """The steps."""

    def call() -> None:
        status = files.get("/files").status_code
        print(f"  GET /files: {status}; tokens bought so far: {cognito.tokens_issued}")

    def call_while_a_renewal_is_under_way() -> None:
        cognito.gate()
        renewal_over.clear()
        bought = cognito.tokens_issued
        status = files.get("/files").status_code
        print(f"  GET /files: {status}; tokens bought so far: {bought}; a renewal is under way")
        cognito.release()
        renewal_over.wait(5)

    step("The first call fetches a token")
    call()

    step("The next hundred take it from memory")
    for _ in range(99):
        files.get("/files").raise_for_status()
    call()

    step("52 minutes later it is due for renewal: the call does not wait, and goes out with the token in hand")
    clock.advance(52 * 60)
    call_while_a_renewal_is_under_way()
    call()

    step("The API answers 401, because the token was revoked: the hook gets a new one and repeats the request")
    clock.advance(5 * 60)
    cognito.revoke()
    call()

    step("Cognito is down when the next renewal is due: it fails, and calls go on with the token in hand")
    cognito.fail(503)
    clock.advance(52 * 60)
    call_while_a_renewal_is_under_way()
    call()
    print(f"  {credentials.state().freshness.value}, for another {credentials.state().expires_in:.0f} s")

    step("Its life ends before Cognito is back: now calls fail")
    clock.advance(8 * 60)
    try:
        call()
    except httpx.HTTPError as error:
        print(f"  {type(error).__name__}, caught as an httpx.HTTPError")

    step("Cognito is back")
    cognito.recover()
    clock.advance(60)
    call()

    step("A request to another host is refused before a byte leaves")
    try:
        files.get("https://elsewhere.example/files")
    except OriginNotAllowed as refused:
        print(f"  {type(refused).__name__}")

    step("What the credentials say of themselves")
    for name, value in vars(credentials.state()).items():
        print(f"  {name}: {value}")


def step(title: str) -> None:
    """Begin a step."""
    print(f"\n{title}")


def show_event(event: Event) -> None:
    """Print what the library tells of renewals, some of which no caller sees."""
    if event.name in SHOWN:
        print(f"  event: {event.name}" + (f", {event.error}" if event.error else ""))
    if event.name in ("renewal_failed", "renewed"):
        renewal_over.set()


if __name__ == "__main__":
    main()
