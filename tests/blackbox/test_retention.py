"""What is past retention: 410, whole lists instead of changes, ops that are refused, trash that is emptied."""
import uuid

import pytest

from client import eventually, problem, uuid7
from history import items_of, order, trash
from replay import BLANK
from server import Server

SHORT, LONG = 2, 10_000  # Seconds.
PATIENCE = 60.0


def service(folder, log, in_trash):
    server = Server(folder / "data", "--log-retention-s", log, "--trash-retention-s", in_trash)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def short_log(tmp_path_factory):
    yield from service(tmp_path_factory.mktemp("log"), SHORT, LONG)


@pytest.fixture(scope="module")
def short_trash(tmp_path_factory):
    yield from service(tmp_path_factory.mktemp("trash"), LONG, SHORT)


class Store:
    """A local store: what it sends and is told."""

    def __init__(self, person):
        self.person, self.client_id = person, str(uuid.uuid4())

    def ask(self, **body):
        body = {"user_id": self.person.id, "client_id": self.client_id, **body}
        return self.person.post("/v1/sync", body, status=200).json()

    def send(self, *ops):
        """(status, code) of each."""
        results = self.ask(ops=list(ops))["results"]
        return [(results[op["op_id"]]["status"], results[op["op_id"]].get("code")) for op in ops]


def add_op(a_list, base, text="An item"):
    return {"op_id": uuid7(), "list_id": a_list, "kind": "add", "item_id": uuid7(), "base_revision": base,
            "fields": {"text": text}}


def changes_of(a_list, query):
    return f"/v1/lists/{a_list}/changes?{query}"


def wait_for_cut(person, a_list, revision):
    """Until the log's changes up to `revision` have been dropped."""
    eventually(lambda: person.get(changes_of(a_list, f"after={revision - 1}")).status == 410, PATIENCE, 0.1)


def test_the_log_from_before_is_410(short_log):
    person = short_log.person()
    a_list = person.make_list("a")
    for n in range(3):
        person.add(a_list, f"{n}")
    before = person.whole(a_list)
    wait_for_cut(person, a_list, 4)
    for after in (0, 1, 3):
        problem(person.get(changes_of(a_list, f"after={after}")), 410, "revision_expired")
    for revision in (1, 3):
        problem(person.get(f"/v1/lists/{a_list}?at={revision}"), 410, "revision_expired")
    problem(person.get(changes_of(a_list, "before=4")), 410, "revision_expired")
    problem(person.post(f"/v1/lists/{a_list}/revert", {"to_revision": 2}), 410, "revision_expired")
    problem(person.get(changes_of(a_list, "after=5")), 409, "revision_ahead")
    page = person.get(changes_of(a_list, "after=4"), status=200).json()
    assert page == {"changes": [], "revision": 4, "has_more": False}
    assert person.whole(a_list) == before
    was = person.get(f"/v1/lists/{a_list}?at=4", status=200).json()
    assert [item["text"] for item in was["items"]] == ["0", "1", "2"]
    person.add(a_list, "new")
    assert person.whole(a_list)["revision"] == 5


def test_a_revision_from_before_is_told_by_the_whole_list(short_log):
    person = short_log.person()
    a_list, store = person.make_list("a"), Store(person)
    person.add(a_list, "x")
    person.add(a_list, "y")
    assert "changes" in store.ask(lists={a_list: 2})["lists"][a_list]
    wait_for_cut(person, a_list, 3)
    for revision in (0, 1, 2):
        entry = store.ask(lists={a_list: revision})["lists"][a_list]
        assert entry == {"revision": 3, "reset": True, "list": person.whole(a_list)}
    assert store.ask(lists={a_list: 3})["lists"][a_list] == {"revision": 3, "changes": []}


def test_a_cursor_from_before_is_answered_as_none(short_log):
    person = short_log.person()
    store = Store(person)
    cursor = store.ask()["cursor"]
    a_list = person.make_list("a")
    assert "reset" not in store.ask(cursor=cursor)
    wait_for_cut(person, a_list, 1)
    answer = store.ask(cursor=cursor)
    assert answer["reset"] and [each["id"] for each in answer["granted"]] == [a_list] and answer["lists"] == {}
    again = store.ask(lists={a_list: 0})
    assert again["lists"][a_list]["list"] == person.whole(a_list)
    assert "reset" not in store.ask(cursor=answer["cursor"])


