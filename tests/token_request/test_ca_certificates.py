"""The CA certificates: read once, shared, read again when they have changed on disk; what cannot be read is named.

`_tls` is private: what the objects of a process share, and what a test run itself has imported, no caller can change.
"""

import _thread
import errno
import gc
import os
import socket
import ssl
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from weakref import WeakValueDictionary

import certifi
import httpx
import pytest
import trustme

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy, TokenUnavailable, _tls
from s2sauth._process import next_generation
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.forking import in_child
from tests.support.settled import eventually
from tests.support.tls import authority, server_context
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]


class Endpoint:
    """A token endpoint whose certificate is replaced by that of another CA."""

    def __init__(self, clock: ManualClock) -> None:
        self.ca = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost").configure_cert(self.context)
        self.fake = FakeCognito(clock=clock, ssl_context=self.context)

    def change_ca(self) -> None:
        """From now on only the new CA is of use."""
        self.ca = trustme.CA()
        self.ca.issue_cert("localhost").configure_cert(self.context)


def renamed(file: Path, content: bytes) -> None:
    """As a careful writer does."""
    other = file.with_suffix(".new")
    other.write_bytes(content)
    other.replace(file)


def written(file: Path, content: bytes) -> None:
    """As `cp` does: the same file, with the same times."""
    before = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def switched(file: Path, content: bytes) -> None:
    """As Kubernetes does: the name is a symbolic link, which leads elsewhere."""
    elsewhere = file.with_name(f"data-{len(list(file.parent.iterdir()))}")
    elsewhere.write_bytes(content)
    link = file.with_suffix(".link")
    link.symlink_to(elsewhere)
    link.replace(file)


@pytest.mark.fault(171)
@pytest.mark.parametrize("replace", [renamed, written, switched])
@pytest.mark.parametrize("by", ["SSL_CERT_FILE", "the library's own bundle"])
def test_ca_file_is_read_again_when_it_has_changed(
    make: Make,
    clock: ManualClock,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    replace: Callable[[Path, bytes], None],
    by: str,
) -> None:
    """The object that lives on trusts the new CA with its next token request, and no longer the old one."""
    endpoint, file = Endpoint(clock), tmp_path / "ca.pem"
    file.write_bytes(endpoint.ca.cert_pem.bytes())
    if by == "SSL_CERT_FILE":
        monkeypatch.setenv(by, str(file))
    else:
        monkeypatch.setattr(certifi, "where", lambda: str(file))
        monkeypatch.setattr(httpx._config, "certifi", certifi, raising=False)
    with endpoint.fake as fake:
        credentials = make(at=fake, http_client=None)
        first = world.get(credentials)
        endpoint.change_ca()
        clock.advance(3600)
        with pytest.raises(TokenUnavailable, match="certificate was refused"):
            world.get(credentials)
        replace(file, endpoint.ca.cert_pem.bytes())
        clock.advance(1)
        assert world.get(credentials) is not first


