"""The token endpoint as Cognito's: what it takes, what it refuses, and how its answers look."""

import base64
import json
from email.utils import parsedate_to_datetime

import pytest

from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import claims

GRANT = {"grant_type": "client_credentials"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_an_answer_looks_like_cognitos(ask):
    """Three members, no scope, a request id, a date, no caching, a cookie that nobody should keep."""
    with FakeCognito(clock=ManualClock(wall=1_800_000_000.75)) as fake:
        response = ask(fake)
    assert response.status_code == 200
    assert {key: value for key, value in response.json().items() if key != "access_token"} == {
        "expires_in": 3600,
        "token_type": "Bearer",
    }
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    assert response.headers["x-amz-cognito-request-id"]
    assert response.headers["set-cookie"].startswith("XSRF-TOKEN=")
    assert "no-store" in response.headers["cache-control"]
    assert parsedate_to_datetime(response.headers["date"]).timestamp() == 1_800_000_000


def test_a_token_is_a_jwt_with_the_claims_of_a_machine(ask):
    """RS256 and a key id in the head; whole seconds; every token unique."""
    with FakeCognito(clock=ManualClock(wall=1_800_000_000.75), expires_in=300) as fake:
        first, second = ask(fake, scope="demo/read.file"), ask(fake, scope="demo/read.file")
    head = json.loads(base64.urlsafe_b64decode(first.json()["access_token"].split(".")[0] + "=="))
    assert head["alg"] == "RS256"
    assert head["kid"]
    found = claims(first.json()["access_token"])
    assert found.pop("iss").startswith("https://cognito-idp.")
    assert found.pop("jti") != claims(second.json()["access_token"])["jti"]
    assert found == {
        "sub": fake.client_id,
        "client_id": fake.client_id,
        "token_use": "access",
        "version": 2,
        "scope": "demo/read.file",
        "iat": 1_800_000_000,
        "auth_time": 1_800_000_000,
        "exp": 1_800_000_300,
    }
    assert first.json()["access_token"] != second.json()["access_token"]
    assert fake.tokens_issued == 2


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param({}, "demo/read.file demo/write.file", id="none-is-all"),
        pytest.param({"scope": ""}, "demo/read.file demo/write.file", id="empty-is-omitted"),
        pytest.param({"scope": "demo/write.file"}, "demo/write.file", id="one"),
        pytest.param({"scope": "demo/write.file demo/read.file"}, "demo/read.file demo/write.file", id="both"),
    ],
)
def test_scopes_granted_are_those_asked_for(fake, ask, asked, granted):
    """Without a scope parameter all scopes of the app client are."""
    assert claims(ask(fake, **asked).json()["access_token"])["scope"] == granted


