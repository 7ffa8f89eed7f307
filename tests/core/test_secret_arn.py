"""What an ARN says about where a secret is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.errors import ConfigurationError
from s2sauth._core.secret_arn import SecretArn, parse_secret_arn, region_of

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files/client-AbCdEf"
IN_CHINA = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:files/client-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/files/client"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SECRET, SecretArn("secretsmanager", SECRET, "eu-central-1")),
        (f"{SECRET}:::", SecretArn("secretsmanager", SECRET, "eu-central-1")),
        (f"{SECRET}:the key::", SecretArn("secretsmanager", SECRET, "eu-central-1", key="the key")),
        (f"{SECRET}::AWSPENDING:", SecretArn("secretsmanager", SECRET, "eu-central-1", stage="AWSPENDING")),
        (f"{SECRET}:::v1", SecretArn("secretsmanager", SECRET, "eu-central-1", version="v1")),
        (f"{SECRET}:k:S:v", SecretArn("secretsmanager", SECRET, "eu-central-1", "k", "S", "v")),
        (IN_CHINA, SecretArn("secretsmanager", IN_CHINA, "cn-north-1")),
        (PARAMETER, SecretArn("ssm", PARAMETER, "eu-central-1")),
        (f"{PARAMETER}:3", SecretArn("ssm", f"{PARAMETER}:3", "eu-central-1")),
    ],
    ids=["secret", "ECS, empty", "key", "stage", "version", "all of ECS's", "partition", "parameter", "its version"],
)  # fmt: skip
def test_each_form_is_taken_apart(text: str, found: SecretArn) -> None:
    """ECS's names a key, a stage and a version, each of which may be empty."""
    assert parse_secret_arn(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        SECRET.removesuffix("files/client-AbCdEf"),
        f"{SECRET}:key",
        f"{SECRET}:key:stage",
        f"{SECRET}:key:stage:version:more",
        f"{SECRET}\n",
        SECRET.replace("123456789012", "hunter2"),
        PARAMETER.replace("parameter", "hunter2"),
        f"{PARAMETER}:1:2",
        "arn:aws:s3:::hunter2",
        "arn:aws:iam::123456789012:role/hunter2",
    ],
)
def test_all_else_is_refused_without_being_shown(text: str) -> None:
    """Somebody may have put the secret itself there. The message shows the forms."""
    with pytest.raises(ConfigurationError, match="arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME") as caught:
        parse_secret_arn(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "region"),
    [
        (SECRET, "eu-central-1"),
        (PARAMETER, "eu-central-1"),
        ("arn:aws:ssm::123456789012:parameter/x", None),
        ("arn:aws:ssm", None),
        ("files/client", None),
        ("a:b:c:d", None),
    ],
)
def test_region_is_read_from_an_arn(name: str, region: str | None) -> None:
    """A plain name has none."""
    assert region_of(name) == region


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    """A name is whatever somebody typed."""
    region_of(text)
    try:
        parse_secret_arn(text)
    except ConfigurationError:
        pass


@pytest.mark.fault(189)
@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "eu-central-1"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
    ],
)
def test_every_partition_is_taken(partition: str, region: str) -> None:
    """With its Regions."""
    for usual in (SECRET, PARAMETER):
        arn = usual.replace("arn:aws:", f"arn:{partition}:").replace("eu-central-1", region)
        found = parse_secret_arn(arn)
        assert (found.id, found.region) == (arn, region)
        assert region_of(arn) == region
