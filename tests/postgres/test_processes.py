"""Several processes on one database show the same, end the same sessions, and outlive its faults."""
import re
import subprocess
import threading
import time

import pytest

from cluster import BIN, DATABASE, Cluster, environment
from proxy import Proxy
from services import Fleet, Together, is_long, make_lists, pause, sign_in, uuid7, wait_until
from storm import Storm, blowing

PASSWORD = "correct horse battery staple"
TX = "pg_current_xact_id()::text::bigint"
TIMES = 1000 if is_long() else 100


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet():
    with Cluster(memory=True) as cluster, Fleet(cluster) as fleet:
        yield fleet


@pytest.fixture(name="person", scope="module")
def fixture_person(fleet):
    return fleet.person()


def log_row(list_id, effect) -> str:
    """A change of members, with no call for it yet: the list's next revision and its row of the log."""
    return f"""
        UPDATE lists SET revision = revision + 1, updated_at = now(), tx = {TX} WHERE id = '{list_id}';
        INSERT INTO changes (list_id, revision, op_id, at, actor_id, kind, status, effects, digest, tx)
            SELECT id, revision, '{uuid7()}', now(), creator_id, 'grant', 'applied', '[{effect}]',
                sha256(id::text::bytea), {TX} FROM lists WHERE id = '{list_id}';
        """


def share(fleet, list_id, person, role="editor"):
    effect = f'{{"entity":"member","id":"{person.id}","set":{{"role":"{role}"}},"previous":null}}'
    fleet.cluster.primary.sql(f"""
        BEGIN;
        UPDATE users SET membership_count = membership_count + 1 WHERE id = '{person.id}';
        INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)
            VALUES ('{list_id}', '{person.id}', '{role}', now(), {TX});
        {log_row(list_id, effect)}
        COMMIT;
        """, database=DATABASE)


def unshare(fleet, list_id, person, role="editor"):
    effect = f'{{"entity":"member","id":"{person.id}","set":null,"previous":{{"role":"{role}"}}}}'
    fleet.cluster.primary.sql(f"""
        BEGIN;
        UPDATE users SET membership_count = membership_count - 1 WHERE id = '{person.id}';
        UPDATE members SET removed_at = now(), visible_tx = {TX}
            WHERE list_id = '{list_id}' AND user_id = '{person.id}';
        {log_row(list_id, effect)}
        COMMIT;
        """, database=DATABASE)


def last_time(caller, service, target, is_old, seconds):
    """Asks over and over until the answer is not the old one; when the last old answer came."""
    last, end = 0.0, time.monotonic() + seconds
    while True:
        answer = caller.once("GET", target, service=service)
        now = time.monotonic()
        if not is_old(answer):
            return last, answer
        last = now
        assert now < end, f"still after {seconds} s: {answer}"


# ---- What one does, the other shows

def test_a_removed_member_is_out_everywhere_within_a_second(fleet, person):
    other = fleet.person()
    caller, times = fleet.caller(other), []
    for list_id in make_lists(fleet.caller(person), 5):
        share(fleet, list_id, other)
        target = f"/v1/lists/{list_id}"
        for service in fleet.all:
            wait_until(lambda to=service, at=target: caller.once("GET", at, service=to).status == 200, 2,
                       "a member")
        unshare(fleet, list_id, other)
        began = time.monotonic()
        for service in fleet.all:
            last, answer = last_time(caller, service, target, lambda answer: answer.status == 200, 3)
            assert answer.status == 404, answer
            times.append(last - began)
            put = caller.once("PUT", f"{target}/items/{uuid7()}", {"text": "Not mine"}, service=service)
            assert put.status == 404, put
    print(f"out after {max(times):.2f} s at most")
    assert max(times) < 1.0, times


def test_a_deleted_account_is_out_everywhere(fleet):
    owner, editor = fleet.person(), fleet.person()
    list_id = make_lists(fleet.caller(owner), 1)[0]
    share(fleet, list_id, editor)
    target, (first, second) = f"/v1/lists/{list_id}", fleet.all
    callers = fleet.caller(owner), fleet.caller(editor)
    for service in fleet.all:
        for caller in callers:
            wait_until(lambda to=service, one=caller: one.once("GET", target, service=to).status == 200, 2,
                       "both are members")
    assert callers[0].once("DELETE", "/v1/me", {"password": PASSWORD}, service=first).status == 204
    began = time.monotonic()
    last, answer = last_time(callers[0], second, target, lambda answer: answer.status == 200, 10)
    assert answer.status in (401, 404), answer
    print(f"the deleted is refused by the other process after {last - began if last else 0:.2f} s")
    assert last - began < 1.0
    assert callers[0].once("GET", "/v1/me", service=first).status == 401
    last_time(callers[0], second, "/v1/me", lambda answer: answer.status != 401, 5)
    for service in (first, second):
        last_time(callers[1], service, target, lambda answer: answer.json()["role"] != "owner", 5)


