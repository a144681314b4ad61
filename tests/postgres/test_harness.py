"""The servers and the proxy of these tests do what they say."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from cluster import BIN, Cluster, environment, processes, wait_until
from proxy import Proxy

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(name="servers", scope="module")
def fixture_servers():
    with Cluster(replicas=True, memory=True) as cluster:
        cluster.primary.sql("CREATE TABLE t (n int)")
        yield cluster
    assert not cluster.folder.exists()
    assert not processes(cluster.mark)


def psql(url, text) -> str:
    """As a program outside: over TCP, with nothing but the address."""
    done = subprocess.run([BIN / "psql", "-XqAt", url, "-c", text], capture_output=True, text=True,
                          timeout=20, env=environment(PGCONNECT_TIMEOUT="5"), check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def count(node) -> int:
    return int(node.sql("SELECT count(*) FROM t"))


# ---- Servers

def test_roles_and_certificate(servers):
    query = "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    proof = f"?sslmode=verify-full&sslrootcert={servers.ca}"
    for role in ("lists_service", "lists_owner"):
        assert psql(servers.url(role) + proof, query) == f"{role}|t"
    assert psql(servers.url() + "?sslmode=disable", query) == "lists_service|f"


def test_a_fresh_database_is_like_the_service_s(servers):
    assert servers.fresh_database("Fresh one") == "Fresh one"
    owner = servers.url("lists_owner", database="Fresh%20one")
    service = servers.url(database="Fresh%20one")
    assert psql(owner, "CREATE TABLE own (n int)") == ""
    assert psql(service, "INSERT INTO own VALUES (1) RETURNING n") == "1"
    assert "permission denied" in psql(service, "CREATE TABLE mine (n int)")
    query = ("SELECT datdba, datacl, array(SELECT (setrole, setconfig)::text FROM pg_db_role_setting s "
             "WHERE s.setdatabase = d.oid ORDER BY 1) FROM pg_database d WHERE datname = '{}'")
    assert servers.primary.sql(query.format("Fresh one")) == \
        servers.primary.sql(query.format("devops_demo_service"))
    servers.drop_database("Fresh one")
    assert "does not exist" in psql(service, "SELECT 1")


def test_an_error_of_sql_is_raised(servers):
    with pytest.raises(RuntimeError, match="division by zero"):
        servers.primary.sql("SELECT 1/0")


def test_a_killed_primary_keeps_what_it_committed(servers):
    before = count(servers.primary)
    servers.primary.sql("INSERT INTO t VALUES (1)")
    servers.primary.kill()
    assert not processes(servers.primary.mark)
    assert "refused" in psql(servers.url(), "SELECT 1") or "closed" in psql(servers.url(), "SELECT 1")
    servers.primary.start()
    assert count(servers.primary) == before + 1
    assert "database system was not properly shut down" in servers.primary.log()
    servers.wait_streaming("sync", state="sync")


def test_settings_hold_after_reload(servers):
    servers.primary.set(lock_timeout="1234ms", log_line_prefix="it''s ")
    assert servers.primary.sql("SHOW lock_timeout; SHOW log_line_prefix") == "1234ms\nit''s "
    servers.primary.set(lock_timeout=None, log_line_prefix=None)
    assert servers.primary.sql("SHOW lock_timeout") == "0"


def test_a_paused_server_answers_when_resumed(servers):
    servers.primary.pause()
    with pytest.raises(subprocess.TimeoutExpired):
        servers.primary.sql("SELECT 1", seconds=0.5)
    servers.primary.resume()
    assert servers.primary.sql("SELECT 1") == "1"


def test_replicas_follow_and_one_late(servers):
    assert servers.sync.is_in_recovery() and not servers.primary.is_in_recovery()
    before = count(servers.primary)
    servers.delay(servers.async_, 60_000)
    servers.primary.sql("INSERT INTO t VALUES (2)")
    servers.wait_caught_up(servers.sync)
    assert (count(servers.sync), count(servers.async_)) == (before + 1, before)
    servers.delay(servers.async_, 0)
    servers.wait_caught_up(servers.async_)
    assert count(servers.async_) == before + 1


def test_commits_wait_for_the_synchronous_replica(servers):
    servers.sync.pause()
    with pytest.raises(subprocess.TimeoutExpired):
        servers.primary.sql("INSERT INTO t VALUES (3)", seconds=0.5)
    servers.drop_synchronous()
    servers.primary.sql("INSERT INTO t VALUES (4)", seconds=10)
    servers.sync.resume()
    servers.make_synchronous()
    assert servers.primary.sql("SELECT sync_state FROM pg_stat_replication ORDER BY 1") == "async\nsync"


def test_a_replica_is_promoted_and_followed():
    with Cluster(memory=True) as cluster:
        cluster.add_replica("async")
        cluster.add_replica("sync")
        cluster.primary.sql("CREATE TABLE t (n int)")
        cluster.primary.kill()
        cluster.sync.promote()
        cluster.sync.sql("INSERT INTO t VALUES (1)")
        cluster.follow(cluster.async_, cluster.sync)
        cluster.wait_streaming("async", cluster.sync)
        cluster.wait_caught_up(cluster.async_, cluster.sync)
        assert count(cluster.async_) == 1


def run_cluster(command):
    return subprocess.Popen([sys.executable, HERE / "cluster.py", "run", "--memory", "--", "sh", "-c",
                             command], stdout=subprocess.PIPE, text=True)


def test_the_command_line_ends_with_the_command_s_code():
    with run_cluster(f"{BIN}/psql -XqAt $LISTS_TEST_POSTGRES_ADMIN -c 'SHOW fsync'; exit 7") as process:
        assert (process.stdout.read(), process.wait()) == ("on\n", 7)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_told_to_end(number):
    command = "echo $LISTS_TEST_POSTGRES_CA; echo $LISTS_TEST_POSTGRES; exec cat /dev/zero > /dev/null"
    with run_cluster("echo $$; " + command) as process:
        child = int(process.stdout.readline())
        folder = pathlib.Path(process.stdout.readline().strip()).parent
        port = urllib.parse.urlsplit(process.stdout.readline().strip()).port
        assert (folder / "primary" / "postmaster.pid").exists()
        process.send_signal(number)
        assert process.wait(20) in (128 + number, -number)
        wait_until(lambda: not folder.exists(), 10, f"{folder} is gone")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # The command, which after a SIGKILL nobody has ended.


# ---- Proxy

class Echo:
    """A server that says back what it hears; `heard` is all of it."""

    def __init__(self):
        self.listener, self.heard = socket.create_server(("127.0.0.1", 0)), bytearray()
        self.address = self.listener.getsockname()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.listener.accept()[:1], daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError), sock:
            while data := sock.recv(65536):
                self.heard += data
                sock.sendall(data)


@pytest.fixture(name="echo")
def fixture_echo():
    echo = Echo()
    yield echo
    echo.listener.close()


@pytest.fixture(name="proxy")
def fixture_proxy(echo):
    with Proxy(echo.address) as proxy:
        yield proxy


def client(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def ask(sock, data) -> bytes:
    sock.sendall(data)
    return receive(sock, len(data))


def receive(sock, size) -> bytes:
    """So much, or less where the connection ends. (MSG_WAITALL does nothing beside a time limit.)"""
    parts = bytearray()
    while len(parts) < size and (part := sock.recv(size - len(parts))):
        parts += part
    return bytes(parts)


def silent(sock) -> bool:
    sock.settimeout(0.2)
    try:
        return sock.recv(1) is None
    except TimeoutError:
        return True
    finally:
        sock.settimeout(10)


def test_it_passes_all_on(proxy):
    data = os.urandom(5_000_000)
    with client(proxy) as one, client(proxy) as two:
        sender = threading.Thread(target=one.sendall, args=(data,))
        sender.start()
        assert ask(two, b"ping") == b"ping"
        assert receive(one, len(data)) == data
        sender.join()
        found = proxy.counters()
        assert (found["connections"], found["open"]) == (2, 2)
        assert found["bytes_up"] == found["bytes_down"] == len(data) + 4
    wait_until(lambda: proxy.counters()["open"] == 0, 10, "both are closed")


def test_it_delays_in_order(proxy):
    with client(proxy) as sock:
        assert ask(sock, b"a") == b"a"
        proxy.delay(0.1)
        start = time.monotonic()
        sock.sendall(b"b")
        proxy.delay(0)
        assert ask(sock, b"c") == b"b" and sock.recv(1) == b"c"
        assert time.monotonic() - start >= 0.05
        proxy.delay(0.1)
        start = time.monotonic()
        assert ask(sock, b"d") == b"d"
        assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize("reset", [True, False])
def test_it_cuts(proxy, reset):
    with client(proxy) as one, client(proxy) as two:
        assert ask(one, b"a") + ask(two, b"b") == b"ab"
        assert proxy.cut(reset) == 2
        for sock in (one, two):
            if reset:
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
            else:
                assert sock.recv(1) == b""
    with client(proxy) as sock:
        assert ask(sock, b"c") == b"c"


def test_it_refuses(proxy):
    with client(proxy) as sock:
        assert ask(sock, b"a") == b"a"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            client(proxy)
        assert ask(sock, b"b") == b"b"
    proxy.refuse(False)
    with client(proxy) as sock:
        assert ask(sock, b"c") == b"c"


def test_a_target_that_refuses_ends_the_connection(proxy, echo):
    echo.listener.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionResetError), client(proxy) as sock:  # While it connects, or after.
        sock.recv(1)
    assert proxy.counters()["failed"] == 1


def test_it_swallows(proxy, echo):
    with client(proxy) as old:
        assert ask(old, b"a") == b"a"
        proxy.black_hole()
        with client(proxy) as new:
            for sock in (old, new):
                sock.sendall(b"lost")
                assert silent(sock)
            proxy.wait_for("swallowed", 8)
            proxy.black_hole(False)
            for sock in (old, new):
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
    assert echo.heard == b"a"
    with client(proxy) as sock:
        assert ask(sock, b"b") == b"b"


def test_it_freezes_and_loses_nothing(proxy, echo):
    with client(proxy) as old:
        assert ask(old, b"a") == b"a"
        proxy.freeze()
        with client(proxy) as new:
            for sock in (old, new):
                sock.sendall(b"late")
                assert silent(sock)
            assert echo.heard == b"a"
            proxy.freeze(False)
            assert receive(old, 4) == receive(new, 4) == b"late"


def test_it_gives_half_an_answer(proxy, echo):
    with client(proxy) as old, client(proxy) as new:
        assert ask(old, b"abc") == b"abc"
        proxy.half_answer(5)
        for sock in (old, new):
            assert ask(sock, b"123") == b"123"
            assert ask(sock, b"4567") == b"45"
    proxy.half_answer(0, once=True)
    with client(proxy) as one, client(proxy) as two:
        assert ask(one, b"one") == b""
        assert ask(two, b"two") == b"two"
    proxy.half_answer(None)
    assert proxy.counters()["cuts"] == 3
    assert echo.heard.endswith(b"onetwo")


def test_it_cuts_after_a_request(proxy, echo):
    proxy.cut_after_request(2, b"COMMIT")
    with client(proxy) as one, client(proxy) as two:
        assert ask(one, b"COMMIT 1") == b"COMMIT 1"
        assert ask(one, b"BEGIN") == b"BEGIN"
        assert ask(two, b"COMMIT 2") == b""
        assert ask(one, b"COMMIT 3") == b"COMMIT 3"
    wait_until(lambda: b"COMMIT 2" in echo.heard, 10, "it was heard")


def test_its_target_can_move(proxy):
    other = Echo()
    with client(proxy) as old:
        assert ask(old, b"a") == b"a"
        proxy.target = other.address
        with client(proxy) as new:
            assert ask(new, b"new") == b"new"
        assert ask(old, b"b") == b"b"
    assert other.heard == b"new"


def test_between_a_client_and_a_server(servers):
    before = count(servers.primary)
    with Proxy(("127.0.0.1", servers.primary.port)) as proxy:
        url = servers.url("postgres", port=proxy.port, database="postgres") + "?sslmode=disable"
        assert psql(url, "SELECT 1") == "1"
        proxy.cut_after_request(1, b"INSERT")
        assert "server closed the connection unexpectedly" in psql(url, "INSERT INTO t VALUES (5)")
        wait_until(lambda: count(servers.primary) == before + 1, 10, "it is carried out all the same")
        proxy.target = ("127.0.0.1", servers.async_.port)
        assert psql(url, "SELECT pg_is_in_recovery()") == "t"
