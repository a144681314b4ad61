"""kill -9 under mixed clients: every acknowledged write is there, no log has a gap, the log says exactly
what is served, and the database is whole. 20 kills; 200 in `long`.
"""
import json
import random
import shutil
import threading
import time

import pytest

import replay
from client import Api, Connection, Person, is_long, request_bytes, sign_up, uuid7

pytestmark = pytest.mark.timeout(1500)
CLIENTS, LISTS = 16, 6
KILLS = 200 if is_long() else 20
KILLS_A_LIST = 20  # Then new lists are made: what is read after each kill stays small.


class Acknowledged:
    """A write that was answered: at that revision of that list `holds` must be true of the view."""

    def __init__(self, list_id, revision, what, holds):
        self.list_id, self.revision, self.what, self.holds = list_id, revision, what, holds


class MixedClient(threading.Thread):
    """Writes of all kinds to random lists until the service goes away. Each value is written once."""

    def __init__(self, person, lists, seed):
        super().__init__()
        self.person, self.lists, self.rng = person, lists, random.Random(seed)
        self.acknowledged, self.unknown, self.problems, self.mine = [], [], [], {each: [] for each in lists}

    def run(self):
        try:
            connection = Connection(self.person.address, timeout=10)
            while True:
                self.write(connection)
        except OSError:
            pass  # The kill. What was under way may or may not have happened.
        except Exception as problem:  # pylint: disable=broad-except
            self.problems.append(repr(problem))

    def write(self, connection):
        list_id = self.rng.choice(self.lists)
        mine = self.mine[list_id]
        base = f"/v1/lists/{list_id}/items"
        what = self.rng.choice(["put", "put", "put", "post", "tick", "edit", "edit", "move", "delete", "restore", "clear", "title"])
        if what in ("tick", "edit", "move", "delete", "restore") and not mine:
            what = "put"
        item, word = (self.rng.choice(mine) if mine else None), uuid7()
        key = {"Idempotency-Key": word}
        if what == "put":
            item = word
            call = ("PUT", f"{base}/{item}", {"text": word, "note": "n" * self.rng.choice([0, 10, 3000])}, {})
            holds = lambda view: item in view.items and view.items[item]["text"] == word
        elif what == "post":
            call = ("POST", base, {"text": word}, key)
            holds = lambda view: any(each["text"] == word for each in view.items.values())
        elif what == "tick":
            done = self.rng.random() < 0.7
            call = ("PATCH", f"{base}/{item}", {"done": done}, {})
            holds = lambda view: item not in view.items or view.items[item]["done"] == done
        elif what == "edit":
            call = ("PATCH", f"{base}/{item}", {"text": word}, {})
            holds = lambda view: item not in view.items or view.items[item]["text"] == word
        elif what == "move":
            call = ("POST", f"{base}/{item}/move", {"after": None}, {})
            holds = lambda view: view.order[0] == item
        elif what == "delete":
            call = ("DELETE", f"{base}/{item}", None, {})
            holds = lambda view: item not in view.items
        elif what == "restore":
            call = ("POST", f"{base}/{item}/restore", {}, {})
            holds = lambda view: item in view.items
        elif what == "clear":
            call = ("POST", f"{base}/clear-done", {}, {})
            holds = lambda view: not any(each["done"] for each in view.items.values())
        else:
            call = ("PATCH", f"/v1/lists/{list_id}", {"title": word}, {})
            holds = lambda view: view.row["title"] == word
        self.unknown = [(list_id, call)]
        answer = self.send(connection, *call)
        self.unknown = []
        if answer.status in (200, 201, 204):
            if what == "put":
                mine.append(item)
            self.acknowledged.append(Acknowledged(list_id, answer.revision, (what, word, item), holds))
        elif not (answer.status == 409 and what == "move") and answer.status != 503:
            self.problems.append(f"{call}: {answer}")

    def send(self, connection, method, target, body, headers):
        sent = [("Authorization", f"Bearer {self.person.token}"), *headers.items()]
        if body is not None:
            sent.append(("Content-Type", "application/json"))
        data = None if body is None else json.dumps(body).encode()
        connection.send(request_bytes(self.person.address, method, target, sent, data))
        return connection.read(method)


class Watched:
    """A list as the log tells it so far; each look goes on from there."""

    def __init__(self, list_id):
        self.list_id, self.view, self.log = list_id, replay.View(), []

    def look(self, person, acknowledged):
        """Applies what is new; every acknowledged write must hold at its revision."""
        waiting = {}
        for each in acknowledged:
            waiting.setdefault(each.revision, []).append(each)
        changes = person.log(self.list_id, self.view.revision)
        self.check(waiting.pop(self.view.revision, []))
        for change in changes:
            replay.apply(self.view, change, self.list_id)
            self.check(waiting.pop(self.view.revision, []))
        self.log += changes
        assert not waiting, f"acknowledged and lost: {[each.what for some in waiting.values() for each in some]}"
        replay.compare(self.view, person.whole(self.list_id), person.id)

    def finish(self, person):
        """The whole log, forwards and backwards."""
        self.look(person, [])
        replay.check_log(self.log, self.list_id, person.whole(self.list_id), person.id)
        words = [effect["set"]["text"] for change in self.log if change["kind"] == "add" for effect in change["effects"]]
        assert len(words) == len(set(words)), "something was added twice"

    def check(self, some):
        for each in some:
            assert each.holds(self.view), f"acknowledged at {each.revision} and not so: {each.what}"


