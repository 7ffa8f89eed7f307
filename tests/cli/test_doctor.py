"""`s2sauth doctor`."""

from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from s2sauth.testing import FakeCognito
from tests.cli.conftest import Ran, Run
from tests.support.tls import authority, server_context


@pytest.fixture
def trusted(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    """The private CA, as a company's would be."""
    path = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    bare.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def secure(bare: pytest.MonkeyPatch) -> Iterator[FakeCognito]:
    """One that speaks TLS."""
    with FakeCognito(ssl_context=server_context()) as cognito:
        for name, value in cognito.environ.items():
            bare.setenv(name, value)
        yield cognito


def statuses(ran: Ran) -> dict[str, str]:
    """Check -> status."""
    return {check["name"]: check["status"] for check in ran.json["checks"]}


def found(ran: Ran, name: str) -> str:
    """What one check found, and its advice."""
    return next(f"{check['found']} {check['advice']}" for check in ran.json["checks"] if check["name"] == name)


@pytest.mark.usefixtures("trusted")
def test_all_is_well(run: Run, secure: FakeCognito) -> None:
    """Every check passes, over TLS, for a single token."""
    ran = run("doctor", f"{secure.api_url}/files", "--json")
    assert ran.code == 0
    assert set(statuses(ran).values()) == {"pass"}
    assert list(statuses(ran)) == [
        "settings", "secret", "dns", "tls", "clock", "token", "scopes", "client_id", "token_use", "iss",
        "api dns", "api tls", "api",
    ]  # fmt: skip
    assert secure.tokens_issued == 1


def test_certificate_that_is_not_trusted(run: Run, secure: FakeCognito) -> None:
    """Nothing is asked of such a server, not even the time."""
    ran = run("doctor", "--json")
    assert ran.code == 3
    assert statuses(ran) == {"settings": "pass", "secret": "pass", "dns": "pass", "tls": "fail", "token": "skip"}
    assert "SSL_CERT_FILE" in found(ran, "tls")
    assert secure.token_requests == []


@pytest.mark.parametrize("url", ["https://¡.example/", "https://xn--a.example/"])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
@pytest.mark.usefixtures("fake", "offline")
def test_a_host_that_is_none_to_httpx(url: str, proxy: str | None, run: Run, bare: pytest.MonkeyPatch) -> None:
    """It fails like one that does not resolve."""
    if proxy is not None:
        bare.setenv("HTTPS_PROXY", proxy)
    ran = run("doctor", "--json", "--token-url", url, url)
    assert ran.code == 3
    assert (statuses(ran)["dns"], statuses(ran)["api dns"]) == ("fail", "fail")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificate_that_is_not_trusted_by_a_variable(
    variable: str, run: Run, secure: FakeCognito, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable is named; httpx reads SSL_CERT_DIR without complaint, whatever is there."""
    place = certifi.where() if variable == "SSL_CERT_FILE" else str(tmp_path)
    bare.setenv(variable, place)
    ran = run("doctor", "--json")
    assert ran.code == 3
    assert f"{variable} is set" in found(ran, "tls")


def test_ca_file_that_is_not_there(run: Run, secure: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """A setting is wrong, not the network."""
    bare.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    ran = run("doctor", "--json")
    assert ran.code == 2
    assert "SSL_CERT_FILE: the CA certificates that it names cannot be read" in found(ran, "tls")
    assert secure.token_requests == []


def test_ca_file_that_is_not_there_beside_plain_http(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """What does not need it is looked at all the same."""
    bare.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    ran = run("doctor", "--json")
    assert ran.code == 2
    assert (statuses(ran)["tls"], statuses(ran)["clock"], statuses(ran)["token"]) == ("pass", "skip", "fail")
    assert "SSL_CERT_FILE" in found(ran, "token")


def test_for_people(run: Run, fake: FakeCognito) -> None:
    """A line for each check, what to do beneath; plain http is a warning and no failure, on loopback not even that."""
    ran = run("doctor", "--allow-http", fake.api_url.replace("127.0.0.1", "0.0.0.0"))
    assert ran.code == 0
    assert "pass  settings   domain from COGNITO_DOMAIN, client_id from APP_CLIENT_ID" in ran.out
    assert "pass  tls " in ran.out
    assert "warn  api tls " in ran.out
    assert f"pass  client_id  {fake.client_id}" in ran.out


def test_settings_that_are_missing(run: Run, bare: pytest.MonkeyPatch) -> None:
    """All of them are named; the API is looked at all the same."""
    bare.setenv("X_COGNITO_DOMAIN", "auth.example.com")
    ran = run("doctor", "--prefix", "X_", "http://127.0.0.1:1/", "--json")
    assert ran.code == 2
    assert statuses(ran) == {"settings": "fail", "token": "skip", "api dns": "pass", "api tls": "fail"}
    assert "X_APP_CLIENT_ID" in found(ran, "settings")
    ran = run("doctor", "--prefix", "X_")
    assert "\n                 X_APP_CLIENT_SECRET or " in ran.out


def test_url_that_is_none(run: Run) -> None:
    """The command line is wrong: no check."""
    ran = run("doctor", "files.example.com")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("s2sauth: URL: needs https:// before the host; give it whole")


@pytest.mark.usefixtures("fake")
def test_url_that_the_token_may_not_go_to(run: Run) -> None:
    """One check of many, in the command line's words."""
    ran = run("doctor", "http://api.invalid/", "--json")
    assert "(--allow-http where that is fine)" in found(ran, "api")


@pytest.mark.usefixtures("fake")
def test_host_that_does_not_resolve(run: Run) -> None:
    """The rest waits for it."""
    ran = run("doctor", "--json", "--domain", "nowhere.invalid", "http://127.0.0.1:1/")
    assert ran.code == 3
    assert (statuses(ran)["dns"], statuses(ran)["token"], statuses(ran)["api dns"]) == ("fail", "skip", "pass")
    assert "api" not in statuses(ran)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ("short", "warn", 1),
        ("{secret}\n", "warn", 0),
        ("with blanks in it", "fail", 2),
        (None, "fail", 3),
    ],
)
def test_secret(
    content: str | None, status: str, code: int, run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of an unusual length, with a line break, impossible, not to be read."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content.replace("{secret}", fake.client_secret), encoding="utf-8")
    bare.delenv("APP_CLIENT_SECRET")
    ran = run("doctor", "--json", "--secret-file", str(path))
    assert (statuses(ran)["secret"], ran.code) == (status, code)
    assert "short" not in ran.out
    if content is None:
        assert f"the secret file {path} cannot be read: FileNotFoundError" in found(ran, "secret")


def test_token_of_others(run: Run, fake: FakeCognito) -> None:
    """Each claim is held against what was asked for."""
    fake.narrow_scopes(["demo/read.file"])
    fake.set_claims({"client_id": "other", "token_use": "id", "iss": "nobody"})
    ran = run("doctor", "--json")
    assert ran.code == 1
    assert {name: status for name, status in statuses(ran).items() if status != "pass"} == {
        "scopes": "fail",
        "client_id": "fail",
        "token_use": "fail",
        "iss": "warn",
    }
    assert "demo/write.file" in found(ran, "scopes")


@pytest.mark.parametrize(
    ("region", "issuer", "status"),
    [
        ("eu-central-1", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex4mpl3Ab", "pass"),
        ("eu-west-1", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex4mpl3Ab", "warn"),
        ("eu-west-1", "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex4mpl3Ab", "warn"),
        ("eu-west-1", "https://eu-central-1.example.com/another-server", "pass"),
        (None, "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex4mpl3Ab", "pass"),
    ],
)
def test_issuer_of_another_region(region: str | None, issuer: str, status: str, run: Run, fake: FakeCognito) -> None:
    """An address of no Region is compared with the one given, if there is one."""
    fake.set_claims({"iss": issuer})
    ran = run("doctor", "--json", *([] if region is None else ["--region", region]))
    assert statuses(ran)["iss"] == status
    if status == "warn":
        assert "of eu-central-1 and not of eu-west-1 Another Region's user pool" in found(ran, "iss")


def test_token_without_scopes(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """None asked for, none had."""
    bare.delenv("COGNITO_SCOPES")
    fake.narrow_scopes([])
    assert statuses(run("doctor", "--json"))["scopes"] == "warn"


def test_opaque_token(run: Run, fake: FakeCognito) -> None:
    """Nothing to compare."""
    fake.answer_json({"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600})
    assert statuses(run("doctor", "--json"))["claims"] == "warn"


@pytest.mark.parametrize(
    ("offset", "status", "text"),
    [(-60, "warn", "ahead of"), (60, "warn", "behind"), (3600, "fail", "behind"), (4, "pass", "within")],
)
def test_clock(offset: float, status: str, text: str, run: Run, fake: FakeCognito) -> None:
    """Seconds are fine, minutes a warning, more a failure."""
    fake.set_clock_offset(offset)
    ran = run("doctor", "--json")
    assert statuses(ran)["clock"] == status
    assert text in found(ran, "clock")


def test_server_that_does_not_say_the_time(run: Run, fake: FakeCognito) -> None:
    """The check is skipped, the others are not."""
    fake.omit_date()
    ran = run("doctor", "--json")
    assert statuses(ran)["clock"] == "skip"
    assert ran.code == 0


@pytest.mark.parametrize(
    ("status", "verdict", "code"), [(200, "pass", 0), (404, "warn", 0), (403, "fail", 1), (503, "fail", 1)]
)
def test_api(status: int, verdict: str, code: int, run: Run, fake: FakeCognito) -> None:
    """By the status of its answer."""
    fake.api_answer(status)
    ran = run("doctor", "--json", fake.api_url)
    assert (statuses(ran)["api"], ran.code) == (verdict, code)


@pytest.mark.fault(188)
@pytest.mark.parametrize(
    ("status", "verdict", "advice"),
    [
        (404, "warn", "check path and method"),
        (503, "fail", "look at its log"),
        (403, "fail", "resource policy or AWS WAF"),
    ],
)
def test_api_that_refuses_in_its_own_way(status: int, verdict: str, advice: str, run: Run, fake: FakeCognito) -> None:
    """Not as API Gateway does: the status is all there is."""
    fake.api_answer(status, body=b"no", headers=[("x-amzn-ErrorType", "")])
    ran = run("doctor", "--json", fake.api_url)
    assert statuses(ran)["api"] == verdict
    assert advice in found(ran, "api")


@pytest.mark.usefixtures("fake")
def test_api_that_is_down(run: Run) -> None:
    """Looked at after the token, which is fine."""
    ran = run("doctor", "--json", "http://127.0.0.1:1/")
    assert ran.code == 3
    assert (statuses(ran)["token"], statuses(ran)["api"]) == ("pass", "fail")
