"""What the environment variables say, or one error that lists all that is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.environment import VARIABLES, Found, from_environment
from s2sauth._core.errors import ConfigurationError
from s2sauth._core.secret_arn import parse_secret_arn

HIDDEN = "value-hidden"
WITHOUT_SECRET = {"COGNITO_DOMAIN": "auth.example.com", "APP_CLIENT_ID": "id"}
COMPLETE = {**WITHOUT_SECRET, "APP_CLIENT_SECRET": "secret"}
WITH_FILE = {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_FILE": "/run/secrets/client"}
SECRETS = "APP_CLIENT_SECRET or COGNITO_CLIENT_SECRET or COGNITO_CLIENT_SECRET_FILE or COGNITO_CLIENT_SECRET_ARN"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files/client-AbCdEf"


def test_the_variables_become_arguments() -> None:
    """The secret stays where it is: only its variable's name is taken."""
    found = from_environment("", {**COMPLETE, "COGNITO_SCOPES": "demo/read.file"})
    assert found == Found(
        domain="auth.example.com",
        token_url=None,
        client_id="id",
        scopes="demo/read.file",
        secret_variables=("APP_CLIENT_SECRET",),
        variables={
            "domain": "COGNITO_DOMAIN",
            "client_id": "APP_CLIENT_ID",
            "client_secret": "APP_CLIENT_SECRET",
            "scopes": "COGNITO_SCOPES",
        },
    )


def test_the_token_url_stands_for_the_domain() -> None:
    """A cache proxy, another authorization server."""
    found = from_environment(
        "", {"COGNITO_TOKEN_URL": "https://t/x", "COGNITO_CLIENT_ID": "id", "COGNITO_CLIENT_SECRET": "secret"}
    )
    assert (found.domain, found.token_url, found.client_id) == (None, "https://t/x", "id")
    assert found.secret_variables == ("COGNITO_CLIENT_SECRET",)


@pytest.mark.fault(175)
def test_scopes_may_stand_in_the_singular() -> None:
    """As most programs call the variable; both set and different is an error, as for the client id."""
    found = from_environment("", {**COMPLETE, "COGNITO_SCOPE": "demo/read.file"})
    assert (found.scopes, found.variables["scopes"]) == ("demo/read.file", "COGNITO_SCOPE")

    with pytest.raises(ConfigurationError) as caught:
        from_environment("", {**COMPLETE, "COGNITO_SCOPE": HIDDEN, "COGNITO_SCOPES": "openid"})
    differ, of_users = str(caught.value).splitlines()
    assert differ == "COGNITO_SCOPES and COGNITO_SCOPE: both are set and differ; set one of them"
    assert of_users.startswith("COGNITO_SCOPES: has scopes of signed-in users, which client_credentials cannot have.")
    same = {"COGNITO_SCOPE": "demo/b  demo/a ", "COGNITO_SCOPES": "demo/a demo/b"}
    assert from_environment("", {**COMPLETE, **same}).scopes == "demo/a demo/b"


@pytest.mark.fault(175)
def test_the_region_is_a_variable() -> None:
    """For a bare prefix, and for GetClientToken."""
    found = from_environment("A_", {f"A_{name}": value for name, value in COMPLETE.items()} | {"A_COGNITO_REGION": "x"})
    assert (found.region, found.variables["region"]) == ("x", "A_COGNITO_REGION")
    assert from_environment("", {**COMPLETE, "COGNITO_REGION": ""}).region is None


