"""AWS's partitions: the DNS suffix of the services' hosts in a Region (the facts of botocore's partitions.json)."""

from typing import Final

DNS_SUFFIX: Final = "amazonaws.com"
"""Of the commercial Regions and of GovCloud, and of every Region that is not listed below."""

OTHER_SUFFIXES: Final = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
"""By how a Region's name begins."""


def dns_suffix(region: str) -> str | None:
    """The suffix of the services' hosts in this Region; None in an isolated partition that is not known here."""
    known = next((suffix for start, suffix in OTHER_SUFFIXES.items() if region.startswith(start)), None)
    return known or (None if "-iso" in region else DNS_SUFFIX)


def has_cognito_domains(region: str) -> bool:
    """Whether the hosts of user pools' domains are known: AWS documents them for commercial Regions and GovCloud."""
    return dns_suffix(region) == DNS_SUFFIX
