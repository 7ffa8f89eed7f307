"""Why an API said no to a token, as far as its answer and the token's claims tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._core.bearer import challenges
from .._core.cognito import claims as claims_of
from .._core.refusals import ANY_ACTION, WAF, Refusal
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
    found = claims_of(token.access_token) or {}
    held = set(token.scopes or ())
    said = [parameters for scheme, parameters in challenges(www_authenticate) if scheme == "bearer"]
    wanted = {scope for parameters in said for scope in parameters.get("scope", "").split()}
    errors = {parameters.get("error") for parameters in said}
    texts: list[str] = []
    if missing := sorted(wanted - held):
        texts.append(
            f"The API asks for the scope {printable(' '.join(missing))}, which the token does not have. Ask for it "
            "(--scope or COGNITO_SCOPES), and allow it for the app client in Cognito."
        )
    elif "invalid_token" in errors:
        texts.append(
            "The API calls the token invalid: it is expired there, or of an issuer that the API does not trust."
        )
    elif "insufficient_scope" in errors:
        texts.append(
            "The API says that the token's scopes are not enough, and not which one it wants. Look it up in the API's "
            "documentation, ask for it (--scope or COGNITO_SCOPES), and allow it for the app client in Cognito."
        )
    elif refusal is not None:
        texts.append(_told(refusal))
    elif status == 403:
        texts.append(
            "The API knows the caller and does not allow this call. Likely cause: the route needs a scope that the "
            "token does not have, or a resource policy or AWS WAF denies it."
        )
    else:
        texts.append(
            "The API does not say why. Likely causes: the route needs a scope that the token does not have (API "
            "Gateway's Cognito authorizer answers 401 to that as well), or its authorizer is set to another user pool "
            "or app client."
        )
    texts.append(f"The token has the scopes: {scope_text(token.scopes)}.")
    if isinstance(issuer := found.get("iss"), str):
        client = found.get("client_id")
        texts.append(f"It is of the issuer {printable(issuer)}, client_id {printable(str(client))}; compare the API's.")
    if isinstance(exp := found.get("exp"), int | float) and exp <= time.time():
        texts.append(f"By this machine's clock it expired {distance(exp - time.time())}: check the clock.")
    return texts


def _told(refusal: Refusal) -> str:
    """Nothing of the answer itself is in it."""
    who = "AWS WAF" if refusal in WAF else "API Gateway"
    what = "refusal" if refusal.name == ANY_ACTION else refusal.name
    return f"This is {who}'s {what}. Likely cause: {refusal.cause}. {refusal.fix}."
