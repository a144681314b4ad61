"""Many clients at once: no revision lost, none twice, nothing acknowledged missing, and writes that wait
at the same moment share a commit.
"""
import concurrent.futures
import json
import os
import random
import threading

import pytest

import load
import replay
from client import Connection, is_long, request_bytes, sign_up, uuid7

CLIENTS = 64


def bytes_of(person, method, target, body=None, headers=()):
    sent = [("Authorization", f"Bearer {person.token}"), *headers]
    if body is not None:
        sent.append(("Content-Type", "application/json"))
    return request_bytes(person.address, method, target, sent, None if body is None else json.dumps(body).encode())


def test_64_clients_on_one_list(person):
    """Each adds, then ticks and renames what it added."""
    a_list, rounds = person.make_list(), 30 if is_long() else 12
    items, ids, clients = f"/v1/lists/{a_list}/items", [], []
    for n in range(CLIENTS):
        requests = []
        for turn in range(rounds):
            ids.append(uuid7())
            target = f"{items}/{ids[-1]}"
            requests += [bytes_of(person, "PUT", target, {"text": f"{n}.{turn}"}),
                         bytes_of(person, "PATCH", target, {"done": True}),
                         bytes_of(person, "PATCH", target, {"text": f"{n}.{turn} again"})]
        clients.append(load.Client(person.address, requests))
    load.run(clients)
    for client in clients:
        assert set(client.statuses) == {200, 201}
        assert client.revisions == sorted(client.revisions)  # Its own writes, in its own order.
    told = [revision for client in clients for revision in client.revisions]
    count = CLIENTS * rounds * 3
    assert sorted(told) == list(range(2, count + 2)), "each write has a revision of its own, without gap"
    log, whole = person.log(a_list), person.whole(a_list)
    assert [change["revision"] for change in log] == list(range(1, count + 2))
    view = replay.check_log(log, a_list, whole, person.id)  # The order is as the log says.
    assert sorted(view.order) == sorted(ids) and len(set(ids)) == len(ids)
    assert whole["done_count"] == whole["item_count"] == len(ids)
    assert all(item["text"].endswith(" again") and item["done"] for item in whole["items"])
    by_revision = {change["revision"]: change for change in log}
    for client in clients:  # What was answered is what the log has at that revision.
        kinds = [by_revision[revision]["kind"] for revision in client.revisions]
        assert kinds == ["add", "set", "set"] * rounds


def test_optimistic_writers_lose_no_update(person):
    """Each reads a number in the title, adds one, writes with If-Match, and starts again on 412."""
    a_list, each, writers = person.make_list("0"), 10 if is_long() else 3, 16
    target, stale, gate = f"/v1/lists/{a_list}", [], threading.Barrier(writers)

    def count_up(_):
        gate.wait()
        for _ in range(each):
            while True:
                read = person.get(target, status=200)
                answer = person.patch(target, {"title": str(int(read.json()["title"]) + 1)},
                                      headers={"If-Match": read.etag}, status=(200, 412))
                if answer.status == 200:
                    break
                stale.append(answer)

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        list(pool.map(count_up, range(writers)))
    whole = person.whole(a_list)
    assert whole["title"] == str(writers * each) and whole["revision"] == writers * each + 1
    assert stale, "nobody was in anybody's way: this showed nothing"


def test_readers_see_whole_states_that_only_grow(person):
    """While a list is written, each answer agrees with itself and none is older than the one before."""
    a_list, done, problems = person.make_list(), threading.Event(), []

    def read():
        last = 0
        while not done.is_set():
            answer = person.get(f"/v1/lists/{a_list}", status=200)
            whole = answer.json()
            if whole["revision"] < last or whole["item_count"] != len(whole["items"]) \
                    or whole["done_count"] != sum(item["done"] for item in whole["items"]) \
                    or max([item["revision"] for item in whole["items"]] + [0]) > whole["revision"] \
                    or answer.revision not in (None, whole["revision"]):
                problems.append((last, whole))
            last = whole["revision"]

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for n in range(600 if is_long() else 120):
            item = person.add(a_list, f"{n}")["id"]
            target = f"/v1/lists/{a_list}/items/{item}"
            answer = person.patch(target, {"done": n % 2 == 0}, status=200)
            # Its own write is shown at once, by whichever loop a new connection comes to.
            fresh = Connection(person.address)
            seen = fresh.request("GET", f"/v1/lists/{a_list}", [("Authorization", f"Bearer {person.token}")]).json()
            fresh.close()
            assert seen["revision"] == answer.revision
            if n % 5 == 4:
                person.post(f"/v1/lists/{a_list}/items/clear-done", status=200)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not problems, problems[:1]