@pytest.mark.fault(175)
@pytest.mark.parametrize(
    ("place", "found"),
    [
        ({"COGNITO_REGION": "eu-central-1"}, (None, None, "eu-central-1")),
        ({"COGNITO_TOKEN_URL": "https://t/"}, (None, "https://t/", None)),
        ({"COGNITO_REGION": "eu-central-1", "COGNITO_DOMAIN": "others"}, (None, None, "eu-central-1")),
    ],
    ids=["Region", "endpoint", "with a domain that others use"],
)
def test_get_client_token_needs_no_domain(
    place: dict[str, str], found: tuple[str | None, str | None, str | None]
) -> None:
    """Whether a variable or an argument names that API."""
    environ = {"APP_CLIENT_ID": "id", "APP_CLIENT_SECRET": "secret", **place}
    by_variable = from_environment("", {**environ, "COGNITO_API": "get_client_token"})
    by_argument = from_environment("", environ, frozenset({"api"}), api="get_client_token")
    for one in (by_variable, by_argument):
        assert (one.domain, one.token_url, one.region) == found
    assert (by_variable.api, by_argument.api) == ("get_client_token", None)


def test_get_client_token_needs_a_region() -> None:
    """Or the URL of an endpoint; the domain is not asked for."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment("", {"COGNITO_API": "get_client_token", "APP_CLIENT_ID": "id", "APP_CLIENT_SECRET": "secret"})
    assert str(caught.value) == (
        'COGNITO_REGION or COGNITO_TOKEN_URL: is not set; as "eu-central-1", or the whole URL of a FIPS or VPC endpoint'
    )


def test_an_explicit_api_wins_over_its_variable() -> None:
    """Then the domain is needed again."""
    environ = {**COMPLETE, "COGNITO_API": "get_client_token"}
    assert from_environment("", environ, frozenset({"api"}), api="oauth2").domain == "auth.example.com"


def test_a_variable_with_a_similar_name_is_asked_about() -> None:
    """By its name alone, in the line of what is missing, and only there."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment("", {**COMPLETE, "APP_CLIENT_ID": "", "COGNITO_CLIENTID": HIDDEN, "COGNITO_DOMAINS": HIDDEN})
    assert str(caught.value) == (
        "APP_CLIENT_ID or COGNITO_CLIENT_ID: is not set; the app client's id. COGNITO_CLIENTID is set: did you mean "
        "COGNITO_CLIENT_ID?"
    )


@pytest.mark.parametrize("name", ["CLIENT_ID", "APP_ID", "COGNITO_CLIENTID"])
def test_an_empty_variable_with_a_similar_name_is_not(name: str) -> None:
    """It is unset."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment("", {**COMPLETE, "APP_CLIENT_ID": "", name: ""})
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(("path", "wrong"), [("'/run/x'", "is in quotes"), ("${SECRET_FILE}", "is a placeholder")])
def test_a_path_in_quotes_or_a_placeholder_for_it_is_refused(path: str, wrong: str) -> None:
    """No file has such a name."""
    with pytest.raises(ConfigurationError, match=f"^COGNITO_CLIENT_SECRET_FILE: {wrong}"):
        from_environment("", {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_FILE": path})


def test_a_prefix_goes_before_every_name() -> None:
    """Variables without it are somebody else's."""
    environ = {f"BILLING_{name}": value for name, value in COMPLETE.items()} | {"COGNITO_SCOPES": "not/ours"}
    found = from_environment("BILLING_", environ)
    assert (found.domain, found.client_id, found.scopes) == ("auth.example.com", "id", None)
    assert found.secret_variables == ("BILLING_APP_CLIENT_SECRET",)
    assert found.variables["client_id"] == "BILLING_APP_CLIENT_ID"


def test_aliases_with_the_same_value_are_fine() -> None:
    """Both names of the secret are kept, in order."""
    found = from_environment("", {**COMPLETE, "COGNITO_CLIENT_ID": "id", "COGNITO_CLIENT_SECRET": "secret"})
    assert found.client_id == "id"
    assert found.secret_variables == ("APP_CLIENT_SECRET", "COGNITO_CLIENT_SECRET")


def test_an_empty_variable_is_unset() -> None:
    """Also beside its alias."""
    found = from_environment("", {**COMPLETE, "COGNITO_SCOPES": "", "APP_CLIENT_ID": "", "COGNITO_CLIENT_ID": "id"})
    assert (found.scopes, found.client_id) == (None, "id")


