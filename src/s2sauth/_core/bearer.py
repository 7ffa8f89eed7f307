"""Bearer tokens (RFC 6750) and the challenges that ask for them (RFC 9110 11.6.1)."""

import re
from collections.abc import Iterable

MAX_TOKEN = 16 * 1024
"""Characters. Cognito's tokens are about 1 kB; servers cap a header line at 8 to 64 KiB."""

MAX_CHALLENGE = 8 * 1024
"""Characters of one WWW-Authenticate header that are read."""

_B64TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/")

# Patterns are compiled when first used, here and in the rest of the core: `import s2sauth` must cost next to nothing.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # RFC 9110 5.6.2: token, a word of the grammar
_SEPARATOR = r"[\s,]*"
# A closing quote that is missing is taken to be at the end of the header: each character is looked at once.
_PARAMETER = rf'(?s:({_TOKEN})\s*=\s*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)(?:"|\\?\Z)))'
_SCHEME = rf"({_TOKEN})(?=[\s,]|\Z)(?:[ \t]+[A-Za-z0-9\-._~+/]+=*(?=\s*(?:,|\Z)))?"
_ESCAPED = r"(?s:\\(.))"


def is_b64token(value: str) -> bool:
    """Whether `value` may follow "Bearer " in a header: RFC 6750 2.1, `1*(ALPHA / DIGIT / "-._~+/") *"="`."""
    characters = value.rstrip("=")
    return bool(characters) and _B64TOKEN.issuperset(characters)


def challenges(headers: Iterable[str], limit: int = MAX_CHALLENGE) -> list[tuple[str, dict[str, str]]]:
    """The challenges of all WWW-Authenticate headers: scheme in lower case, parameters by name in lower case.

    Never raises; what is no challenge is passed over up to the next comma. Parameters may also be separated by blanks,
    as API Gateway sends them; of a repeated one the first counts. A token68 is read and dropped.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        found += _challenges(header[:limit])
    return found


def _challenges(text: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    a_separator, a_parameter, a_scheme = map(re.compile, (_SEPARATOR, _PARAMETER, _SCHEME))
    at = 0
    while (at := _end(a_separator.match(text, at), at)) < len(text):
        if found and (parameter := a_parameter.match(text, at)):
            name, plain, quoted = parameter.groups()
            found[-1][1].setdefault(name.lower(), plain if quoted is None else re.sub(_ESCAPED, r"\1", quoted))
            at = parameter.end()
        elif scheme := a_scheme.match(text, at):
            found.append((scheme[1].lower(), {}))
            at = scheme.end()
        else:
            comma = text.find(",", at)
            at = len(text) if comma < 0 else comma
    return found


def _end(match: re.Match[str] | None, otherwise: int) -> int:
    return match.end() if match else otherwise


def refuses_bearer(www_authenticate: Iterable[str]) -> bool:
    """Whether another bearer token of the same scopes cannot help: the server asks for other schemes only, or for more
    scopes (RFC 6750 3.1, insufficient_scope).

    One Bearer challenge that says neither is enough to try again. No challenge at all refuses nothing: API Gateway's
    Cognito authorizer answers 401 without one.
    """
    found = challenges(www_authenticate)
    return bool(found) and all(
        scheme != "bearer" or parameters.get("error", "").strip().lower() == "insufficient_scope"
        for scheme, parameters in found
    )