@pytest.mark.fault(171)
def test_folder_of_ca_files_is_read_again_when_one_has_changed(
    make: Make, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_DIR: OpenSSL keeps what it has found there, so the context is made again."""
    folder, made, create = tmp_path / "certs", list[ssl.SSLContext](), httpx.create_ssl_context
    folder.mkdir()
    (folder / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: made.append(create()) or made[-1])
    certificates = _tls.Certificates(httpx, ())
    assert certificates.context() is certificates.context()
    written(folder / "ca.pem", trustme.CA().cert_pem.bytes())
    certificates.context()
    assert len(made) == 2


@pytest.mark.fault(171)
def test_ca_file_that_is_gone_for_a_while_costs_no_call(
    make: Make, clock: ManualClock, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STALE: the old token, until the file is there again."""
    endpoint, file = Endpoint(clock), tmp_path / "ca.pem"
    file.write_bytes(endpoint.ca.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with endpoint.fake as fake:
        credentials = make(at=fake, http_client=None)
        old = world.get(credentials)
        kept = file.read_bytes()
        file.unlink()
        clock.advance(3400)
        for _ in range(5):
            assert world.get(credentials) is old
            settle(credentials)
        assert credentials.state().last_error == "ConfigurationError"
        file.write_bytes(kept)
        clock.advance(10)
        world.get(credentials)
        settle(credentials)
        assert world.get(credentials) is not old


def settle(credentials: CognitoClientCredentials) -> None:
    """Return when no flight is in progress."""
    eventually(lambda: credentials.state().next_renewal_in is not None)


@pytest.mark.parametrize("name", sorted(_tls.FORKS_IN_C))
def test_no_thread_reads_ahead_where_c_code_may_fork(
    make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """uWSGI forks after it has imported the application; the flight reads, in the worker."""
    started: list[object] = []
    monkeypatch.setattr(_tls, "FORKS_IN_C", frozenset({name}))
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda *work: started.append(work) or 0)
        credentials = make(http_client=None)
        credentials.httpx_auth(fake.api_url)
    assert started == []
    credentials.get_token()


UNREADABLE = {
    "file, not there": ("SSL_CERT_FILE", lambda folder: folder / "missing.pem", "FileNotFoundError"),
    "file, empty": ("SSL_CERT_FILE", lambda folder: made_in(folder, b""), "SSLError"),
    "file, no certificate": ("SSL_CERT_FILE", lambda folder: made_in(folder, b"hunter22"), "SSLError"),
    "file, a folder": ("SSL_CERT_FILE", lambda folder: folder, "IsADirectoryError"),
    "key log, a folder": ("SSLKEYLOGFILE", lambda folder: folder, "IsADirectoryError"),
    "key log, nowhere": ("SSLKEYLOGFILE", lambda folder: folder / "missing" / "keys.log", "FileNotFoundError"),
}


def made_in(folder: Path, content: bytes) -> Path:
    """A file."""
    file = folder / "file.pem"
    file.write_bytes(content)
    return file


@pytest.mark.fault(205)
@pytest.mark.parametrize(("variable", "path", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_file_that_cannot_be_used_is_named_with_its_variable(
    make: Make,
    fake: FakeCognito,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    path: Callable[[Path], Path],
    says: str,
) -> None:
    """A ConfigurationError; the other variables are not blamed."""
    monkeypatch.setenv(variable, str(path(tmp_path)))
    monkeypatch.setattr(_tls, "_contexts", {})
    with pytest.raises(ConfigurationError, match=rf"^{variable}: .* cannot be .*{says}") as caught:
        make(http_client=None).get_token()
    assert "hunter22" not in str(caught.value)
    assert fake.counts()["token_connections"] == 0


def test_key_log_that_can_be_written_is_not_blamed_for_the_ca_file(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own text."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"^SSL_CERT_FILE: "):
        make(http_client=None).get_token()


def test_librarys_own_bundle_that_is_not_there_is_named_as_such(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is set, so none is blamed."""
    monkeypatch.setattr(_tls, "_contexts", {})
    monkeypatch.setattr(certifi, "where", lambda: "/nowhere/cacert.pem")
    with pytest.raises(ConfigurationError, match=r"CA certificates of the HTTP library .*certifi"):
        make(http_client=None).get_token()


@pytest.mark.fault(205)
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize("where", ["the CA file", "the connection"])
def test_too_many_open_files_are_named(make: Make, monkeypatch: pytest.MonkeyPatch, where: str, number: int) -> None:
    """TokenUnavailable: the next try may find one. Neither the CA file nor the domain is blamed."""

    def refuse(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    credentials = make(http_client=None, policy=RenewalPolicy(attempts=1))
    with monkeypatch.context() as patch:
        patch.setattr(_tls, "_contexts", {})
        owner, name = (httpx, "create_ssl_context") if where == "the CA file" else (socket, "socket")
        patch.setattr(owner, name, refuse)
        with pytest.raises(TokenUnavailable, match=r"too many open files .*ulimit"):
            credentials.get_token()


VERIFIED = {
    "expired": (lambda: server_context(expired=True), "not valid at this time"),
    "another host": (lambda: server_context("other.example"), "for another host"),
}


@pytest.mark.fault(204)
@pytest.mark.parametrize(("context", "says"), VERIFIED.values(), ids=VERIFIED)
def test_reason_of_a_refused_certificate_is_the_one_that_openssl_gives(
    make: Make,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    context: Callable[[], ssl.SSLContext],
    says: str,
) -> None:
    """An expired certificate is not blamed on a proxy's CA."""

    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        FakeCognito(clock=clock, ssl_context=context()) as fake,
        pytest.raises(TokenUnavailable, match=says) as caught,
    ):
        make(domain=fake.domain, http_client=None).get_token()
    assert "Trust that CA" not in str(caught.value)


@pytest.fixture
def nobody_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No object of another test, not collected yet, has certificates to share."""
    monkeypatch.setattr(_tls, "_contexts", WeakValueDictionary())
    monkeypatch.setattr(_tls, "FORKS_IN_C", frozenset())  # the test run itself has ctypes


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, nobody_has_read: None) -> list[weakref.ref[ssl.SSLContext]]:
    """The contexts that were made by httpx, for as long as somebody has them."""
    found, create = list[weakref.ref[ssl.SSLContext]](), httpx.create_ssl_context

    def counting() -> ssl.SSLContext:
        context = create()
        found.append(weakref.ref(context))
        return context

    monkeypatch.setattr(httpx, "create_ssl_context", counting)
    return found


def test_ssl_context_is_made_once_and_kept(
    make: Make, fake: FakeCognito, clock: ManualClock, made: list[object]
) -> None:
    """Reading the CA file takes longer than all the rest of a flight."""
    credentials = make(http_client=None)
    for _ in range(3):
        credentials.get_token()
        clock.advance(3600)
    assert fake.counts()["token_requests"] == 3
    assert len(made) == 1


def test_ssl_context_is_shared_by_the_objects_of_a_process_and_goes_with_the_last(
    fake: FakeCognito, made: list[weakref.ref[ssl.SSLContext]]
) -> None:
    """Its certificates are 0.7 MB. Nothing of an object goes by it: no token, secret or connection."""
    several = [CognitoClientCredentials.from_env(environ=fake.environ) for _ in range(3)]
    assert len({credentials.get_token().access_token for credentials in several}) == 3
    assert len(made) == 1
    del several
    eventually(lambda: (gc.collect(), made[0]() is None)[1])
    CognitoClientCredentials.from_env(environ=fake.environ).get_token()
    assert len(made) == 2


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_ssl_context_is_not_shared_once_the_certificates_are_others(
    make: Make, made: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The variable is another one, or its file was written anew."""
    first = make(http_client=None)
    first.get_token()
    path = tmp_path / "ca.pem"
    if variable == "SSL_CERT_DIR":
        path.mkdir()
    else:
        authority().cert_pem.write_to_path(str(path))
    monkeypatch.setenv(variable, str(path))
    second = make(http_client=None)
    second.get_token()
    assert len(made) == 2
    if variable == "SSL_CERT_DIR":
        authority().cert_pem.write_to_path(str(path / "ca.pem"))
    else:
        os.utime(path, (1, 1))
    third = make(http_client=None)
    third.get_token()
    assert len(made) == 3


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_when_the_hook_is_made(make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a thread of its own, beside the making of the caller's client; the first flight waits for it."""
    reading, go, create = threading.Event(), threading.Event(), httpx.create_ssl_context
    readers: list[int] = []

    def gated() -> ssl.SSLContext:
        readers.append(threading.get_ident())
        reading.set()
        go.wait(10)
        return create()

    monkeypatch.setattr(httpx, "create_ssl_context", gated)
    credentials = make(http_client=None)
    credentials.httpx_auth(fake.api_url)
    assert reading.wait(10)
    callers = Threads().ask(credentials)
    assert fake.counts()["token_connections"] == 0
    go.set()
    callers.values()
    assert len(readers) == 1
    assert readers != [threading.get_ident()]


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_by_the_flight_when_no_thread_can_start(
    make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the process's limit of threads."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    make(http_client=None).get_token()
    assert fake.counts()["token_requests"] == 1


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_anew_by_the_child_of_a_fork_that_came_meanwhile(
    make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that reads it does not live there."""
    started: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda *work: started.append(work) or 0)
        credentials = make(http_client=None)
        credentials.httpx_auth(fake.api_url)
    assert len(started) == 1
    assert in_child(lambda: credentials.get_token().scopes) == ("demo/read.file",)
    next_generation()
    assert credentials.get_token().scopes == ("demo/read.file",)