def sends(**changes):
    """The keyword arguments of a POST that is right but for the changes."""

    def arguments(fake):
        right = {"data": dict(GRANT), "headers": basic(fake.client_id, fake.client_secret)}
        return {**right, **{key: change(fake) for key, change in changes.items()}}

    return arguments


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(sends(), id="basic"),
        pytest.param(sends(data=lambda fake: {**GRANT, "client_id": fake.client_id}), id="basic-and-client-id"),
        pytest.param(
            sends(
                data=lambda fake: {**GRANT, "client_id": fake.client_id, "client_secret": fake.client_secret},
                headers=lambda fake: {},
            ),
            id="body",
        ),
        pytest.param(
            sends(
                data=lambda fake: {},
                params=lambda fake: {**GRANT, "scope": "demo/read.file"},
                headers=lambda fake: {**basic(fake.client_id, fake.client_secret), "Content-Type": FORM},
            ),
            id="parameters-in-the-query",
        ),
        pytest.param(
            sends(
                headers=lambda fake: {
                    **basic(fake.client_id, fake.client_secret),
                    "content-type": "Application/X-WWW-form-urlencoded; charset=UTF-8",
                }
            ),
            id="charset",
        ),
    ],
)
def test_a_proper_request_gets_a_token(fake, client, arguments):
    """By Basic or in the body, in the query too but for the secret."""
    assert client.post(fake.token_url, **arguments(fake)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(sends(headers=lambda f: {}), "invalid_client", id="no-credentials"),
        pytest.param(sends(headers=lambda f: basic(f.client_id, "x")), "invalid_client", id="wrong-secret"),
        pytest.param(sends(headers=lambda f: basic("x", f.client_secret)), "invalid_client", id="wrong-id"),
        pytest.param(sends(headers=lambda f: {"Authorization": "Basic !"}), "invalid_client", id="no-base64"),
        pytest.param(sends(headers=lambda f: {"Authorization": "Basic /w=="}), "invalid_client", id="no-utf-8"),
        pytest.param(sends(headers=lambda f: {"Authorization": "Bearer YQ=="}), "invalid_client", id="no-basic"),
        pytest.param(
            sends(data=lambda f: {**GRANT, "client_secret": f.client_secret}), "invalid_request", id="secret-twice"
        ),
        pytest.param(sends(data=lambda f: {**GRANT, "client_id": "other"}), "invalid_request", id="two-ids"),
        pytest.param(
            sends(headers=lambda f: [*basic(f.client_id, f.client_secret).items()] * 2),
            "invalid_request",
            id="two-headers",
        ),
        pytest.param(
            sends(
                headers=lambda f: {},
                data=lambda f: {**GRANT, "client_id": f.client_id},
                params=lambda f: {"client_secret": f.client_secret},
            ),
            "invalid_request",
            id="secret-in-the-query",
            marks=pytest.mark.shows_the_value("httpx logs the URL, which here holds the secret"),
        ),
        pytest.param(sends(data=lambda f: {"scope": "demo/read.file"}), "invalid_request", id="no-grant-type"),
        pytest.param(
            sends(data=lambda f: {"grant_type": ["client_credentials"] * 2}), "invalid_request", id="repeated-parameter"
        ),
        pytest.param(sends(data=lambda f: {"grant_type": "password"}), "unsupported_grant_type", id="grant-type"),
        pytest.param(sends(data=lambda f: {**GRANT, "scope": "demo/x"}), "invalid_scope", id="unknown-scope"),
        pytest.param(
            sends(data=lambda f: {**GRANT, "scope": "demo/read.file  demo/write.file"}),
            "invalid_scope",
            id="two-blanks",
        ),
    ],
)
def test_a_refusal_is_400_with_the_error_and_no_more(fake, client, arguments, error):
    """Never 401, and without a description."""
    response = client.post(fake.token_url, **arguments(fake))
    assert (response.status_code, response.json()) == (400, {"error": error})
    assert response.headers["x-amz-cognito-request-id"]
    assert fake.tokens_issued == 0


def test_a_body_that_is_no_text_is_an_invalid_request(fake, client):
    """RFC 6749 Appendix B: parameters are UTF-8."""
    response = client.post(fake.token_url, content=b"\xff", headers={"Content-Type": FORM})
    assert response.json() == {"error": "invalid_request"}


@pytest.mark.parametrize(
    ("method", "content_type"), [("POST", "application/json"), ("POST", None), ("POST", f'"{FORM}"'), ("GET", FORM)]
)
def test_what_is_no_posted_form_gets_an_empty_405(fake, client, method, content_type):
    """As reported of Cognito."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = client.request(method, fake.token_url, content=b"grant_type=client_credentials", headers=headers)
    assert (response.status_code, response.content) == (405, b"")


def test_another_path_is_not_found(fake, client):
    """There is just the one endpoint."""
    assert client.post(fake.domain + "/oauth2/authorize").status_code == 404


def test_made_up_credentials_have_the_form_of_cognitos_and_given_ones_are_kept():
    """An id of 26 characters, a secret of 24 to 64, all of [A-Za-z0-9_]."""
    made_up = FakeCognito()
    assert len(made_up.client_id) == 26
    assert 24 <= len(made_up.client_secret) <= 64
    assert (made_up.client_id + made_up.client_secret).isalnum()
    given = FakeCognito(client_id="id", client_secret="se+cret")
    assert (given.client_id, given.client_secret) == ("id", "se+cret")


def test_requests_beyond_the_rate_get_429(ask):
    """A window of one second slides along; what is refused does not count."""
    with FakeCognito(rate_limit=2) as fake:
        assert [ask(fake).status_code for _ in range(4)] == [200, 200, 429, 429]
        fake.set_rate_limit(0, body=b"slow down", headers=[("Retry-After", "2")])
        response = ask(fake)
        assert (response.status_code, response.text, response.headers["retry-after"]) == (429, "slow down", "2")
        fake.set_rate_limit(None)
        assert ask(fake).status_code == 200