@pytest.mark.parametrize("how", ["sign-out", "everywhere", "delete", "password"])
def test_a_session_ended_in_one_ends_in_the_other(fleet, how):
    someone = fleet.person()
    ended = sign_in(someone)
    first, second = fleet.all
    caller, theirs = fleet.caller(ended), fleet.caller(someone)
    for service in fleet.all:
        assert caller.once("GET", "/v1/me", service=service).status == 200
    if how == "delete":
        sessions = caller.once("GET", "/v1/me/sessions", service=first).json()["data"]
        own = next(each["id"] for each in sessions if each["current"])
        done = theirs.once("DELETE", f"/v1/me/sessions/{own}", service=first)
    elif how == "password":
        body = {"current": PASSWORD, "new": "another horse battery staple"}
        done = theirs.once("PUT", "/v1/me/password", body, service=first)
    else:
        done = caller.once("POST", "/v1/auth/sign-out", {"everywhere": how == "everywhere"}, service=first)
    assert done.status == 204, done
    began = time.monotonic()
    assert caller.once("GET", "/v1/me", service=first).status == 401
    last, answer = last_time(caller, second, "/v1/me", lambda answer: answer.status == 200, 6)
    assert answer.status == 401 and last - began < 5
    print(f"{how}: ended after {max(0, last - began):.2f} s")


def test_a_deleted_account_is_refused_by_all_as_of_the_answer(fleet):
    someone = fleet.person()
    first, second = fleet.all
    caller = fleet.caller(someone)
    target = f"/v1/lists/{make_lists(caller, 1)[0]}"
    for service in fleet.all:
        assert caller.once("GET", target, service=service).status == 200
    done = caller.once("DELETE", "/v1/me", {"password": PASSWORD}, service=first)
    assert done.status == 204, done
    for path in (target, "/v1/lists", "/v1/me"):
        assert caller.once("GET", path, service=second).status == 401, path
    assert caller.once("POST", f"{target}/items", {"text": "late"}, service=second).status == 401


