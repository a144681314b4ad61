"""What can go wrong around the program: a clear message, nothing lost, no half-written state."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

import replay
from client import Api, Connection, eventually, problem, request_bytes, sign_up
from server import BINARY, Server, environment, free_port, run


def serve(*arguments, seconds=20, wrap=()):
    """A start that must fail: (exit code, what it said)."""
    ended = subprocess.run([*wrap, BINARY, "serve", *map(str, arguments)], capture_output=True, text=True,
                           timeout=seconds, env=environment(), check=False)
    return ended.returncode, ended.stdout + ended.stderr


def ports():
    return "--port", free_port(), "--metrics-port", free_port()


def with_mount(mount, folder):
    """What starts a program with a mount that only it sees; `$0` in `mount` is the folder. Users need a
    user namespace for that; root in a chroot may have none, and cannot change how its root propagates.
    """
    for ways in (["-rm"], ["-m"], ["-m", "--propagation", "unchanged"]):
        if subprocess.run(["unshare", *ways, "true"], capture_output=True, check=False).returncode == 0:
            return ["unshare", *ways, "sh", "-c", f'{mount} && exec "$@"', str(folder)]
    raise AssertionError("this machine lets nobody mount anything: these tests need `unshare`")


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.embedded
def test_a_taken_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for address in ("127.0.0.1", "0.0.0.0"):
            code, said = serve("--port", port, "--metrics-port", free_port(), "--address", address, "--data", tmp_path / "data")
            assert code == 2 and str(port) in said, (code, said)


@pytest.mark.embedded
def test_a_port_taken_by_ourselves(own_server, tmp_path):
    """Listeners share their port among the loops of one process, never with another process."""
    code, said = serve("--port", own_server.port, "--metrics-port", free_port(), "--address", "127.0.0.1",
                       "--data", tmp_path / "other")
    assert code == 2 and str(own_server.port) in said, (code, said)
    code, said = serve("--port", free_port(), "--metrics-port", own_server.metrics_port, "--address", "127.0.0.1",
                       "--data", tmp_path / "other")
    assert code == 2 and str(own_server.metrics_port) in said, (code, said)
    for _ in range(20):  # Nobody has taken its connections.
        fresh = Connection(own_server.address)
        assert fresh.request("GET", "/readyz").status == 200
        fresh.close()


@pytest.mark.embedded
def test_a_second_process_on_the_data_folder(own_server):
    person = own_server.person()
    a_list = person.make_list()
    for arguments in (["serve", *ports()], ["migrate"]):
        ended = run(*arguments, "--data", own_server.data)
        assert ended.returncode == 2, ended
        assert str(own_server.data) in ended.stdout + ended.stderr, ended
    person.add(a_list)
    assert person.whole(a_list)["item_count"] == 1


@pytest.mark.embedded
def test_a_restore_into_a_folder_in_use_is_refused(own_server, tmp_path):
    person = own_server.person()
    a_list = person.make_list()
    copy = tmp_path / "copy.db"
    assert run("backup", copy, "--data", own_server.data).returncode == 0
    person.add(a_list)
    ended = run("restore", copy, "--data", own_server.data)
    assert ended.returncode != 0 and str(own_server.data) in ended.stdout + ended.stderr, ended
    person.add(a_list)
    assert person.whole(a_list)["item_count"] == 2


@pytest.mark.embedded
@pytest.mark.parametrize("fresh", [True, False])
def test_a_read_only_data_folder(make_server, fresh):
    """Mounted read-only, so that it holds for root, too."""
    server = make_server()
    server.data.mkdir()
    if not fresh:
        server.start()
        server.person()
        server.stop()
    before = files_of(server.data)
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
    code, said = serve(*ports(), "--data", server.data, wrap=with_mount(mount, server.data))
    assert code == 2 and str(server.data) in said and "writ" in said, (code, said)
    assert files_of(server.data) == before
    server.start()


@pytest.mark.embedded
def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "data"):
        code, said = serve(*ports(), "--data", folder)
        assert code == 2 and str(tmp_path / "file") in said, (code, said)
    assert (tmp_path / "file").read_text() == "mine"


def spoil_start(path):
    with open(path, "r+b") as file:
        file.write(b"not a database, not at all" * 200)


def spoil_middle(path):
    with open(path, "r+b") as file:
        for page in range(2, os.path.getsize(path) // 4096, 2):
            file.seek(page * 4096)
            file.write(os.urandom(4096))


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 3 + 100)


@pytest.mark.embedded
@pytest.mark.parametrize("spoil", [spoil_start, spoil_middle, cut])
def test_a_damaged_database(own_server, spoil):
    person = own_server.person()
    for _ in range(20):
        person.add(person.make_list(), note="n" * 3000)
    assert own_server.stop() == 0
    spoil(own_server.database)
    before = own_server.database.read_bytes()
    code, said = serve(*ports(), "--data", own_server.data)
    assert code == 2 and "lists.db" in said, (code, said)
    assert own_server.database.read_bytes() == before, "a damaged file must not be made worse"


@pytest.mark.embedded
def test_a_schema_from_the_future(own_server):
    own_server.person()
    assert own_server.stop() == 0
    with sqlite3.connect(own_server.database) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    before = own_server.database.read_bytes()
    for arguments in (["serve", *ports()], ["migrate"]):
        ended = run(*arguments, "--data", own_server.data)
        said = ended.stdout + ended.stderr
        assert ended.returncode == 2 and "newer" in said and "lists.db" in said, said
    assert own_server.database.read_bytes() == before
    with sqlite3.connect(own_server.database) as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    own_server.start()


@pytest.mark.embedded
def test_a_database_of_another_program(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    with sqlite3.connect(folder / "lists.db") as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()
    before = (folder / "lists.db").read_bytes()
    code, said = serve(*ports(), "--data", folder)
    assert code == 2 and "lists.db" in said
    assert (folder / "lists.db").read_bytes() == before


@pytest.mark.embedded
def test_every_wrong_setting_is_told_at_once(tmp_path):
    wrong = ["--port", "65536", "--data", "", "--metrics-port", "x", "--public-url", "lists.example.org", "--colour", "red"]
    for command in ("serve", "check-config"):
        ended = run(command, *wrong, env={"LISTS_CACHE_MIB": "0", "LISTS_ADDRESS": "here"})
        assert ended.returncode == 2, ended
        for name in ("--port", "--data", "--metrics-port", "--public-url", "--colour", "LISTS_CACHE_MIB", "LISTS_ADDRESS"):
            assert name in ended.stderr, (name, ended.stderr)
    assert run("check-config", "--data", tmp_path / "data").returncode == 0
    assert not (tmp_path / "data").exists()
    assert run("no-such-command").returncode == 2
    assert run("version").returncode == run("help").returncode == 0


def test_settings_come_from_the_environment_too(tmp_path):
    port = free_port()
    server = Server(tmp_path / "data", env={"LISTS_LOG_REQUESTS": "true", "LISTS_PORT": str(port)}).start()
    try:
        assert server.port != port  # The flag wins.
        server.api().get("/livez", status=200)
        eventually(lambda: "/livez" in server.output())
    finally:
        server.close()


@pytest.mark.embedded
def test_migrate_is_run_at_start_and_by_hand(tmp_path):
    for _ in range(2):
        ended = run("migrate", "--data", tmp_path / "by-hand")
        assert ended.returncode == 0, ended
    server = Server(tmp_path / "at-start").start()
    try:
        lines = [json.loads(line) for line in server.output().splitlines()]
        assert any("migration" in line["event"] for line in lines)
        assert server.stop() == 0
    finally:
        server.kill()


# A full disk.

@pytest.mark.embedded
def test_a_full_disk_is_survived(tmp_path):
    """Writes are 503 and change nothing, reads go on; with room again writes go on, without a restart."""
    folder = tmp_path / "disk"
    folder.mkdir()
    server = Server(folder / "data", wrap=with_mount('mount -t tmpfs -o size=24m lists "$0"', folder))
    server.log_file = tmp_path / "log"
    server.start()
    try:
        inside = f"/proc/{server.process.pid}/root{folder}"  # The disk is there for that process only.
        person = sign_up(server.address)
        a_list = person.make_list()
        acknowledged = [person.add(a_list, f"{n}", note="n" * 100)["text"] for n in range(20)]
        with open(f"{inside}/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
            except OSError:
                pass
            try:
                while True:
                    filler.write(b"x" * 512)
            except OSError:
                pass
        refused = 0
        for n in range(400):
            answer = person.post(f"/v1/lists/{a_list}/items", {"text": f"full {n}", "note": "n" * 15000})
            if answer.status == 201:  # What is in the log's file already can be written over.
                acknowledged.append(f"full {n}")
                continue
            problem(answer, 503)
            assert int(answer.header("Retry-After")) >= 1
            refused += 1
            assert answer.json()["code"] != "outcome_unknown"
            assert person.texts(a_list) == acknowledged
            if refused == 20:
                break
        assert refused == 20, "the disk was not full"
        person.get("/v1/lists", status=200)
        person.get(f"/v1/lists/{a_list}/changes", status=200)
        server.api().get("/livez", status=200)
        assert Api(server.address).post("/v1/auth/sign-in", {"email": person.email, "password": "wrong"}).status in (401, 503)
        os.unlink(f"{inside}/filler")

        def written():
            answer = person.post(f"/v1/lists/{a_list}/items", {"text": "room again"})
            assert answer.status in (201, 503), answer
            return answer.status == 201

        eventually(written, 10)
        acknowledged.append("room again")
        acknowledged += [person.add(a_list, f"after {n}", note="n" * 15000)["text"] for n in range(100)]
        assert person.texts(a_list) == acknowledged
        replay.check_log(person.log(a_list), a_list, person.whole(a_list), person.id)
        shutil.copytree(f"{inside}/data", tmp_path / "copy")
        database = sqlite3.connect(tmp_path / "copy" / "lists.db")
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        assert server.stop() == 0
    finally:
        server.kill()


# The end of a process.

def test_sigterm_drains(own_server):
    """readyz turns or the port closes first; no accepted request loses its answer; exit 0 in 10 s."""
    person = own_server.person()
    lists = [person.make_list() for _ in range(8)]  # One would be full before the end.
    stop, counts, problems = threading.Event(), [0] * 8, []

    def write(n):
        connection, asked, told = Connection(own_server.address), 0, 0
        try:
            while not stop.is_set():
                body = json.dumps({"text": f"{n}.{asked}"}).encode()
                connection.send(request_bytes(own_server.address, "POST", f"/v1/lists/{lists[n]}/items", [
                    ("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")], body))
                asked += 1
                answer = connection.read()
                if answer.status == 503:  # Said, not lost.
                    break
                if answer.status != 201:
                    problems.append(answer)
                told += 1
                if (answer.header("Connection") or "").lower() == "close":
                    break
        except (ConnectionError, OSError):
            pass  # Closed between two requests: asked once more than told, checked below.
        counts[n] = (asked, told)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    eventually(lambda: all(person.whole(each)["item_count"] > 20 for each in lists))
    began = time.monotonic()
    own_server.signal(signal.SIGTERM)
    code = own_server.wait(11)
    stop.set()
    for writer in writers:
        writer.join()
    assert code == 0 and time.monotonic() - began < 10.5 and problems == []
    own_server.start()
    api = Api(own_server.address, person.token)
    for n, (asked, told) in enumerate(counts):
        mine = {item["text"] for item in api.get(f"/v1/lists/{lists[n]}", status=200).json()["items"]}
        assert mine == {f"{n}.{each}" for each in range(told)}, (
            "what was done was answered", n, asked, told, len(mine))


@pytest.mark.one_process  # What one has accepted, another need not have.
def test_sigterm_answers_what_was_accepted(own_server):
    """A slow request that has been accepted (argon2, queued behind others) gets its answer."""
    people = [own_server.person() for _ in range(2)]
    connections = [Connection(own_server.address) for _ in range(12)]
    for n, connection in enumerate(connections):
        body = json.dumps({"email": people[n % 2].email, "password": people[0].password}).encode()
        connection.send(request_bytes(own_server.address, "POST", "/v1/auth/sign-in",
                                      [("Content-Type", "application/json")], body))
    first = connections[0].read()  # So the others have been accepted.
    own_server.signal(signal.SIGTERM)
    answers = [first] + [connection.read() for connection in connections[1:]]
    assert {answer.status for answer in answers} <= {200, 503} and first.status == 200
    assert own_server.wait(11) == 0


def test_sigterm_turns_readyz_and_closes_idle_connections(own_server):
    idle = [Connection(own_server.address) for _ in range(5)]
    for connection in idle:
        assert connection.request("GET", "/livez").status == 200
    own_server.signal(signal.SIGTERM)
    assert own_server.wait(11) == 0
    for connection in idle:
        assert connection.at_end()
    with pytest.raises(OSError):
        Connection(own_server.address, timeout=2)


def test_sigint_ends_it_too(own_server):
    own_server.signal(signal.SIGINT)
    assert own_server.wait(11) == 0


def test_sigterm_ends_it_in_time_whoever_hangs(own_server):
    """Half a request on each listener: neither is waited for beyond the 10 seconds, both together."""
    metrics = (own_server.address[0], own_server.metrics_port)
    hanging = [Connection(own_server.address), Connection(metrics)]
    for connection in hanging:
        connection.send(b"POST /v1/lists HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    assert own_server.api().get("/livez").status == 200
    own_server.signal(signal.SIGTERM)
    assert own_server.wait(10) == 0
