"""docs/cli.md shows what the commands write, and the exit codes there are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2sauth.testing import FakeCognito
from tests.cli.conftest import Run
from tests.support.secrets import Vault, _vault, vault
from tests.support.stores import aws_variables, moto
from tests.support.tls import authority, server_context

__all__ = ["_vault", "aws_variables", "moto", "vault"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
BLOCKS = re.findall(
    r"```console\n\$ (?:([A-Z_]+=\S+) )?s2sauth (.+)\n((?:.*\n)*?)```", PAGE.read_text(encoding="utf-8")
)
CLIENT = "1h57kf5cpq17m0eml12example"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files-AbCdEf"
COGNITO, FILES = "demo.auth.eu-central-1.amazoncognito.com", "files.example.com"

BLURRED = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "WHEN",
    r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT": "WHEN",
    r"\b1\d{9}\b": "EPOCH",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "UUID",
    r"in (1 hour|59 minutes)": "in LIFE",
    r"lives (1 hour|59 minutes)": "lives LIFE",
    r"(now|\d seconds? ago)$": "JUST NOW",
    r"last (now|\d+ \w+ ago), next in \d+ days": "last THEN, next SOON",
    r"not resolve: .+": "not resolve",  # each system's own words
    r"( is )[\da-f.:, ]+$": r"\1ADDRESSES",
}
"""What is another one each time."""


def blur(text: str) -> str:
    """Without what is another one each time."""
    for pattern, stands_for in BLURRED.items():
        text = re.sub(pattern, stands_for, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def world(bare: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeCognito]:
    """The page's Cognito and its files service, on this machine."""
    path = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    bare.setenv("SSL_CERT_FILE", str(path))
    with FakeCognito(client_id=CLIENT, ssl_context=server_context()) as fake:
        for name, value in fake.environ.items():
            bare.setenv(name, value)
        yield fake


def as_on_the_page(text: str, fake: FakeCognito) -> str:
    """With the names of the page for those of this machine."""
    for url, host, label in ((fake.domain, COGNITO, "dns"), (fake.api_url, FILES, "api dns")):
        text = text.replace(url, f"https://{host}").replace(url.removeprefix("https://"), f"{host}:443")
        text = re.sub(rf"^(pass  {label} +)localhost is", rf"\1{host} is", text, flags=re.MULTILINE)
    return text


def managed(vault: Vault, fake: FakeCognito, bare: pytest.MonkeyPatch) -> str:
    """The ARN of a secret that is rotated, and of which nothing else is in the environment."""
    bare.setenv("AWS_ENDPOINT_URL", vault.url)
    bare.delenv("APP_CLIENT_ID")
    bare.delenv("APP_CLIENT_SECRET")
    name = vault.create(fake.managed_secret)
    vault.schedule(name)
    vault.put(name, fake.managed_secret)
    return vault.arn(name)


@pytest.mark.parametrize(("variable", "command", "shown"), BLOCKS, ids=[" ".join(block[:2]) for block in BLOCKS])
def test_the_page_shows_what_a_command_writes(
    variable: str,
    command: str,
    shown: str,
    run: Run,
    world: FakeCognito,
    bare: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Stdout, then stderr; but for times, ids and addresses to the letter."""
    if variable:
        bare.setenv(*variable.split("=", 1))
    if "--secret-arn" in command:
        command = command.replace(ARN, managed(request.getfixturevalue("vault"), world, bare))
    ran = run(*shlex.split(command.replace(f"https://{FILES}", world.api_url)))
    assert blur(as_on_the_page(ran.out + ran.err, world)) == blur(shown)


def test_every_command_is_on_the_page(run: Run) -> None:
    """Each has a section with what it writes; that of `demo` is from a run, which takes too long for here."""
    commands = re.findall(r"^    (\w+) +\w", run("--help").out, re.MULTILINE)
    assert {command.split()[0] for _, command, _ in BLOCKS} == {*commands} - {"demo"}
    assert "\n## demo\n" in PAGE.read_text(encoding="utf-8")
