"""A server's own words: error codes and descriptions are shown, credentials never are."""

import base64
import random
import string
from typing import Any
from urllib.parse import quote_plus

import pytest

from s2sauth._core.config import Settings
from s2sauth._core.server_words import HIDDEN, MAX_WORDS, clean
from s2sauth._core.values import Secret

SECRET = Secret("hunter2")


def settings(**given: Any) -> Settings:
    """Settings, but for those given."""
    usual: dict[str, Any] = {
        "token_url": "https://auth.example.com/oauth2/token",
        "client_id": "id",
        "auth_method": "auto",
        "scopes": None,
        "client_metadata": None,
        "strict": False,
    }
    return Settings(**{**usual, **given})


@pytest.mark.fault(186)
@pytest.mark.parametrize(
    "words",
    [
        "invalid_authorization_details",
        "insufficient_user_authentication",
        "unapproved_software_statement",
        "unmet_authentication_requirements",
        "unsupported_credential_format",
        "use_attestation_challenge",
        "request_uri_not_supported",
        "mfa_enrollment_required_by_policy",
        "tls_client_auth_certificate_missing",
        "private_key_jwt_assertion_expired",
        "oauth2_client_credentials_disabled",
        "unsupportedauthorizationdetails",
        "accountdisabledbyadministrator",
        "INVALID_AUTHORIZATION_DETAILS",
        "UserPoolAddOnNotEnabledException",
        "ConcurrentModificationException",
        "UnexpectedLambdaException",
        "client-authentication-required-by-policy",
        "grant_type=client_credentials is not allowed for this client",
        "see https://login.example.com/realms/demo/protocol/openid-connect/certification-suite-of-the-server",
        "The app client files-service-production-caller may not use this flow",
        "Zugriffsberechtigungsanforderung",
    ],
)
def test_words_are_shown_however_long_they_are(words: str) -> None:
    """Codes of 24 letters and more, names of AWS's errors, paths and parameters."""
    assert clean(words, settings(), SECRET) == words


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param("1h57kf5cpq17m0eml12example6v2s8nqdl4j0a9b3c7t5u1w2x4y", id="Cognito's"),
        pytest.param("hidden0secret0of0twenty4", id="words with digits between"),
        pytest.param("qZ3xKf8vB2nM5wRtY7uPcL9dGhJk", id="letters and digits"),
        pytest.param("kqzvxwjpfbgtmhkdzqxvwyjc", id="lower-case letters only"),
        pytest.param("KqZvXwJpFbGtMhKdZqXvWyJc", id="letters only"),
        pytest.param("AKIAIOSFODNNQEXAMPLEKEYXYZ", id="an access key's form"),
        pytest.param("6babcaad-604b-40ac-a9d7-9fd97c0b779f", id="UUID"),
        pytest.param("correct+horse+battery+staple", id="plus"),
        pytest.param("correct~horse~battery~staple", id="tilde"),
        pytest.param("hunter_of_the_lost_key_12345", id="five digits"),
        pytest.param("hunter_of_the_lost_key_7_of_9", id="a part of digits alone"),
        pytest.param("a_b_c_d_e_f_g_h_i_j_k_l_m_n", id="single letters"),
        pytest.param("x" * 24, id="one letter"),
        pytest.param("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", id="the head of a JWT"),
        pytest.param("dGhpcyBpcyBhIHNlY3JldCBvZiB0aGUgY2xpZW50", id="base64 of words"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(credential: str) -> None:
    """A server may say another credential than the one that was sent."""
    assert clean(credential, settings(), SECRET) == HIDDEN
    assert clean(f"No: {credential}, sorry", settings(), SECRET) == f"No: {HIDDEN}, sorry"


@pytest.mark.parametrize("length", [24, 32, 43, 52, 64])
@pytest.mark.parametrize(
    ("alphabet", "shown"),
    [
        pytest.param(string.ascii_letters + string.digits, 0, id="letters and digits"),
        pytest.param(string.ascii_lowercase + string.digits, 0, id="Cognito's alphabet"),
        pytest.param(string.ascii_letters + string.digits + "-_", 0, id="URL-safe base64"),
        pytest.param(string.hexdigits, 0, id="hexadecimal digits"),
        pytest.param(string.ascii_letters, 1, id="letters"),
        pytest.param(string.ascii_lowercase, 1, id="lower-case letters"),
    ],
)
def test_random_text_is_hidden(alphabet: str, shown: int, length: int) -> None:
    """Of letters alone a short one may read as words once in a thousand; the secret that was sent never does."""
    chance = random.Random(4711)
    made = ["".join(chance.choices(alphabet, k=length)) for _ in range(500)]
    assert sum(clean(text, settings(), SECRET) != HIDDEN for text in made) <= shown


def forms(client_id: str, secret: str) -> list[str]:
    """Every form in which a server may have read it."""

    def base64_of(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return [
        secret,
        quote_plus(secret),
        quote_plus(secret).lower(),
        base64_of(f"{client_id}:{secret}"),
        base64_of(f"{quote_plus(client_id)}:{quote_plus(secret)}"),
    ]


@pytest.mark.fault(186)
@pytest.mark.parametrize("secret", ["hunter2", "a+b/c=", "s:e:c", "correct_horse_battery_staple", "Zq"])
@pytest.mark.parametrize("encodes", [False, True], ids=["raw", "form-encoded"])
def test_the_secret_that_was_sent_is_hidden_in_each_form(secret: str, encodes: bool) -> None:
    """As it is, as a form has it, and as both kinds of Basic header have it."""
    mine = settings(client_id="a:b", auth_method="client_secret_basic", encodes_basic=encodes)
    for form in forms("a:b", secret):
        assert clean(f"No: {form}.", mine, Secret(secret)) == f"No: {HIDDEN}."
        assert clean(form, mine, Secret(secret)) == HIDDEN


@pytest.mark.parametrize(
    "said",
    ["CORRECT_HORSE_BATTERY_STAPLE", "Correct_Horse_Battery_Staple", "correct_horse_battery_stapl"],
    ids=["upper case", "mixed case", "cut"],
)
def test_a_secret_of_words_is_hidden_in_another_case_and_cut(said: str) -> None:
    """It reads as words, so that only its being the secret tells."""
    assert clean(said, settings(), Secret("correct_horse_battery_staple")) == HIDDEN


def test_letters_that_change_their_length_in_lower_case_shift_nothing() -> None:
    """Only ASCII letters are compared in any case."""
    assert clean("İİ Hunter2 İ", settings(), SECRET) == HIDDEN


@pytest.mark.parametrize("said", [None, 5, ["x"], {"a": 1}, "", " \n", "\ud800"])
def test_what_is_no_words_is_none(said: object) -> None:
    """A server may send anything."""
    assert clean(said, settings(), SECRET) is None


def test_words_are_cut_after_they_are_cleaned() -> None:
    """The longest text to the letter."""
    assert clean("ab " * 100, settings(), SECRET) == ("ab " * 100)[: MAX_WORDS - 1] + "…"
    assert clean(("ab " * 100)[:MAX_WORDS], settings(), SECRET) == ("ab " * 100)[:MAX_WORDS].strip()
