"""AWS's partitions, as botocore knows them."""

import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from s2sauth._core.endpoint import from_domain, from_region, is_region
from s2sauth._core.partitions import DNS_SUFFIX, OTHER_SUFFIXES, dns_suffix, has_cognito_domains

PARTITIONS: list[dict[str, Any]] = json.loads(
    (Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8")
)["partitions"]
REGIONS = {
    region: partition["outputs"]["dnsSuffix"]
    for partition in PARTITIONS
    for region in partition["regions"]
    if not region.endswith("-global")
}


@pytest.mark.fault(189)
@pytest.mark.parametrize(("region", "suffix"), REGIONS.items(), ids=REGIONS)
def test_the_suffix_of_every_region_is_botocore_s(region: str, suffix: str) -> None:
    """A partition that botocore gains fails here."""
    assert is_region(region)
    assert dns_suffix(region) == suffix
    assert from_region(region) == f"https://cognito-idp.{region}.{suffix}/"


def test_there_is_no_suffix_that_botocore_does_not_know() -> None:
    """And all of its are here."""
    assert {DNS_SUFFIX, *OTHER_SUFFIXES.values()} == set(REGIONS.values())


@pytest.mark.parametrize("region", ["us-isox-east-1", "eu-isof-west-1", "ap-iso-east-1"])
def test_an_isolated_partition_that_is_not_known_is_not_guessed(region: str) -> None:
    """A guessed host would be somebody else's."""
    assert dns_suffix(region) is None
    with pytest.raises(ValueError, match="give the API's whole URL as token_url"):
        from_region(region)


@pytest.mark.parametrize("region", REGIONS)
def test_a_bare_prefix_has_a_host_where_aws_documents_it(region: str) -> None:
    """In the commercial Regions and in GovCloud; elsewhere the error asks for the host."""
    if not has_cognito_domains(region):
        assert region.startswith(("cn-", "eusc-", "us-iso", "eu-iso"))
        with pytest.raises(ValueError, match="give the host"):
            from_domain("demo", region)
        return
    auth = "auth-fips" if region.startswith("us-gov-") else "auth"
    assert from_domain("demo", region) == f"https://demo.{auth}.{region}.amazoncognito.com/oauth2/token"


@pytest.mark.parametrize("region", [*REGIONS, "us-isox-east-1"])
def test_a_whole_host_is_taken_in_every_region(region: str) -> None:
    """Whatever it is called there."""
    assert from_domain("auth.example.c2s.ic.gov", region) == "https://auth.example.c2s.ic.gov/oauth2/token"
