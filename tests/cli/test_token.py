"""`s2sauth token` and `s2sauth claims`."""

import sys
from pathlib import Path

import pytest

from s2sauth.testing import FakeCognito
from tests.cli.conftest import Run


def test_token_shows_what_it_is_and_not_its_value(run: Run, fake: FakeCognito) -> None:
    """Scopes, life, client, and where each setting came from."""
    ran = run("token")
    assert ran.code == 0
    assert "demo/read.file demo/write.file" in ran.out
    assert f"{fake.client_id} at {fake.token_url}" in ran.out
    assert "  client_secret  APP_CLIENT_SECRET" in ran.out


def test_token_as_json(run: Run, fake: FakeCognito) -> None:
    """The same; an option wins over its variable."""
    document = run("token", "--json", "--scope", "demo/read.file").json
    assert document["scopes"] == ["demo/read.file"]
    assert 3590 < document["expires_in"] <= 3600
    assert document["sources"] == {
        "scopes": "--scope",
        "domain": "COGNITO_DOMAIN",
        "client_id": "APP_CLIENT_ID",
        "client_secret": "APP_CLIENT_SECRET",
    }
    assert fake.token_requests[0].form["scope"] == "demo/read.file"


@pytest.mark.fault(200)
def test_scopes_may_be_in_one_option_or_in_several(run: Run, fake: FakeCognito) -> None:
    """As with the constructor; an empty one is an error."""
    both = ["demo/read.file", "demo/write.file"]
    assert run("token", "--json", "--scope", " ".join(both)).json["scopes"] == both
    assert run("token", "--json", "--scope", both[0], "--scope", both[1]).json["scopes"] == both
    assert [request.form["scope"] for request in fake.token_requests] == [" ".join(both)] * 2
    ran = run("token", "--scope", "")
    assert (ran.code, len(fake.token_requests)) == (2, 2)
    assert "item 1 is empty" in ran.err


@pytest.mark.fault(175)
def test_scope_in_the_singular_region_and_api_are_sources(
    run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch
) -> None:
    """Each is named like the others, whether it is an option or a variable."""
    bare.delenv("COGNITO_DOMAIN")
    bare.delenv("COGNITO_SCOPES")
    bare.setenv("COGNITO_SCOPE", "demo/read.file")
    bare.setenv("COGNITO_REGION", "eu-central-1")
    bare.setenv("COGNITO_TOKEN_URL", fake.domain)
    sources = run("token", "--json", "--api", "get_client_token").json["sources"]
    assert sources == {
        "api": "--api",
        "token_url": "COGNITO_TOKEN_URL",
        "region": "COGNITO_REGION",
        "client_id": "APP_CLIENT_ID",
        "client_secret": "APP_CLIENT_SECRET",
        "scopes": "COGNITO_SCOPE",
    }
    bare.setenv("COGNITO_API", "get_client_token")
    assert run("token", "--json").json["sources"]["api"] == "COGNITO_API"
    assert run("token", "--json", "--region", "eu-west-1").json["sources"]["region"] == "--region"


@pytest.mark.usefixtures("fake")
def test_an_api_that_there_is_not_is_refused(run: Run) -> None:
    """With the two that there are."""
    ran = run("token", "--api", "sigv4")
    assert (ran.code, ran.out) == (2, "")
    assert 'api: is neither of the two; use "oauth2" or "get_client_token"' in ran.err


@pytest.mark.shows_the_value("--raw is for that")
def test_raw_writes_the_token_alone(run: Run, fake: FakeCognito) -> None:
    """For `$(s2sauth token --raw)`; with --json it is one more member."""
    out = run("token", "--raw").out
    assert len(out.strip().split(".")) == 3
    assert out.endswith("\n")
    assert fake.tokens_issued == 1
    assert run("token", "--raw", "--json").json["access_token"].count(".") == 2


def test_an_opaque_token_without_scopes(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """Nobody knows its scopes, and there are no claims to show."""
    bare.delenv("COGNITO_SCOPES")
    fake.answer_json({"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600})
    assert run("token", "--json").json["scopes"] is None
    ran = run("claims", "--json")
    assert ran.code == 1
    assert ran.json["error"]["type"] == "CommandFailed"
    assert "no JWT" in ran.err


def test_secret_from_a_file(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Named by an option or by a variable, the source says which."""
    path = tmp_path / "secret"
    path.write_text(fake.client_secret, encoding="utf-8")
    bare.delenv("APP_CLIENT_SECRET")
    assert run("token", "--json", "--secret-file", str(path)).json["sources"]["client_secret"] == "--secret-file"
    bare.setenv("COGNITO_CLIENT_SECRET_FILE", str(path))
    assert run("token", "--json").json["sources"]["client_secret"] == "COGNITO_CLIENT_SECRET_FILE"


@pytest.mark.usefixtures("fake")
def test_secret_arn_that_is_none(run: Run) -> None:
    """A wrong ARN is a wrong setting."""
    ran = run("token", "--secret-arn", "arn:aws:s3:::bucket")
    assert (ran.code, ran.out) == (2, "")
    assert "is no ARN of a secret" in ran.err


def test_secret_arn_is_read_from_aws(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """An ARN of a place that cannot be reached: the token cannot be had now."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        bare.setenv(name, value)
    arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/client"
    assert run("token", "--json", "--secret-arn", arn).code == 3
    assert fake.token_requests == []


def test_secret_arn_without_boto3(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """The extra that is missing is named, by every command."""
    bare.setitem(sys.modules, "boto3.session", None)
    arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/client"
    ran = run("token", "--secret-arn", arn)
    assert (ran.code, ran.out) == (2, "")
    assert "pip install 's2sauth[aws]'" in ran.err
    assert "s2sauth[aws]" in run("doctor", "--secret-arn", arn).out
    assert fake.token_requests == []


def test_claims_with_times_in_words(run: Run, fake: FakeCognito) -> None:
    """Each as it is; times in words as well; what is no plain text as JSON."""
    fake.set_claims({"x": "\x1b[31m", "y\n": [1]})
    out = run("claims").out
    assert "client_id  " + fake.client_id in out
    assert ", in 59 minutes" in out or ", in 1 hour" in out
    assert '"\\u001b[31m"' in out
    assert "y\\n" in out
    document = run("claims", "--json").json
    assert document["claims"]["x"] == "\x1b[31m"
    assert set(document["times"]) == {"auth_time", "exp", "iat"}


def test_a_token_is_asked_for_once(run: Run, fake: FakeCognito) -> None:
    """Each command costs one token."""
    run("claims")
    assert fake.tokens_issued == 1
