"""What environment variables, ARNs and `store=` URLs mean; what is said of wrong ones, since people search for it.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.environment import VARIABLES, Environment, from_environment
from s2sauth._core.errors import ConfigurationError
from s2sauth._core.pasted import PLACEHOLDER, QUOTED
from s2sauth._core.secret_arn import SecretArn, parse_secret_arn, region_of
from s2sauth._core.similar import argument, variable
from s2sauth._core.store_url import StoreUrl, mistake, parse_store_url

HIDDEN = "value-hidden"
WITHOUT_SECRET = {"COGNITO_DOMAIN": "auth.example.com", "APP_CLIENT_ID": "id"}
COMPLETE = {**WITHOUT_SECRET, "APP_CLIENT_SECRET": "secret"}
WITH_FILE = {**WITHOUT_SECRET, "COGNITO_CLIENT_SECRET_FILE": "/run/secrets/client"}
SECRETS = "APP_CLIENT_SECRET or COGNITO_CLIENT_SECRET or COGNITO_CLIENT_SECRET_FILE or COGNITO_CLIENT_SECRET_ARN"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files/client-AbCdEf"


def test_the_variables_become_arguments() -> None:
    """The secret stays where it is: only its variable's name is taken."""
    found = from_environment("", {**COMPLETE, "COGNITO_SCOPES": "demo/read.file"})
    assert found == Environment(
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
    assert of_users == (
        "COGNITO_SCOPES: has scopes of signed-in users, which client_credentials cannot have. Likely cause: it is the "
        "setting of a web login. Use a prefix, or pass scopes to from_env()"
    )
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


@pytest.mark.fault(179)
@pytest.mark.parametrize("ending", ["", ":::", ":clientSecretValue::", ":clientSecretValue:AWSPENDING:"])
def test_no_client_id_is_needed_beside_the_arn_of_a_secret_that_may_name_it(ending: str) -> None:
    """It is read with the secret; one that is set is taken."""
    environ = {"COGNITO_DOMAIN": "auth.example.com", "COGNITO_CLIENT_SECRET_ARN": ARN + ending}
    assert from_environment("", environ).client_id is None
    assert from_environment("", {**environ, "APP_CLIENT_ID": "id"}).client_id == "id"


@pytest.mark.fault(179)
def test_no_client_id_is_needed_beside_an_explicit_secret_that_may_name_it() -> None:
    """But for any other one."""
    environ, given = {"COGNITO_DOMAIN": "auth.example.com"}, frozenset({"client_secret"})
    assert from_environment("", environ, given, names_client=True).client_id is None
    with pytest.raises(ConfigurationError, match="APP_CLIENT_ID or COGNITO_CLIENT_ID: is not set"):
        from_environment("", environ, given)


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
    assert found.client_id or (found.secret_arn is not None and found.secret_arn.may_name_client)
    assert [bool(found.secret_variables), bool(found.secret_file), bool(found.secret_arn)].count(True) == 1


def test_an_explicit_endpoint_leaves_the_other_explicit_arguments_alone() -> None:
    """The client id that is given is not asked for."""
    found = from_environment("", {"APP_CLIENT_SECRET": "s"}, frozenset({"domain", "client_id"}))
    assert (found.domain, found.client_id, found.secret_variables) == (None, None, ("APP_CLIENT_SECRET",))


IDS, SECRETS = VARIABLES["client_id"], VARIABLES["client_secret"]
PLACES = (*VARIABLES["domain"], *VARIABLES["token_url"])


@pytest.mark.parametrize(
    ("name", "wanted", "meant"),
    [
        ("COGNITO_CLIENTID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNITO_APP_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNITO_USER_POOL_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNTIO_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("CLIENT_ID", IDS, "APP_CLIENT_ID"),
        ("app_client_id", IDS, "APP_CLIENT_ID"),
        ("COGNITO_SECRET", SECRETS, "COGNITO_CLIENT_SECRET"),
        ("CLIENT_SECRET", SECRETS, "APP_CLIENT_SECRET"),
        ("AWS_COGNITO_DOMAIN", PLACES, "COGNITO_DOMAIN"),
        ("DOMAIN", PLACES, "COGNITO_DOMAIN"),
        ("COGNITO_TOKENURL", PLACES, "COGNITO_TOKEN_URL"),
    ],
)
def test_a_variable_that_is_close_is_found(name: str, wanted: tuple[str, ...], meant: str) -> None:
    """With the one that it was meant to be."""
    assert variable(wanted, ["HOME", name, "PATH"], "") == (name, meant)


@pytest.mark.parametrize(
    "name",
    ["GOOGLE_CLIENT_ID", "AZURE_CLIENT_ID", "COGNITO_USER_POOL_ID", "AUTH0_CLIENT_ID", "HOME", "", "CLIENT_ID\x1b[2J"],
)
def test_a_variable_of_something_else_is_not(name: str) -> None:
    """And what is no name of a variable is not repeated."""
    assert variable(IDS, [name], "") is None


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("COGNITO_DOMAIN", "BILLING_"), ("BILLING_COGNITO_DOMAIN", "BILLING"), ("BILLING_DOMAIN", "BILLING_")],
)
def test_a_prefix_that_is_missing_or_half_written_is_seen(name: str, prefix: str) -> None:
    """The name is shown as it has to be."""
    assert variable([f"{prefix}COGNITO_DOMAIN"], [name], prefix) == (name, f"{prefix}COGNITO_DOMAIN")