def test_an_op_from_before_is_not_applied_twice(short_log):
    person = short_log.person()
    a_list, store = person.make_list("a"), Store(person)
    made = {"op_id": uuid7(), "list_id": uuid7(), "kind": "create-list", "base_revision": 0, "fields": {"title": "b"}}
    one, two = add_op(a_list, 1, "one"), add_op(a_list, 1, "two")
    text = {"op_id": uuid7(), "list_id": a_list, "kind": "set", "item_id": one["item_id"], "base_revision": 1,
            "fields": {"text": "changed"}}
    sent = [one, two, text, made]
    assert store.send(*sent) == [("applied", None)] * 4
    assert store.send(*sent) == [("applied", None)] * 4 and order(person, a_list) == [one["item_id"], two["item_id"]]
    person.patch(f"{items_of(a_list)}/{one['item_id']}", {"text": "changed again"}, status=200)
    wait_for_cut(person, a_list, 5)
    eventually(lambda: person.get(changes_of(made["list_id"], "after=0")).status == 410, PATIENCE, 0.1)
    before = person.whole(a_list)
    for _ in range(2):  # Each process.
        assert store.send(*sent[:3]) == [("refused", "op_expired")] * 3
        assert store.send(made)[0][0] == "refused"
    assert store.send(add_op(a_list, 4)) == [("refused", "op_expired")]
    assert person.whole(a_list) == before
    assert store.send(add_op(a_list, 5)) == [("applied", None)]


def test_what_is_long_in_trash_is_gone(short_trash):
    person = short_trash.person()
    a_list = person.make_list("a")
    kept, item, back = (person.add(a_list, text, note="a note")["id"] for text in ("kept", "gone", "back"))
    for each in (item, back):
        person.delete(f"{items_of(a_list)}/{each}", status=204)
    person.post(f"{items_of(a_list)}/{back}/restore", status=200)
    eventually(lambda: trash(person, a_list) == [], PATIENCE, 0.1)
    assert order(person, a_list) == [kept, back]
    problem(person.post(f"{items_of(a_list)}/{item}/restore"), 404)
    (row,) = short_trash.sql("SELECT text, note, labels, gone FROM items WHERE id = :id", id=uuid.UUID(item))
    assert row == ("", "", "[]", "purged")
    log = person.log(a_list)
    assert (log[-1]["kind"], log[-1]["item_id"]) == ("purge", item)
    (effect,) = log[-1]["effects"]
    assert effect["set"] is None and effect["previous"] == {**BLANK, "deleted_at": log[4]["at"]}
    assert log[2]["effects"][0]["set"]["text"] == "gone"  # The log ends by itself.


def test_a_list_that_is_long_in_trash_is_gone(short_trash):
    person = short_trash.person()
    kept, gone = person.make_list("kept"), person.make_list("gone")
    person.add(gone, "x")
    store = Store(person)
    cursor = store.ask()["cursor"]
    person.delete(f"/v1/lists/{gone}", status=204)
    eventually(lambda: person.get(f"/v1/lists/{gone}").status == 404, PATIENCE, 0.1)
    assert [each["id"] for each in person.get("/v1/lists", status=200).json()["data"]] == [kept]
    assert store.ask(cursor=cursor)["revoked"] == [gone]
    problem(person.post(f"/v1/lists/{gone}/restore"), 404)
    left = "SELECT (SELECT COUNT(*) FROM items WHERE list_id = :id) AS items," \
           " (SELECT COUNT(*) FROM changes WHERE list_id = :id) AS changes"
    eventually(lambda: short_trash.sql(left, id=uuid.UUID(gone)) == [(0, 0)], PATIENCE, 0.1)
    assert short_trash.sql("SELECT membership_count FROM users WHERE id = :id", id=uuid.UUID(person.id)) == [(1,)]
