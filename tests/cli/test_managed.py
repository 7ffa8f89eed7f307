"""The commands with a secret that Cognito manages, in moto's Secrets Manager."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s2sauth.secret_sources import SourceFailed
from s2sauth.testing import FakeCognito
from tests.cli.conftest import Ran, Run
from tests.support.secrets import Vault, _vault, vault
from tests.support.stores import aws_variables, moto

__all__ = ["_vault", "aws_variables", "moto", "vault"]


@pytest.fixture
def name(bare: pytest.MonkeyPatch, vault: Vault, fake: FakeCognito) -> str:
    """The secret's; the environment has the domain and the secret's ARN."""
    found = vault.create(fake.managed_secret)
    for variable in ("APP_CLIENT_ID", "APP_CLIENT_SECRET"):
        bare.delenv(variable)
    bare.setenv("AWS_ENDPOINT_URL", vault.url)
    bare.setenv("COGNITO_CLIENT_SECRET_ARN", vault.arn(found))
    return found


def said(ran: Ran, name: str) -> tuple[str, str]:
    """Status and words of one check."""
    return next((one["status"], f"{one['found']} {one['advice']}") for one in ran.json["checks"] if one["name"] == name)


def test_token_shows_the_client_that_the_secret_names(run: Run, fake: FakeCognito, name: str, vault: Vault) -> None:
    """And where its id comes from; also with the option."""
    for options in ((), ("--secret-arn", vault.arn(name))):
        ran = run("token", "--json", *options)
        assert ran.code == 0
        assert ran.json["client_id"] == fake.client_id
        assert ran.json["sources"]["client_id"] == "the secret"


@pytest.mark.fault(179)
def test_doctor_recognises_it(run: Run, fake: FakeCognito, name: str, vault: Vault) -> None:
    """Its client, its pool, and when it is rotated."""
    vault.schedule(name)
    vault.put(name, fake.managed_secret)
    ran = run("doctor", "--json")
    assert ran.code == 0
    assert "client_id from the secret" in said(ran, "settings")[1]
    status, words = said(ran, "secret")
    assert status == "pass"
    assert f"is managed by Cognito, for the app client {fake.client_id} in the user pool {fake.user_pool_id}" in words
    status, words = said(ran, "rotation")
    assert status == "pass"
    assert words.startswith("every 7 days, last ")
    assert "next in 6 days at the latest" in words
    assert said(ran, "client_id") == ("pass", f"{fake.client_id} ")
    assert said(ran, "iss")[0] == "pass"


def test_doctor_with_rotation_turned_off(run: Run, name: str) -> None:
    """A warning: Cognito turns it on."""
    ran = run("doctor", "--json")
    assert ran.code == 0
    assert said(ran, "rotation")[0] == "warn"
    assert "is turned off in Secrets Manager" in said(ran, "rotation")[1]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"RotationRules": {"ScheduleExpression": "rate(10 days)"}}, "pass", "rate(10 days) "),
        ({"RotationRules": None}, "pass", "is on "),
        ({"NextRotationDate": -timedelta(days=3, hours=1)}, "warn", "is on; it was due 3 days ago It has failed"),
        ({"LastRotatedDate": -timedelta(days=3, hours=1)}, "pass", "is on, last 3 days ago "),
    ],
    ids=["schedule", "nothing known", "overdue", "last"],
)
def test_doctor_with_other_schedules(
    run: Run,
    name: str,
    vault: Vault,
    bare: pytest.MonkeyPatch,
    answer: dict[str, Any],
    status: str,
    words: str,
) -> None:
    """As far as Secrets Manager says them. Moto cannot be told all of these, so its answer is replaced."""
    now = datetime.now(UTC)
    given = {key: now + value if isinstance(value, timedelta) else value for key, value in answer.items()}
    bare.setattr("s2sauth.secret_sources.aws.describe", lambda _: {"RotationEnabled": True, **given})
    found, text = said(run("doctor", "--json"), "rotation")
    assert found == status
    assert text.startswith(words)


def test_doctor_may_not_describe_the_secret(run: Run, name: str, bare: pytest.MonkeyPatch) -> None:
    """A right that only this check needs."""

    def refused(_: object) -> None:
        raise SourceFailed("AccessDeniedException")

    bare.setattr("s2sauth.secret_sources.aws.describe", refused)
    ran = run("doctor", "--json")
    assert ran.code == 0
    assert said(ran, "rotation")[0] == "skip"
    assert "AccessDeniedException" in said(ran, "rotation")[1]


@pytest.mark.fault(179)
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"userPoolClientId": "another"}, "belongs to the app client another, but these credentials are for"),
        ({"clientSecretValue": 7}, "key clientSecretValue: is of type int, not a string"),
    ],
    ids=["another client's", "no secret"],
)
def test_doctor_with_a_wrong_one(
    run: Run,
    fake: FakeCognito,
    name: str,
    vault: Vault,
    bare: pytest.MonkeyPatch,
    members: dict[str, object],
    words: str,
) -> None:
    """It says what is wrong before any token is asked for."""
    bare.setenv("APP_CLIENT_ID", fake.client_id)
    vault.put(name, json.dumps({**json.loads(fake.managed_secret), **members}))
    ran = run("doctor", "--json")
    assert ran.code == 2
    assert said(ran, "secret")[0] == "fail"
    assert words in said(ran, "secret")[1]
    assert said(ran, "token")[0] == "skip"
    assert fake.tokens_issued == 0


def test_doctor_without_a_client_id_anywhere(run: Run, fake: FakeCognito, name: str, vault: Vault) -> None:
    """The secret is a plain text."""
    vault.put(name, fake.client_secret)
    ran = run("doctor", "--json")
    assert ran.code == 2
    assert "client_id: is not given, and the secret arn:aws:" in said(ran, "secret")[1]


def test_doctor_with_a_token_of_another_pool(run: Run, fake: FakeCognito, name: str, vault: Vault) -> None:
    """A warning, since both are Cognito's words."""
    members = {**json.loads(fake.managed_secret), "userPoolId": "eu-west-1_Another12"}
    vault.put(name, json.dumps(members))
    status, words = said(run("doctor", "--json"), "iss")
    assert status == "warn"
    assert "and the secret names the user pool eu-west-1_Another12" in words


def test_doctor_with_a_file_of_it(run: Run, fake: FakeCognito, name: str, tmp_path: Path) -> None:
    """Nobody there to ask about its rotation; without the pool, none is shown."""
    path = tmp_path / "secret"
    members = json.loads(fake.managed_secret)
    del members["userPoolId"]
    path.write_text(json.dumps(members), encoding="utf-8")
    ran = run("doctor", "--json", "--secret-file", str(path), "--client-id", fake.client_id)
    assert ran.code == 0
    assert said(ran, "secret") == ("pass", f"is managed by Cognito, for the app client {fake.client_id} ")
    assert "rotation" not in [check["name"] for check in ran.json["checks"]]