def test_a_change_is_shown_by_the_other_within_a_second(fleet, person):
    caller, times = fleet.caller(person), []
    list_id = make_lists(caller, 1)[0]
    target, (first, second) = f"/v1/lists/{list_id}", fleet.all
    for number in range(TIMES // 10):
        assert caller.once("GET", target, service=second).status == 200  # It is hot there.
        title = f"Title {number}"
        done = caller.once("PATCH", target, {"title": title}, service=first)
        assert done.status == 200, done
        began = time.monotonic()
        if number % 2:
            answer = caller.once("GET", target, service=second, Min_Revision=done.revision)
            assert answer.json()["title"] == title, answer
        else:
            last, _ = last_time(caller, second, target,
                                lambda answer, want=title: answer.json()["title"] != want, 3)
            times.append(max(0.0, last - began))
        first, second = second, first
    print(f"shown after {max(times):.2f} s at most")
    assert max(times) < 1.0, times


# ---- One key, two processes

def at_once(fleet, person, ask) -> list:
    """The same asked of both processes at the same moment, over connections that are there already."""
    meet, answers = threading.Barrier(len(fleet.all)), []

    def run(service):
        caller = fleet.caller(person)
        for number in range(TIMES):
            meet.wait(30)
            method, target, json, key = ask(number)
            while True:
                answer = caller.once(method, target, json, service=service, Idempotency_Key=key)
                if answer.status != 503 and (answer.status != 409 or answer.json()["code"] != "in_progress"):
                    break
            answers.append((number, answer))

    with Together() as threads:
        for service in fleet.all:
            threads.run(run, service)
    return answers


def check_same(answers):
    """The two answers to each are the same, one of them told again."""
    of = {}
    for number, answer in answers:
        of.setdefault(number, []).append(answer)
    assert len(of) == TIMES
    for one, other in of.values():
        assert one.status == other.status == 201, (one, other)
        assert (one.body, one.etag, one.revision, one.header("Location")) == \
            (other.body, other.etag, other.revision, other.header("Location")), (one, other)
        assert {one.header("Idempotent-Replayed"), other.header("Idempotent-Replayed")} == {None, "true"}


def test_one_key_at_both_makes_one_item(fleet, person):
    caller = fleet.caller(person)
    list_id, keys = make_lists(caller, 1)[0], [uuid7() for _ in range(TIMES)]
    check_same(at_once(fleet, person, lambda number: (
        "POST", f"/v1/lists/{list_id}/items", {"text": f"{number}"}, keys[number])))
    texts = [item["text"] for item in caller.whole(list_id, Min_Revision=TIMES + 1)["items"]]
    assert sorted(texts, key=int) == [str(number) for number in range(TIMES)]
    assert [change["revision"] for change in caller.log(list_id)] == list(range(1, TIMES + 2))


def test_one_key_at_both_makes_one_list(fleet):
    someone, keys = fleet.person(), [uuid7() for _ in range(TIMES)]
    check_same(at_once(fleet, someone, lambda number: (
        "POST", "/v1/lists", {"title": f"{number}"}, keys[number])))
    made, _ = someone.pages("/v1/lists?limit=200")
    assert sorted(int(each["title"]) for each in made) == list(range(TIMES))


def test_changes_of_one_account_at_both_are_all_made(fleet):
    """Each loses to the other process again and again; none gives up."""
    someone, told = fleet.person(), []

    def change(service, name):
        caller = fleet.caller(someone)
        for number in range(TIMES):
            told.append(caller.once("PATCH", "/v1/me", {"settings": {name: number}}, service=service).status)

    with Together() as threads:
        for name in ("a", "b", "c", "d"):
            for number, service in enumerate(fleet.all):
                threads.run(change, service, f"{name}{number}")
    assert set(told) == {200} and len(told) == 4 * len(fleet.all) * TIMES
    settings = fleet.caller(someone).once("GET", "/v1/me").json()["settings"]
    assert settings == {f"{name}{number}": TIMES - 1 for name in "abcd" for number in range(len(fleet.all))}


# ---- Faults of the database and of the way to it

def test_slow_statements_do_not_stop_hot_reads(fleet):
    """A lock on the items holds what loads or writes them; lists in memory are still confirmed.

    Who reads them comes over connections of their own, when all that read have somebody to wait for: so
    loops that have not seen their token ask for the session meanwhile."""
    person = fleet.person()
    caller = fleet.caller(person)
    lists = make_lists(caller, 40)
    hot, written, cold = lists[:4], lists[4:8], lists[8:]
    for service in fleet.all:
        service.kill()
        service.start()
        for list_id in hot:
            assert caller.once("GET", f"/v1/lists/{list_id}", service=service).status == 200
    told, lock = {"hot": [], "cold": [], "write": []}, threading.Lock()
    held, seconds = threading.Event(), 10

    def hold():
        with subprocess.Popen([BIN / "psql", "-XqAt", fleet.cluster.url("postgres")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=environment()) as session:
            session.stdin.write(f"BEGIN; LOCK TABLE items; SELECT 1; SELECT pg_sleep({seconds}); COMMIT;")
            session.stdin.close()
            assert session.stdout.readline() == "1\n"
            held.set()
            session.wait()

    def ask(kind, over, number):
        own, service = fleet.caller(person), fleet.all[number % 2]
        for turn in range(number, 10 ** 6, 12):
            if over.is_set():
                break
            began = time.monotonic()
            if kind == "write":
                items = f"/v1/lists/{written[turn % 4]}/items"
                answer = own.once("PUT", f"{items}/{uuid7()}", {"text": f"{turn}"}, service=service)
            else:
                some = hot if kind == "hot" else cold
                answer = own.once("GET", f"/v1/lists/{some[turn % len(some)]}", service=service)
            with lock:
                told[kind].append((answer.status, began, time.monotonic()))
            over.wait(0.02)

    with Together() as threads:
        threads.run(hold)
        assert held.wait(10)
        began = time.monotonic()
        for number in range(12):
            threads.run(ask, "write", threads.over, number)
            threads.run(ask, "cold", threads.over, number)
        for service in fleet.all:
            wait_until(lambda of=service: of.metric("http_requests_in_flight") >= 12, 10, "all wait")
        for number in range(12):
            threads.run(ask, "hot", threads.over, number)
        wait_until(lambda: not threads.threads[0].is_alive(), 30, "the lock ends")
        ended = time.monotonic()
        pause(2)
        fine = time.monotonic()
        pause(1)
        threads.over.set()
    longest = {kind: max(end - start for _, start, end in each) for kind, each in told.items()}
    during = {kind: [status for status, _, end in each if end < began + seconds - 0.5]
              for kind, each in told.items()}
    after = {kind: {status for status, start, _ in each if start > fine} for kind, each in told.items()}
    print({kind: (len(each), each.count(200), each.count(503)) for kind, each in during.items()}, longest,
          f"held {ended - began:.1f} s")
    assert after == {"hot": {200}, "cold": {200}, "write": {201}}
    assert set(during["cold"]) <= {200, 503} and set(during["write"]) <= {503} and longest["write"] < 11
    assert longest["cold"] < 11
    assert set(during["hot"]) == {200} and longest["hot"] < 4  # Before those that wait give up.


@pytest.mark.parametrize("fault", ["cut", "black hole", "half answers", "cut at a commit"])
def test_nothing_is_lost_when_the_way_breaks(fault):
    with Cluster(memory=True) as cluster, Proxy(("127.0.0.1", cluster.primary.port)) as proxy, \
            Fleet(cluster, database=cluster.url(port=proxy.port) + "?sslmode=disable") as fleet:
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), 10))
        with blowing(storm, readers=2) as threads:
            for number in range(30 if is_long() else 6):
                before = storm.writes
                wait_until(lambda least=before: storm.writes > least + 50, 30, "writes")
                if fault == "cut":
                    proxy.cut(reset=number % 2 == 0)
                elif fault == "half answers":
                    proxy.half_answer(20 + 37 * number)
                    threads.over.wait(0.3)
                    proxy.half_answer(None)
                elif fault == "cut at a commit":
                    proxy.cut_after_request(1, b'"entity"')  # Of the log's row.
                elif number % 3 == 0:
                    proxy.black_hole()
                    threads.over.wait(5 if number == 0 or is_long() else 1)
                    proxy.black_hole(False)
            ended = time.monotonic()
            before = storm.writes
            wait_until(lambda: storm.writes > before + 100, 20, "writes go on")
            print(f"100 writes {time.monotonic() - ended:.2f} s after the last")
        print(storm.codes)
        assert storm.judge() == []
        unknown = sum(service.metric("postgres_outcome_unknown_total") for service in fleet.all)
        assert unknown > 0 or fault != "cut at a commit"