def test_the_same_id_from_many_is_made_once(person, stranger):
    """PUTs of one item by many at once: one 201, the others 200; a list's id goes to one of two people."""
    a_list = person.make_list()
    for _ in range(5):
        item, gate = uuid7(), threading.Barrier(16)

        def put(_, item=item, gate=gate):
            gate.wait()
            return person.put(f"/v1/lists/{a_list}/items/{item}", {"text": "a"}, status=(200, 201))

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(put, range(16)))
        assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
        assert len({answer.body for answer in answers}) == 1
        made, gate = uuid7(), threading.Barrier(16)

        def claim(n, made=made, gate=gate):
            gate.wait()
            return n % 2, (person, stranger)[n % 2].put(f"/v1/lists/{made}", {"title": "a"})

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(claim, range(16)))
        (winner,) = [who for who, answer in answers if answer.status == 201]
        for who, answer in answers:
            assert answer.status in ((200, 201) if who == winner else (409,)), answer


def test_one_address_is_taken_once(server):
    email, gate = f"{uuid7()}@example.org", threading.Barrier(6)

    def take(n):
        gate.wait()
        return server.api().post("/v1/auth/sign-up", {
            "email": email if n % 2 else email.upper(), "password": "a long enough phrase", "name": f"{n}"})

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sorted(answer.status for answer in pool.map(take, range(6))) == [201] + [409] * 5


def rows_per_commit(server, before):
    after = server.metrics()
    rows, commits = (after[f"sqlite_commit_rows_{part}"] - before.get(f"sqlite_commit_rows_{part}", 0)
                     for part in ("sum", "count"))
    return rows / commits, commits


def fork_load(address, requests_by_client, workers=2):
    """The load from several processes, so that the clients are not what is slow."""
    reports = []
    for n in range(workers):
        read, write = os.pipe()
        if os.fork() == 0:
            status = 1
            try:
                clients = [load.Client(address, requests) for requests in requests_by_client[n::workers]]
                load.run(clients)
                found = sorted({status for client in clients for status in client.statuses})
                os.write(write, json.dumps(found).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        reports.append(read)
    statuses = set()
    for read in reports:
        with os.fdopen(read, "rb") as pipe:
            statuses |= set(json.loads(pipe.read() or b"[0]"))
        os.wait()
    return statuses


@pytest.mark.embedded
@pytest.mark.alone
def test_64_clients_share_commits(own_server):
    """Writes that wait at the same moment share a commit: with 64 closed loops on random lists at least
    0.85 x 32 rows a commit (two groups that alternate would be 32).
    """
    person, rng = sign_up(own_server.address), random.Random(7)
    lists = [person.make_list(f"{n}") for n in range(100)]
    each = 300 if is_long() else 100
    requests = [[bytes_of(person, "POST", f"/v1/lists/{rng.choice(lists)}/items", {"text": "a"}) for _ in range(each)]
                for _ in range(CLIENTS)]
    best = 0.0
    for _ in range(3):  # Others may use the machine; the best of three is what it can do.
        before = own_server.metrics()
        assert fork_load(own_server.address, requests) == {201}
        rows, commits = rows_per_commit(own_server, before)
        best = max(best, rows)
        assert abs(rows * commits - CLIENTS * each) <= 64
        if best >= 0.85 * 32:
            break
    print(f"{best:.1f} rows a commit")
    assert best >= 0.85 * 32, f"{best:.1f} rows a commit"
