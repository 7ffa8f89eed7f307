"""What becomes of tokens and secrets: lives, clocks, claims, revocation, rotation."""

import pytest

from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import claims


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=1_800_000_000.5)


@pytest.fixture
def fake(clock):
    with FakeCognito(clock=clock) as running:
        yield running


@pytest.fixture
def token(fake, ask):
    """A new token, and what came with it."""

    def token(**form: str) -> str:
        return ask(fake, **form).json()["access_token"]

    return token


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, 0.5), (2, 2), (2.0, 2), (-1, -1)])
def test_set_expires_in_holds_for_the_next_tokens(fake, ask, seconds, expected):
    """Whole numbers are sent as integers; nonsense is sent as it is."""
    fake.set_expires_in(seconds)
    answer = ask(fake).json()
    assert answer["expires_in"] == expected
    assert isinstance(answer["expires_in"], type(expected))
    found = claims(answer["access_token"])
    assert found["exp"] - found["iat"] == expected


def test_a_token_dies_on_the_last_tick_of_its_life(fake, clock, token, call):
    """To the fraction of a second; the API says that it has expired, and the record says that it came dead."""
    fake.set_expires_in(300)
    value = token()
    clock.advance(299.75)
    assert call(fake, value).status_code == 200
    clock.advance(0.25)
    response = call(fake, value)
    assert (response.status_code, response.json()) == (401, {"message": "The incoming token has expired"})
    assert response.headers["x-amzn-errortype"] == "UnauthorizedException"
    assert [record.dead for record in fake.api_requests] == [False, True]
    assert fake.counts()["api_dead"] == 1


def test_clock_offset_shifts_all_that_the_server_says_about_time(fake, ask, call):
    """Date, iat and exp move together, so the token lives as long as before."""
    fake.set_clock_offset(-600)
    response = ask(fake)
    found = claims(response.json()["access_token"])
    assert (found["iat"], found["exp"]) == (1_799_999_400, 1_800_003_000)
    assert response.headers["date"].endswith("07:50:00 GMT")
    assert call(fake, response.json()["access_token"]).status_code == 200
    assert fake.token_requests[0].at == 1_800_000_000.5


def test_revoked_tokens_are_unauthorized_and_later_ones_are_not(fake, token, call):
    """One of them, or all so far."""
    first, second = token(), token()
    fake.revoke(first)
    assert [call(fake, value).status_code for value in (first, second)] == [401, 200]
    fake.revoke()
    response = call(fake, second)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    assert call(fake, token()).status_code == 200


def test_revoking_a_foreign_token_is_an_error(fake):
    """It would do nothing, and the test that wants it would not notice."""
    with pytest.raises(LookupError):
        fake.revoke("foreign")


def test_rotating_the_secret_refuses_the_old_one(fake, ask, client):
    """Unless it is kept beside the new one; there are never more than two."""
    old = fake.client_secret
    assert fake.rotate_secret("new" * 10) == fake.client_secret == fake.environ["APP_CLIENT_SECRET"] == "new" * 10

    def status(secret: str) -> int:
        form = {"grant_type": "client_credentials"}
        return client.post(fake.token_url, data=form, auth=(fake.client_id, secret)).status_code

    assert (status(old), status("new" * 10)) == (400, 200)
    newest = fake.rotate_secret(keep_old=True)
    assert (status("new" * 10), status(newest)) == (200, 200)
    fake.rotate_secret(keep_old=True)
    assert (status("new" * 10), status(newest)) == (400, 200)
    fake.rotate_secret()
    assert status(newest) == 400


def test_claims_can_be_another_clients(fake, token, call):
    """The API goes by what was issued."""
    fake.set_claims({"client_id": "other", "exp": 1})
    value = token()
    assert (claims(value)["client_id"], claims(value)["exp"]) == ("other", 1)
    assert call(fake, value).status_code == 200
    fake.set_claims({})
    assert claims(token())["client_id"] == fake.client_id


def test_scopes_can_be_dropped_without_a_word(fake, token, call):
    """The token shows it, and so does the API."""
    fake.narrow_scopes(["demo/write.file"])
    value = token(scope="demo/read.file demo/write.file")
    assert claims(value)["scope"] == "demo/write.file"
    assert call(fake, value).status_code == 401
    fake.narrow_scopes(None)
    assert call(fake, token()).status_code == 200


def test_expires_in_can_be_missing(fake, ask):
    """RFC 6749 5.1 only recommends it."""
    fake.omit_expires_in()
    assert set(ask(fake).json()) == {"access_token", "token_type"}
    fake.omit_expires_in(False)
    assert "expires_in" in ask(fake).json()


def test_the_date_can_be_missing(fake, ask):
    """As behind a proxy that drops it."""
    fake.omit_date()
    assert "date" not in ask(fake).headers
    fake.recover()
    assert "date" in ask(fake).headers


def test_repeated_tokens_are_the_latest_of_the_same_scopes_with_a_full_life(fake, clock, ask):
    """As from a caching proxy, which makes none itself."""
    before = ask(fake).json()
    fake.repeat_tokens()
    clock.advance(600)
    assert ask(fake).json() == before
    narrow = ask(fake, scope="demo/read.file").json()
    assert narrow["access_token"] != before["access_token"]
    assert ask(fake, scope="demo/read.file").json() == narrow
    assert fake.tokens_issued == 2
    fake.repeat_tokens(False)
    assert ask(fake).json() != before


def test_recover_issues_proper_tokens_again(fake, ask):
    """Whatever had been set about them."""
    fake.set_claims({"client_id": "other"})
    fake.narrow_scopes([])
    fake.omit_expires_in()
    fake.repeat_tokens()
    ask(fake)
    fake.recover()
    first, second = ask(fake).json(), ask(fake).json()
    found = claims(first["access_token"])
    assert (found["client_id"], found["scope"]) == (fake.client_id, "demo/read.file demo/write.file")
    assert first["expires_in"] == 3600
    assert first != second