@pytest.mark.parametrize(
    ("environ", "given", "lines"),
    [
        pytest.param(
            {},
            (),
            [
                "COGNITO_DOMAIN or COGNITO_TOKEN_URL: is not set",
                "APP_CLIENT_ID or COGNITO_CLIENT_ID: is not set",
                f"{SECRETS}: is not set",
            ],
            id="nothing set",
        ),
        pytest.param(
            {"COGNITO_DOMAIN": HIDDEN, "COGNITO_CLIENT_ID": ""},
            (),
            [
                "APP_CLIENT_ID or COGNITO_CLIENT_ID: is not set",
                f"{SECRETS}: is not set",
            ],
            id="half set",
        ),
        pytest.param(
            {**COMPLETE, "COGNITO_CLIENT_ID": HIDDEN, "COGNITO_CLIENT_SECRET": HIDDEN, "COGNITO_TOKEN_URL": HIDDEN},
            (),
            [
                "APP_CLIENT_ID and COGNITO_CLIENT_ID: both are set and differ",
                "APP_CLIENT_SECRET and COGNITO_CLIENT_SECRET: both are set and differ",
                "COGNITO_DOMAIN and COGNITO_TOKEN_URL: both are set",
            ],
            id="every clash",
        ),
        pytest.param(
            {"COGNITO_CLIENT_ID": HIDDEN, "APP_CLIENT_ID": "id"},
            ("client_secret",),
            [
                "APP_CLIENT_ID and COGNITO_CLIENT_ID: both are set and differ",
                "COGNITO_DOMAIN or COGNITO_TOKEN_URL: is not",
            ],
            id="a clash and something missing",
        ),
    ],
)
def test_one_error_lists_all_that_is_missing_or_clashes(
    environ: dict[str, str], given: tuple[str, ...], lines: list[str]
) -> None:
    """A line each, no value in any."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment("", environ, frozenset(given))
    said = str(caught.value).splitlines()
    assert len(said) == len(lines)
    assert all(line.startswith(expected) for line, expected in zip(said, lines, strict=True))
    assert HIDDEN not in str(caught.value)


def test_the_error_names_the_variables_with_their_prefix() -> None:
    """As they have to be set."""
    with pytest.raises(ConfigurationError, match="BILLING_COGNITO_DOMAIN or BILLING_COGNITO_TOKEN_URL: is not set"):
        from_environment("BILLING_", COMPLETE)


@pytest.mark.parametrize(
    ("explicit", "environ", "read"),
    [
        pytest.param("domain", {"COGNITO_DOMAIN": "x"}, (None, None), id="domain over its variable"),
        pytest.param("domain", {"COGNITO_TOKEN_URL": "x"}, (None, None), id="domain over the other's variable"),
        pytest.param("token_url", {"COGNITO_DOMAIN": "x"}, (None, None), id="token_url over the other's variable"),
        pytest.param("token_url", {"COGNITO_DOMAIN": "x", "COGNITO_TOKEN_URL": "y"}, (None, None), id="over both"),
        pytest.param("scopes", {"COGNITO_DOMAIN": "x", "COGNITO_SCOPES": "y"}, ("x", None), id="scopes"),
    ],
)
def test_an_explicit_argument_wins(explicit: str, environ: dict[str, str], read: tuple[str | None, str | None]) -> None:
    """Its variables are not looked at."""
    found = from_environment("", {"APP_CLIENT_ID": "i", "APP_CLIENT_SECRET": "s", **environ}, frozenset({explicit}))
    assert (found.domain, found.scopes) == read
    assert found.token_url is None


def test_a_clash_under_an_explicit_argument_is_none() -> None:
    """It decides nothing."""
    environ = {**COMPLETE, "COGNITO_CLIENT_ID": "other", "COGNITO_CLIENT_SECRET": "other"}
    found = from_environment("", environ, frozenset({"client_id", "client_secret"}))
    assert (found.client_id, found.secret_variables) == (None, ())


def test_the_secret_may_lie_in_a_file() -> None:
    """Its path is taken, and no variable that holds a secret."""
    found = from_environment("BILLING_", {f"BILLING_{name}": value for name, value in WITH_FILE.items()})
    assert (found.secret_variables, found.secret_file, found.secret_arn) == ((), "/run/secrets/client", None)


def test_the_secret_may_have_an_arn() -> None:
    """Which is taken apart here, so that a wrong one is a mistake like the others."""
    found = from_environment("", {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_ARN": f"{ARN}:password:AWSPENDING:"})
    assert (found.secret_variables, found.secret_file) == ((), None)
    assert found.secret_arn == parse_secret_arn(f"{ARN}:password:AWSPENDING:")


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        pytest.param(
            {**COMPLETE, "COGNITO_CLIENT_SECRET_FILE": HIDDEN},
            "APP_CLIENT_SECRET and COGNITO_CLIENT_SECRET_FILE: both are set; set one of them",
            id="value and file",
        ),
        pytest.param(
            {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_FILE": HIDDEN, "COGNITO_CLIENT_SECRET_ARN": ARN},
            "COGNITO_CLIENT_SECRET_FILE and COGNITO_CLIENT_SECRET_ARN: both are set; set one of them",
            id="file and ARN",
        ),
        pytest.param(
            {**COMPLETE, "COGNITO_CLIENT_SECRET_FILE": HIDDEN, "COGNITO_CLIENT_SECRET_ARN": ARN},
            "APP_CLIENT_SECRET and COGNITO_CLIENT_SECRET_FILE and COGNITO_CLIENT_SECRET_ARN: all are set; set one",
            id="all",
        ),
        pytest.param(
            {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_ARN": HIDDEN},
            "COGNITO_CLIENT_SECRET_ARN: is no ARN of a secret; use",
            id="no ARN",
        ),
    ],
)
def test_the_secret_has_one_place(environ: dict[str, str], line: str) -> None:
    """More than one would be a guess which of them is up to date."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment("", environ)
    (said,) = str(caught.value).splitlines()
    assert said.startswith(line)
    assert HIDDEN not in said


