"""What is wrong with arguments, a line each: the field, the variable that it came from, the form to use; no value."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from . import pasted
from .client_secret import FORM
from .settings import Api, AuthMethod

_DOMAIN = (
    'use "demo.auth.eu-central-1.amazoncognito.com", a custom domain as "auth.example.com", or a bare prefix as "demo" '
    'with region="eu-central-1"'
)
_WHOLE_URL = 'use the whole https URL, as "https://proxy.example.com/oauth2/token"'
FORMS: Final[Mapping[str, str]] = {
    "domain": _DOMAIN,
    "token_url": _WHOLE_URL,
    "domain or token_url": f"domain: {_DOMAIN}; token_url: {_WHOLE_URL}",
    "domain with get_client_token": 'leave it out: this API needs region="eu-central-1", and no domain',
    "token_url with get_client_token": 'use the whole https URL, as "https://cognito-idp-fips.us-east-1.amazonaws.com"',
    "api": "use " + " or ".join(f'"{api}"' for api in get_args(Api)),
    "region": 'use the name of an AWS Region, as "eu-central-1"',
    "client_id": 'use the app client\'s id, as "1h57kf5cpq17m0eml12EXAMPLE"',
    "client_secret": FORM,
    "client_metadata": 'use a mapping of strings to strings, as {"environment": "dev"}, or None',
    "auth_method": "use " + " or ".join(f'"{method}"' for method in get_args(AuthMethod)),
    "strict": "use True or False",
}


class Mistakes:
    """All that is found wrong, in order."""

    def __init__(self, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        self.found: list[tuple[str, str]] = []
        self._variables = variables

    def add(self, argument: str, wrong: str, form: str | None = None) -> None:
        """One more; `form` says what to use where it is not the argument's usual one."""
        form = form or FORMS.get(argument)
        self.found.append((argument, f"{wrong}; {form}" if form else wrong))

    def called(self, argument: str) -> str:
        """The argument, with the variable that it came from."""
        variable = self._variables.get(argument)
        return f"{variable} ({argument})" if variable else argument

    def text(self) -> str:
        """The message."""
        return "\n".join(f"{self.called(argument)}: {text}" for argument, text in self.found)


def is_a(value: object) -> str:
    """What is wrong with a value that is missing or of another type."""
    return "is missing" if value is None else f"is of type {type(value).__name__}"


def wrong_word(value: object, wrong: str) -> str:
    """What is wrong with a value that is not one of the known words."""
    return pasted.wrong_with(value) or wrong if isinstance(value, str) else is_a(value)
