"""Why an API said no to a token, as far as its answer and the token's claims tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._core.bearer import challenges
from .._core.cognito import claims as claims_of
from .._core.refusals import ANY_ACTION, BEARER, WAF, Refusal, by_challenge
from ._words import distance, printable, scope_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._core.values import AccessToken


def reasons(
    status: int, www_authenticate: Iterable[str], token: AccessToken, refusal: Refusal | None = None
) -> list[str]:
    """What is missing and what to do, one sentence or two each. `refusal` is what the table knows of the answer.

    Empty if that is nothing, unless the status is 401 or 403.
    """
    if refusal is not None and not refusal.about_token:
        return [_told(refusal)]
    if refusal is None and status not in (401, 403):
        return []
    texts = [_why(status, www_authenticate, token, refusal)]
    found = claims_of(token.access_token) or {}
    texts.append(f"The token has the scopes: {scope_text(token.scopes)}.")
    if isinstance(issuer := found.get("iss"), str):
        client = found.get("client_id")
        texts.append(f"It is of the issuer {printable(issuer)}, client_id {printable(str(client))}; compare the API's.")
    if isinstance(exp := found.get("exp"), int | float) and exp <= time.time():
        texts.append(f"By this machine's clock it expired {distance(exp - time.time())}: check the clock.")
    return texts


def _why(status: int, www_authenticate: Iterable[str], token: AccessToken, refusal: Refusal | None) -> str:
    """By the API's challenge, else by the table, else by the status."""
    said = [parameters for scheme, parameters in challenges(www_authenticate) if scheme == "bearer"]
    wanted = {scope for parameters in said for scope in parameters.get("scope", "").split()}
    if missing := sorted(wanted - set(token.scopes or ())):
        return (
            f"The API asks for the scope {printable(' '.join(missing))}, which the token does not have. Ask for it "
            "(--scope or COGNITO_SCOPES), and allow it for the app client in Cognito."
        )
    refusal = by_challenge(www_authenticate) or refusal
    if refusal is not None:
        return _told(refusal)
    if status == 403:
        return (
            "The API knows the caller and does not allow this call. Likely cause: the route needs a scope that the "
            "token does not have, or a resource policy or AWS WAF denies it."
        )
    return (
        "The API does not say why. Likely causes: the route needs a scope that the token does not have (API Gateway's "
        "Cognito authorizer answers 401 to that as well), or its authorizer is set to another user pool or app client."
    )


def _told(refusal: Refusal) -> str:
    """Nothing of the answer itself is in it."""
    who = "AWS WAF" if refusal in WAF else "the API" if refusal in BEARER else "API Gateway"
    what = "refusal" if refusal.name == ANY_ACTION else refusal.name
    return f"This is {who}'s {what}. Likely cause: {refusal.cause}. {refusal.fix}."