def test_an_explicit_secret_wins_over_every_place() -> None:
    """None of their variables is looked at."""
    environ = {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_FILE": "x", "COGNITO_CLIENT_SECRET_ARN": "no ARN"}
    found = from_environment("", environ, frozenset({"client_secret"}))
    assert (found.secret_variables, found.secret_file, found.secret_arn) == ((), None, None)


@pytest.mark.parametrize("prefix", [pytest.param(None, id="None"), pytest.param(b"A_", id="bytes")])
def test_a_prefix_that_is_no_string_is_refused(prefix: str) -> None:
    """By its type."""
    with pytest.raises(ConfigurationError, match=f"prefix: is of type {type(prefix).__name__}"):
        from_environment(prefix, COMPLETE)


def test_the_found_never_show_the_secret() -> None:
    """It was not taken."""
    assert HIDDEN not in repr(from_environment("", {**COMPLETE, "APP_CLIENT_SECRET": HIDDEN}))


@given(
    st.dictionaries(
        st.sampled_from([name for names in VARIABLES.values() for name in names]),
        st.sampled_from(["a", "b", ARN, "get_client_token"]),
    )
)
def test_any_environment_is_read_whole_or_refused_whole(environ: dict[str, str]) -> None:
    """What is found is complete: one endpoint, an id, a secret."""
    try:
        found = from_environment("", environ)
    except ConfigurationError:
        return
    if found.api == "get_client_token":
        assert (found.domain, bool(found.region or found.token_url)) == (None, True)
    else:
        assert (found.domain is None) is not (found.token_url is None)
    assert found.client_id
    assert [bool(found.secret_variables), bool(found.secret_file), bool(found.secret_arn)].count(True) == 1


def test_an_explicit_endpoint_leaves_the_other_explicit_arguments_alone() -> None:
    """The client id that is given is not asked for."""
    found = from_environment("", {"APP_CLIENT_SECRET": "s"}, frozenset({"domain", "client_id"}))
    assert (found.domain, found.client_id, found.secret_variables) == (None, None, ("APP_CLIENT_SECRET",))