def again(person) -> Person:
    """The same person on new connections."""
    return Person(person.address, {"access_token": person.token, "user": person.user,
                                   "refresh_token": person.refresh_token}, person.password)


def under_load(server, person, lists, rng, seconds):
    """Mixed clients until the service is killed; (acknowledged, unknown)."""
    clients = [MixedClient(person, lists, rng.random()) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    threading.Event().wait(seconds)  # The moment of the kill is what varies.
    server.kill()
    for client in clients:
        client.join()
    assert [problem for client in clients for problem in client.problems] == []
    return ([each for client in clients for each in client.acknowledged],
            [each for client in clients for each in client.unknown])


def check_database(server, folder):
    """On a copy where it is in files: the service itself shall recover its own."""
    if server.data.exists():
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(server.data, copy)
        type(server.engine)(copy).check()


def repeat_unknown(person, unknown):
    """Writes whose answer was lost, again: with the same id or key they happen once."""
    for _, (method, target, body, headers) in unknown:
        if method == "PUT" or headers:
            answer = person.call(method, target, body, headers=headers, status=(200, 201))
            again = person.call(method, target, body, headers=headers, status=(200, 201))
            assert again.json()["id"] == answer.json()["id"]


def test_kills_lose_nothing(make_server, tmp_path):
    server, rng = make_server(), random.Random(11)
    server.start()
    person = sign_up(server.address)
    watched, total, kills_under_load = [], 0, 0
    for kill in range(KILLS):
        if kill % KILLS_A_LIST == 0:
            for each in watched:
                each.finish(person)
            watched = [Watched(person.make_list()) for _ in range(LISTS)]
        acknowledged, unknown = under_load(server, person, [each.list_id for each in watched], rng,
                                           rng.uniform(0.02, 0.25))
        if kill % 10 == 9 or kill == KILLS - 1:
            check_database(server, tmp_path)
        server.start()
        total, kills_under_load = total + len(acknowledged), kills_under_load + bool(unknown)
        person = again(person)
        for each in watched:
            each.look(person, [one for one in acknowledged if one.list_id == each.list_id])
        repeat_unknown(person, unknown)
    for each in watched:
        each.finish(person)
    assert total > KILLS * CLIENTS and kills_under_load > KILLS // 2, (total, kills_under_load)
    assert server.stop() == 0
    check_database(server, tmp_path)


@pytest.mark.embedded
def test_a_lost_write_would_be_found(make_server, tmp_path):
    """The control: with the data folder of a moment before, the same checks must fail."""
    server, rng = make_server().start(), random.Random(12)
    person = sign_up(server.address)
    watched = Watched(person.make_list())
    assert server.stop() == 0
    shutil.copytree(server.data, tmp_path / "before")
    server.start()
    person = again(person)
    acknowledged, _ = under_load(server, person, [watched.list_id], rng, 0.2)
    assert len(acknowledged) > CLIENTS
    shutil.rmtree(server.data)
    shutil.copytree(tmp_path / "before", server.data)
    server.start()
    with pytest.raises(AssertionError, match="acknowledged and lost"):
        watched.look(again(person), acknowledged)


def test_accounts_survive_a_kill(own_server):
    """Sign-ups, sign-outs and changed passwords, each killed right after its answer."""
    for n in range(5):
        person = sign_up(own_server.address)
        gone = sign_up(own_server.address)
        gone.post("/v1/auth/sign-out", status=204)
        person.patch("/v1/me", {"name": f"n{n}"}, status=200)
        person.put("/v1/me/password", {"current": person.password, "new": "another long phrase"}, status=204)
        own_server.kill()
        own_server.start()
        assert Api(own_server.address, person.token).get("/v1/me", status=200).json()["name"] == f"n{n}"
        assert Api(own_server.address, gone.token).get("/v1/me").status == 401
        body = {"email": person.email, "password": "another long phrase"}
        Api(own_server.address).post("/v1/auth/sign-in", body, status=200)


def test_it_is_up_again_quickly(own_server):
    person = sign_up(own_server.address)
    a_list = person.make_list()
    for _ in range(200):
        person.add(a_list)
    took = []
    for _ in range(5):
        own_server.kill()
        began = time.monotonic()
        own_server.start()
        took.append(time.monotonic() - began)
    assert sorted(took)[2] < 2, took