@pytest.mark.parametrize(
    ("name", "meant"), [("scope", "scopes"), ("clientid", "client_id"), ("authmethod", "auth_method"), ("log", None)]
)
def test_an_argument_that_is_close_is_found(name: str, meant: str | None) -> None:
    """None where none is."""
    assert argument(name, ["client_id", "scopes", "auth_method", "strict"]) == meant


SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files/client-AbCdEf"
IN_CHINA = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:files/client-AbCdEf"
IN_EUROPE = "arn:aws-eusc:secretsmanager:eusc-de-east-1:123456789012:secret:cognito-AbCdEf"
OF_THAT_NAME = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:secret/client-AbCdEf"
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
        (SECRET.replace(":secret:", ":secret/"), SecretArn("secretsmanager", SECRET, "eu-central-1")),
        (OF_THAT_NAME, SecretArn("secretsmanager", OF_THAT_NAME, "eu-central-1")),
        (IN_EUROPE, SecretArn("secretsmanager", IN_EUROPE, "eusc-de-east-1")),
        (IN_CHINA, SecretArn("secretsmanager", IN_CHINA, "cn-north-1")),
        (PARAMETER, SecretArn("ssm", PARAMETER, "eu-central-1")),
        (f"{PARAMETER}:3", SecretArn("ssm", f"{PARAMETER}:3", "eu-central-1")),
    ],
    ids=[
        "secret", "ECS, empty", "key", "stage", "version", "all of ECS's", "Cognito's form", "name with secret/",
        "sovereign cloud", "partition", "parameter", "its version",
    ],
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
        SECRET.replace("1", "\N{ARABIC-INDIC DIGIT ONE}"),
        PARAMETER.replace("1", "\N{ARABIC-INDIC DIGIT ONE}"),
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


SQLITE = "use sqlite:////var/lib/files-service/tokens.db"
REDIS = "use redis://cache.example.com:6379/0"
REDISS = "use rediss://cache.example.com:6379/0"
UNIX = "use unix:///run/valkey/valkey.sock"
DYNAMODB = "use dynamodb://tokens?region=eu-central-1&endpoint_url=http://127.0.0.1:8000"
FORMS = (
    "use sqlite:////var/lib/files-service/tokens.db, redis://cache.example.com:6379/0, "
    "rediss://cache.example.com:6379/0, unix:///run/valkey/valkey.sock or dynamodb://tokens?region=eu-central-1"
)
HOST = "has no valid host or port (in a password, write / as %2F, @ as %40, ? as %3F)"
QUERY = "has a query that is not one of region, endpoint_url, each once"
ENDPOINT = "has an endpoint_url that is none, as http://127.0.0.1:8000"
SLASHES = "has three slashes, which other libraries read as a relative path: write four, and an absolute path"
WINDOWS = (
    "is a Windows path, for which there is no URL; "
    r'use s2sauth.stores.sqlite.SQLiteStore(r"C:\ProgramData\files-service\tokens.db")'
)
NO_FILE = "names no file that processes can share"


