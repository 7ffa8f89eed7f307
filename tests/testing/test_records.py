"""What was noted about requests, and that it gives away nothing when printed."""

import pickle

import pytest


def test_a_token_request_is_recorded_as_it_came(fake, client):
    """Headers in their order and case, the body whole, the status that was answered."""
    client.post(
        fake.token_url + "?a=b", data={"grant_type": "x", "scope": ""}, headers=[("X-Case", "1"), ("x-case", "2")]
    )
    (record,) = fake.token_requests
    assert (record.method, record.path, record.status) == ("POST", "/oauth2/token?a=b", 400)
    assert record.body == b"grant_type=x&scope="
    assert record.form == {"grant_type": "x", "scope": ""}
    assert [pair for pair in record.headers if pair[0].lower() == "x-case"] == [("X-Case", "1"), ("x-case", "2")]
    assert (record.header("X-CASE"), record.header("absent")) == ("1", None)
    assert pickle.loads(pickle.dumps(record)) == record


def test_a_token_request_names_the_token_that_it_got_by_id(fake, ask, call):
    """The one that the API sees later; None for a refusal and for an answer that a test made up."""
    call(fake, ask(fake).json()["access_token"])
    fake.fail(503)
    ask(fake)
    good, bad = fake.token_requests
    assert good.token_id == fake.api_requests[0].token_id
    assert bad.token_id is None


def test_an_api_request_names_its_token_by_id(fake, ask, call):
    """The jti of one issued here, None for any other."""
    call(fake, ask(fake).json()["access_token"])
    call(fake, "unknown")
    good, bad = fake.api_requests
    assert len(good.token_id) == 36
    assert bad.token_id is None
    assert not good.dead
    assert not bad.dead
    assert pickle.loads(pickle.dumps(good)) == good


@pytest.mark.shows_the_value("httpx logs the URL, which here holds the token")
def test_repr_of_a_record_never_shows_token_or_secret(fake, ask, call):
    """Neither from headers nor from the query."""
    token = ask(fake).json()["access_token"]
    call(fake, token, f"/files?token={token}")
    text = repr(fake.token_requests) + repr(fake.api_requests) + repr(fake)
    assert token not in text
    assert fake.client_secret not in text
    assert "<ApiRequest: GET /files answered 200>" in text


def test_counts_sum_up_and_clear_records_starts_over(fake, ask, call):
    """Tokens stay good, and stay counted."""
    token = ask(fake).json()["access_token"]
    call(fake, token)
    call(fake, "unknown")
    fake.wait_for_api_requests(2)
    assert fake.counts() == {
        "token_requests": 1,
        "tokens_issued": 1,
        "token_connections": 1,
        "api_requests": 2,
        "api_401": 1,
        "api_dead": 0,
        "api_connections": 1,
    }
    fake.clear_records()
    assert (fake.token_requests, fake.api_requests) == ([], [])
    assert fake.counts()["tokens_issued"] == 1
    assert call(fake, token).status_code == 200