# ---- What the service's role may

def test_the_service_s_role_may_do_little(fleet):
    def psql(text, database=DATABASE):
        done = subprocess.run([BIN / "psql", "-XqAt", fleet.cluster.url(database=database), "-c", text],
                              capture_output=True, text=True, timeout=20, env=environment(), check=False)
        return done.returncode, done.stdout.strip() or done.stderr

    assert psql("SELECT count(*) >= 0 FROM lists") == (0, "t")
    for text in ("CREATE TABLE mine (n int)", "CREATE TEMPORARY TABLE mine (n int)", "CREATE SCHEMA mine",
                 "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TABLE items",
                 "ALTER TABLE items ADD COLUMN mine int", "TRUNCATE items", "CREATE INDEX ON items (text)",
                 "CREATE ROLE mine", "CREATE DATABASE mine", "COPY items TO '/tmp/mine'",
                 "COPY items TO PROGRAM 'cat'", "SET ROLE lists_owner", "ALTER SYSTEM SET fsync = off",
                 "SELECT pg_read_file('postgresql.conf')", "ALTER TABLE items DISABLE TRIGGER ALL"):
        code, said = psql(text)
        assert code != 0 and re.search("permission denied|must be (owner|superuser)", said), (text, said)
    for name in ("postgres", "template1"):
        code, said = psql("SELECT 1", name)
        assert code != 0 and "permission denied for database" in said, (name, said)
    rights = fleet.cluster.primary.sql("SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, "
                                       "rolbypassrls FROM pg_roles WHERE rolname = 'lists_service'")
    assert rights == "f|f|f|f|f"