@pytest.mark.fault(178)
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////tmp/tokens.db", "/tmp/tokens.db"),
        ("sqlite://///tmp/tokens.db", "/tmp/tokens.db"),
        ("SQLite:////tmp/tokens.db", "/tmp/tokens.db"),
        ("sqlite:////tmp/C:/tokens.db", "/tmp/C:/tokens.db"),
        ("sqlite:////tmp/a%20b%3F%23%25.db", "/tmp/a b?#%.db"),
        ("sqlite:////tmp/:memory:.db", "/tmp/:memory:.db"),
        ("sqlite:////tmp/a://b.db", "/tmp/a://b.db"),
        ("sqlite:////X.db", "/X.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    """Always by its absolute path, percent-encoded where a URL needs that."""
    assert parse_store_url(url) == StoreUrl("sqlite", path)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/0",
        "redis://localhost/?socket_timeout=0.5",
        "redis://:pass%2Fword@10.0.0.1:6380/2",
        "redis://user:p@ss@[::1]:6379",
        "rediss://user:password@cache.example.com:6379/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/valkey.sock",
        "unix://user:password@/run/valkey.sock?db=1",
    ],
)
def test_a_url_names_a_redis_server(url: str) -> None:
    """As redis-py takes it."""
    assert parse_store_url(url) == StoreUrl("redis", url)


def test_a_scheme_may_be_written_in_capitals() -> None:
    """redis-py wants it in small letters; the rest stays as it is."""
    assert parse_store_url("REDISS://User:PassWord@Cache").place == "rediss://User:PassWord@Cache"


@pytest.mark.parametrize(
    ("url", "region", "endpoint_url"),
    [
        ("dynamodb://Tokens_1.a-b", None, None),
        ("dynamodb://Tokens_1.a-b?region=eu-central-1", "eu-central-1", None),
        ("dynamodb://Tokens_1.a-b?endpoint_url=http://127.0.0.1:1234", None, "http://127.0.0.1:1234"),
        (
            "dynamodb://Tokens_1.a-b?endpoint_url=https%3A%2F%2Fvpce.example.com&region=us-gov-west-1",
            "us-gov-west-1",
            "https://vpce.example.com",
        ),
    ],
)
def test_a_url_names_a_table(url: str, region: str | None, endpoint_url: str | None) -> None:
    """Capitals count in its name."""
    assert parse_store_url(url) == StoreUrl("dynamodb", "Tokens_1.a-b", region, endpoint_url)


@pytest.mark.fault(178)
@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", f"is no URL of a store; {FORMS}"),
        ("redis", f"is no URL of a store; {FORMS}"),
        ("/tmp/tokens.db", f"is no URL of a store; {FORMS}"),
        ("https://cache.example.com", f"is no URL of a store; {FORMS}"),
        ("sqlite://tokens.db", f"has no absolute path after sqlite://; {SQLITE}"),
        ("sqlite://", f"has no absolute path after sqlite://; {SQLITE}"),
        ("sqlite:///", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///tmp/tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///./tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///:memory:", f"{SLASHES}; {SQLITE}"),
        (r"sqlite:///C:\data\tokens.db", WINDOWS),
        ("sqlite:///C:/my data/tokens.db", WINDOWS),
        ("sqlite:///c%3A/data/tokens.db", WINDOWS),
        ("sqlite:////C:/data/tokens.db", WINDOWS),
        (r"sqlite://C:\data\tokens.db", WINDOWS),
        ("sqlite:///C:", WINDOWS),
        (r"sqlite:///\\server\share\tokens.db", WINDOWS),
        ("sqlite:////", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////:memory:", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/a%00b", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/a?mode=ro", f"holds a ? (within a path, write %3F); {SQLITE}"),
        ("'sqlite:////tmp/tokens.db'", f"{QUOTED}; {FORMS}"),
        ("${TOKEN_STORE}", f"{PLACEHOLDER}; {FORMS}"),
        ("sqlite:////tmp/a b", f"holds white space or an invisible character; {SQLITE}"),
        ("redis://localhost\n", f"holds white space or an invisible character; {REDIS}"),
        ("redis://:a#b@localhost", f"holds a # (within a password or a path, write %23); {REDIS}"),
        ("redis://", f"{HOST}; {REDIS}"),
        ("rediss://:6379", f"{HOST}; {REDISS}"),
        ("redis://localhost:0", f"{HOST}; {REDIS}"),
        ("redis://localhost:70000", f"{HOST}; {REDIS}"),
        ("redis://:pass/word@localhost", f"{HOST}; {REDIS}"),
        ("redis://[::1", f"{HOST}; {REDIS}"),
        ("redis://:pass\u2100word@localhost", f"{HOST}; {REDIS}"),
        ("redis://localhost/tokens", f"has something other than a database's number after the host; {REDIS}"),
        ("unix://", f"names no socket file; {UNIX}"),
        ("unix:///run/", f"names no socket file; {UNIX}"),
        ("unix://[/run/valkey.sock", f"names no socket file; {UNIX}"),
        ("dynamodb://", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://to", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://tokens/a", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://key:secret@tokens", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://tokens?Region=eu-central-1", f"{QUERY}; {DYNAMODB}"),
        ("dynamodb://tokens?region=eu-central-1&region=eu-west-1", f"{QUERY}; {DYNAMODB}"),
        ("dynamodb://tokens?region=", f"has a region that cannot be one; {DYNAMODB}"),
        ("dynamodb://tokens?region=Frankfurt", f"has a region that cannot be one; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=127.0.0.1:8000", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=http://a:b@localhost", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=http://localhost:99999", f"{ENDPOINT}; {DYNAMODB}"),
    ],
)
def test_a_wrong_url_is_told_why(url: str, wrong: str) -> None:
    """With the form of what was probably meant."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        parse_store_url(url)
    assert str(caught.value) == wrong
    assert mistake(url) == wrong


@given(st.sampled_from(["redis://", "rediss://", "unix://", "sqlite://", "dynamodb://", ""]), st.text(), st.text())
def test_no_text_of_an_error_repeats_the_url(scheme: str, before: str, after: str) -> None:
    """It may hold a password. And nothing but ValueError comes, whatever it is."""
    try:
        shown = repr(parse_store_url(f"{scheme}{before}:PassWord4711@{after}"))
    except ValueError as error:
        shown = str(error)
    assert "4711" not in shown


class Whole:
    """Can do what a store does."""

    get = put = delete = close = print


class Client:
    """Looks like a client of redis-py."""

    get = delete = close = print


Client.__module__ = "redis.client"


@pytest.mark.parametrize("store", [Whole(), "sqlite:////tmp/tokens.db"], ids=["object", "URL"])
def test_a_store_is_an_object_that_can_do_its_part_or_a_url(store: object) -> None:
    """Then there is nothing to say."""
    assert mistake(store) is None


@pytest.mark.parametrize(
    ("store", "wrong"),
    [
        (
            None,
            f"is of type NoneType, which has no get, put, delete, close; use a store of s2sauth.stores, or {FORMS[4:]}",
        ),
        ({}, f"is of type dict, which has no put, delete, close; use a store of s2sauth.stores, or {FORMS[4:]}"),
        (Whole, "is the class Whole; use an object of it"),
        (Client(), "is a client, not a store; use s2sauth.stores.redis.RedisStore(client)"),
    ],
    ids=["None", "dict", "class", "client"],
)
def test_what_is_no_store_is_told_why(store: object, wrong: str) -> None:
    """By its type, never by its value."""
    assert mistake(store) == wrong


def test_one_variable_with_scopes_of_users_is_left_to_the_check_of_scopes() -> None:
    """Only beside another variable is it worth a word of its own."""
    assert from_environment("", {**COMPLETE, "COGNITO_SCOPES": "openid"}).scopes == "openid"


@pytest.mark.parametrize(
    "aliases",
    [
        {"APP_CLIENT_ID": "a b", "COGNITO_CLIENT_ID": "b a"},
        {"COGNITO_SCOPE": "demo/a\tdemo/b", "COGNITO_SCOPES": "demo/a demo/b"},
    ],
    ids=["ids", "scopes"],
)
def test_aliases_that_mean_different_things_clash(aliases: dict[str, str]) -> None:
    """The order of words matters but for scopes, and a tab is no space."""
    with pytest.raises(ConfigurationError, match="both are set and differ"):
        from_environment("", {**COMPLETE, **aliases})


def test_an_explicit_argument_wins_with_the_other_api_too() -> None:
    """GetClientToken needs no domain; what is given stays given."""
    environ = {**COMPLETE, "COGNITO_API": "get_client_token", "COGNITO_REGION": "eu-central-1", "COGNITO_SCOPES": "a"}
    assert from_environment("", environ, frozenset({"scopes"})).scopes is None


@pytest.mark.parametrize("module", ["redis.client", "valkey.client"])
def test_a_client_of_a_server_is_told_to_be_wrapped(module: str) -> None:
    """It is the likeliest mistake."""
    client = type("Client", (), {"__module__": module})()
    assert mistake(client) == "is a client, not a store; use s2sauth.stores.redis.RedisStore(client)"


def test_only_the_closest_argument_is_meant() -> None:
    """None that is far off."""
    assert argument("scope", ["scopes", "store", "strict"]) == "scopes"
    assert argument("timeout", ["domain", "region"]) is None
