"""`DELETE …/items/{item}?purge=true`: erased from trash and history, wherever it has left its words."""
import secrets

import pytest

import replay
from client import Api, problem, uuid7
from engines import ON
from history import content, fields_of, items_of, judged, last, order, revert, trash, undo

BLANK = {**replay.BLANK, "deleted_at": None}


@pytest.fixture
def a_list(person):
    return person.make_list()


def purge(person, a_list, item, headers=(), status=204):
    return person.delete(f"{items_of(a_list)}/{item}?purge=true", headers=headers, status=status)


def test_a_live_item_is_gone(person, a_list):
    before, item, after = (person.add(a_list, text) for text in "abc")
    answer = purge(person, a_list, item["id"])
    whole = person.get(f"/v1/lists/{a_list}")
    assert answer.body == b"" and answer.header("Content-Type") is None
    assert answer.etag == whole.etag and answer.revision == whole.json()["revision"] == 5
    assert order(person, a_list) == [before["id"], after["id"]] and trash(person, a_list) == []
    assert whole.json()["item_count"] == 2
    change = last(person, a_list)
    assert (change["kind"], change["status"], change["item_id"]) == ("purge", "applied", item["id"])
    assert change["effects"] == [{"entity": "item", "id": item["id"], "set": None, "previous": BLANK,
                                  "was_after": before["id"]}]


def test_an_item_in_trash_is_gone(person, a_list):
    item = person.add(a_list, "a")["id"]
    person.delete(f"{items_of(a_list)}/{item}", status=204)
    at = person.get(f"{items_of(a_list)}/{item}").json()["deleted_at"]
    purge(person, a_list, item)
    assert trash(person, a_list) == []
    assert last(person, a_list)["effects"] == [
        {"entity": "item", "id": item, "set": None, "previous": {**BLANK, "deleted_at": at}}]


def test_live_children_go_to_trash_first(person, a_list):
    parent = person.add(a_list, "parent")["id"]
    one, two, three = (person.add(a_list, text, parent_id=parent) for text in ("one", "two", "three"))
    person.delete(f"{items_of(a_list)}/{two['id']}", status=204)
    purge(person, a_list, parent)
    change = last(person, a_list)
    at = {"deleted_at": change["at"]}
    assert change["effects"] == [
        {"entity": "item", "id": one["id"], "set": at, "previous": fields_of(one), "was_after": parent},
        {"entity": "item", "id": three["id"], "set": at, "previous": fields_of(three), "was_after": parent},
        {"entity": "item", "id": parent, "set": None, "previous": BLANK, "was_after": None}]
    assert trash(person, a_list) == [each["id"] for each in (one, two, three)]
    for each in (one, two, three):
        assert person.post(f"{items_of(a_list)}/{each['id']}/restore", status=200).json()["parent_id"] is None
    judged(person, a_list)


def test_its_rows_stay_and_say_nothing(person, a_list):
    """Ids, places and deleted_at are what is left; others' rows are as they were."""
    items = items_of(a_list)
    other = person.add(a_list, "other")
    item = person.add(a_list, "a", note="n", labels=["l"], due={"date": "2026-12-24"}, parent_id=other["id"])["id"]
    target = f"{items}/{item}"
    person.patch(target, {"text": "b", "done": True}, status=200)
    person.post(f"{target}/move", {"after": None}, status=200)
    person.post(f"{items}/clear-done", status=200)
    person.patch(target, {"note": "m"}, status=200)
    person.post(f"{target}/restore", status=200)
    person.patch(f"{items}/{other['id']}", {"text": "still other"}, status=200)
    before = person.log(a_list)
    purge(person, a_list, item)
    log = judged(person, a_list)
    cleared = before[5]["at"]
    mine = [change["effects"] for change in log[2:8]]
    assert mine == [
        [{"entity": "item", "id": item, "set": BLANK, "previous": None, "after": other["id"]}],
        [{"entity": "item", "id": item, "set": {}, "previous": {}}],
        [{"entity": "item", "id": item, "set": {}, "previous": {}, "after": None, "was_after": other["id"]}],
        [{"entity": "item", "id": item, "set": {"deleted_at": cleared}, "previous": BLANK, "was_after": None}],
        [{"entity": "item", "id": item, "set": {}, "previous": {}}],
        [{"entity": "item", "id": item, "set": BLANK, "previous": {"deleted_at": cleared}, "after": None}]]
    for was, now in zip(before, log):
        assert {**was, "effects": 0} == {**now, "effects": 0}  # Who, when, what was meant, by which op.
    assert [log[n]["effects"] for n in (0, 1, 8)] == [before[n]["effects"] for n in (0, 1, 8)]


def test_a_change_of_several_items_loses_only_that_one(person, a_list):
    items = items_of(a_list)
    a, b, c = (person.add(a_list, text)["id"] for text in "abc")
    for each in (a, b, c):
        person.patch(f"{items}/{each}", {"done": True}, status=200)
    person.post(f"{items}/clear-done", status=200)
    before = person.log(a_list)[-1]["effects"]
    purge(person, a_list, b)
    after = judged(person, a_list)[-2]["effects"]
    assert [each["id"] for each in after] == [a, b, c] and (after[0], after[2]) == (before[0], before[2])
    assert after[1]["previous"] == BLANK and after[1]["was_after"] == before[1]["was_after"]
    change = revert(person, a_list, to_revision=7).json()
    assert order(person, a_list) == [a, c] and [each["id"] for each in change["kept"]] == [b]
    judged(person, a_list)


def test_whoever_holds_the_list_can_follow(person, a_list):
    """From before the purge with the words, or from nothing without them: the same list."""
    item, other = person.add(a_list, "secret")["id"], person.add(a_list, "other")["id"]
    view = replay.replay(person.log(a_list), a_list)
    assert view.items[item]["text"] == "secret"
    person.patch(f"{items_of(a_list)}/{item}", {"text": "more"}, status=200)
    half = replay.replay(person.log(a_list), a_list)
    purge(person, a_list, item)
    for each in (half, replay.View()):
        for change in person.log(a_list, each.revision):
            replay.apply(each, change, a_list)
        replay.compare(each, person.whole(a_list), person.id)
        assert each.order == [other]


def test_its_id_stays_used(person, a_list):
    item = person.add(a_list, "a")["id"]
    target = f"{items_of(a_list)}/{item}"
    purge(person, a_list, item)
    problem(person.post(items_of(a_list), {"text": "a", "id": item}), 409, "id_taken")
    problem(person.put(target, {"text": "a"}), 409, "id_taken")
    for method, path, body in (("GET", "", None), ("PATCH", "", {"text": "b"}), ("DELETE", "", None),
                               ("DELETE", "?purge=true", None), ("POST", "/restore", None),
                               ("POST", "/move", {"after": None}), ("POST", "/move", {"to_list": uuid7()})):
        problem(person.call(method, target + path, **({} if body is None else {"json": body})), 404, "not_found")
    problem(person.post(items_of(a_list), {"text": "a", "after": item}), 422, pointers=["/after"])
    problem(person.post(items_of(a_list), {"text": "a", "parent_id": item}), 422, pointers=["/parent_id"])
    person.post(items_of(person.make_list()), {"text": "a", "id": item}, status=201)  # Unique in its list.
    assert person.whole(a_list)["revision"] == 3


def test_it_is_never_reverted(person, a_list):
    items = items_of(a_list)
    kept, item = person.add(a_list, "kept")["id"], person.add(a_list, "a")["id"]
    revision, before = person.whole(a_list)["revision"], content(person, a_list)
    person.patch(f"{items}/{kept}", {"text": "changed"}, status=200)
    person.patch(f"{items}/{item}", {"text": "b"}, status=200)
    purge(person, a_list, item)
    problem(person.post(f"/v1/lists/{a_list}/revert", {"op_id": person.log(a_list)[-1]["op_id"]}), 422, "not_revertible")
    change = revert(person, a_list, to_revision=revision).json()
    assert order(person, a_list) == [kept] and person.texts(a_list) == ["kept"] and trash(person, a_list) == []
    assert change["status"] == "applied" and item not in {each["id"] for each in change["effects"]}
    for each in person.log(a_list)[1:3]:  # The adds: one is undone, the other is of what is not there any more.
        undo(person, a_list, each)
    assert trash(person, a_list) == []  # The other one was touched since.
    judged(person, a_list)
    assert before["item_count"] == 2


def test_the_order_of_the_others_stays(person, a_list):
    items = items_of(a_list)
    a, b, c, d = (person.add(a_list, text)["id"] for text in "abcd")
    person.delete(f"{items}/{c}", status=204)
    purge(person, a_list, b)
    purge(person, a_list, d)
    person.post(f"{items}/{c}/restore", status=200)
    assert order(person, a_list) == [a, c]
    judged(person, a_list)


def test_it_makes_room(person, a_list):
    note = "x" * 16_384
    ids = [person.add(a_list, "a", note=note)["id"] for _ in range(511)]
    problem(person.post(items_of(a_list), {"text": "a", "note": note}), 422, "list_full")
    purge(person, a_list, ids[5])
    person.add(a_list, "a", note=note)


# Where words may be left.

def words():
    """A word that nobody else uses; as the text of an item it is found wherever it was copied."""
    return secrets.token_hex(12)


def every_value(server):
    """All that the tables hold, as one text of bytes."""
    if ON == "sqlite":
        names = [row[0] for row in server.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = [row for name in names for row in server.sql(f'SELECT * FROM "{name}"')]
    else:
        names = [row[0] for row in server.sql(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'")]
        rows = [row for name in names for row in server.sql(f"SELECT t.*, t::text AS whole_row FROM {name} AS t")]
    assert len(names) > 5
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


class Life:
    """An item with a life: written, changed, moved, undone, all by keys; then it is erased."""

    def __init__(self, person):
        self.person, self.a_list = person, person.make_list()
        self.other, self.elsewhere = person.add(self.a_list, "other")["id"], person.make_list()
        self.words = [words() for _ in range(6)]
        text, note, label, second, third, fourth = self.words
        self.calls = []
        self.item = uuid7()
        target = f"{items_of(self.a_list)}/{self.item}"
        self.call("POST", items_of(self.a_list), {"id": self.item, "text": text, "note": note, "labels": [label]})
        self.call("PATCH", target, {"text": second})
        self.call("POST", f"/v1/lists/{self.a_list}/revert", {"op_id": person.log(self.a_list)[-1]["op_id"]})
        self.call("POST", f"/v1/lists/{self.a_list}/revert", {"op_id": person.log(self.a_list)[-1]["op_id"]})
        self.call("POST", f"{target}/move", {"after": None})
        self.call("PUT", target, {"text": text, "note": note})
        self.call("PATCH", target, {"note": third, "done": True})
        self.call("POST", f"{items_of(self.a_list)}/clear-done", {})
        self.call("PATCH", target, {"text": fourth})
        self.call("POST", f"{target}/restore", {})
        self.call("PATCH", f"{items_of(self.a_list)}/{self.other}", {"text": "other still"})
        self.call("DELETE", target, None)
        self.call("POST", f"{target}/restore", {})
        self.changes = person.log(self.a_list)

    def call(self, method, target, body):
        headers, more = {"Idempotency-Key": uuid7()}, {} if body is None else {"json": body}
        answer = self.person.call(method, target, headers=headers, status=(200, 201, 204), **more)
        self.calls.append((method, target, headers, more, answer))

    def found(self, data: bytes) -> list:
        return [word for word in self.words if word.encode() in data]

    def everything_told(self, api) -> bytes:
        """By all reads that there are."""
        items, told = items_of(self.a_list), []
        for target in (f"/v1/lists/{self.a_list}", items, f"{items}?state=trashed", f"{items}?label={self.words[2]}",
                       f"{items}/{self.item}", f"{items}/{self.other}", "/v1/lists",
                       *(f"/v1/lists/{self.a_list}?at={change['revision']}" for change in self.changes)):
            answer = api.get(target)
            told.append(answer.body if answer.status == 200 else b"")
        for after in (0, 1, 5):
            told.append(api.get(f"/v1/lists/{self.a_list}/changes?after={after}", status=200).body)
        told.append(api.get(f"/v1/lists/{self.a_list}", headers={"Accept-Encoding": "identity"}).body)
        return b"\n".join(told)

    def replays(self, api) -> list:
        """The answers to all calls once more."""
        return [(first, api.call(method, target, headers=headers, **more))
                for method, target, headers, more, first in self.calls]


def check_nothing_is_left(life, server, api):
    assert life.found(life.everything_told(api)) == []
    revision = api.get(f"/v1/lists/{life.a_list}").json()["revision"]
    for first, again in life.replays(api):
        assert life.found(again.body) == [], (first, again)
    assert api.get(f"/v1/lists/{life.a_list}").json()["revision"] == revision  # And nothing was done again.
    assert life.found(every_value(server)) == []


def test_not_a_byte_of_it_is_left(server, person):
    life = Life(person)
    assert set(life.found(every_value(server))) == set(life.words)  # The test sees what it looks for.
    assert set(life.found(life.everything_told(person))) == set(life.words)
    for first, again in life.replays(person):
        assert again.body == first.body and again.header("Idempotent-Replayed") == "true"
    purge(person, life.a_list, life.item)
    check_nothing_is_left(life, server, person)
    judged(person, life.a_list)
    kept = [(first, again) for first, again in life.replays(person) if again.status == 200]
    assert any(first.body == again.body for first, again in kept)  # What is not about it is answered as ever.


def test_not_a_byte_of_it_is_left_after_a_restart(own_server):
    """What another process reads anew, and what is in the files of SQLite."""
    person = own_server.person()
    life = Life(person)
    purge(person, life.a_list, life.item)
    own_server.restart()
    check_nothing_is_left(life, own_server, Api(own_server.address, person.token))


@pytest.mark.embedded
def test_not_a_byte_of_it_is_left_in_the_files(own_server):
    person = own_server.person()
    life = Life(person)
    purge(person, life.a_list, life.item)
    assert own_server.stop() == 0
    for file in sorted(own_server.data.iterdir()):
        if file.is_file():
            assert life.found(file.read_bytes()) == [], file


def test_in_trash_it_is_erased_as_well(server, person):
    life = Life(person)
    person.delete(f"{items_of(life.a_list)}/{life.item}", status=204)
    purge(person, life.a_list, life.item)
    check_nothing_is_left(life, server, person)


def test_what_came_from_another_list_is_erased_here(person):
    """Its words stay in the log of the list that it came from: that is another list's history."""
    here, there = person.make_list(), person.make_list()
    word, key = words(), {"Idempotency-Key": uuid7()}
    item = person.add(here, word)["id"]
    first = person.post(f"{items_of(here)}/{item}/move", {"to_list": there}, headers=key, status=200)
    assert first.json()["text"] == word
    purge(person, there, item)
    again = person.post(f"{items_of(here)}/{item}/move", {"to_list": there}, headers=key, status=200)
    assert again.header("Idempotent-Replayed") == "true" and word.encode() not in again.body
    for target in (f"/v1/lists/{there}", f"/v1/lists/{there}/changes", f"{items_of(there)}?state=trashed"):
        assert word.encode() not in person.get(target, status=200).body
    judged(person, here)
    judged(person, there)


def test_an_item_of_another_list_with_that_id_is_another_item(person, a_list):
    other, item = person.make_list(), uuid7()
    for each in (a_list, other):
        person.post(items_of(each), {"id": item, "text": "the same id"}, status=201, headers={"Idempotency-Key": uuid7()})
    purge(person, a_list, item)
    assert person.texts(other) == ["the same id"]
    assert judged(person, other)[-1]["effects"][0]["set"]["text"] == "the same id"


# Who may, and what else can be wrong.

def test_who_may(team):
    a_list = team.take_list()
    item, in_trash = team.editor.add(a_list)["id"], team.editor.add(a_list)["id"]
    team.editor.delete(f"{items_of(a_list)}/{in_trash}", status=204)
    for each in (item, in_trash):
        target = f"{items_of(a_list)}/{each}?purge=true"
        for headers in ({}, {"If-Match": '"x"'}, {"Min-Revision": "999"}, {"Client-Id": "x"}, {"Idempotency-Key": uuid7()}):
            problem(team.editor.delete(target, headers=headers), 403, "forbidden")  # Though it is the editor's own.
            problem(team.viewer.delete(target, headers=headers), 403, "forbidden")
            problem(team.stranger.delete(target, headers=headers), 404)
        problem(team.editor.delete(target + "&x=1"), 403)
        problem(Api(team.server.address).delete(target), 401)
    problem(team.editor.delete(f"{items_of(a_list)}/{uuid7()}?purge=true"), 404)  # 404 before 403.
    assert team.owner.whole(a_list)["revision"] == 4
    for each in (item, in_trash):
        purge(team.owner, a_list, each)
    problem(team.editor.delete(f"{items_of(a_list)}/{item}?purge=true", headers={"Idempotency-Key": uuid7()}), 404)
    other = team.owner.add(a_list)["id"]
    team.editor.delete(f"{items_of(a_list)}/{other}?purge=false", status=204)
    assert trash(team.owner, a_list) == [other]


def test_purge_false_is_a_plain_delete(person, a_list):
    item = person.add(a_list)["id"]
    person.delete(f"{items_of(a_list)}/{item}?purge=false", status=204)
    assert trash(person, a_list) == [item] and last(person, a_list)["kind"] == "remove"


@pytest.mark.parametrize("query, pointer", [
    ("purge=", "?purge"), ("purge", "?purge"), ("purge=1", "?purge"), ("purge=True", "?purge"), ("purge=yes", "?purge"),
    ("purge=true&purge=true", "?purge"), ("purge=false&purge=true", "?purge"), ("purge=true&x=1", "?x"), ("Purge=true", "?Purge")])
def test_other_values_are_422(person, a_list, query, pointer):
    item = person.add(a_list)["id"]
    problem(person.delete(f"{items_of(a_list)}/{item}?{query}"), 422, pointers=[pointer])
    assert order(person, a_list) == [item]


def test_wrong_input(person, a_list):
    item = person.add(a_list)["id"]
    target = f"{items_of(a_list)}/{item}?purge=true"
    problem(person.delete(target, {"purge": True}), 422, pointers=["/purge"])
    problem(person.delete(target, headers={"Client-Id": "x"}), 422, pointers=["Client-Id"])
    problem(person.delete(target, body=b"{", type="application/json"), 400)
    for other in (f"/v1/lists/{a_list}", items_of(a_list)):
        assert person.delete(f"{other}?purge=true").status in (405, 422)
    problem(person.get(target), 422, pointers=["?purge"])
    person.delete(target.replace("true", "%74rue"), {}, status=204)
    assert order(person, a_list) == [] and trash(person, a_list) == []


def test_conditions(person, a_list):
    item = person.add(a_list)["id"]
    target = f"{items_of(a_list)}/{item}?purge=true"
    etag = person.get(f"/v1/lists/{a_list}").etag
    problem(person.delete(target, headers={"If-Match": '"x"'}), 412)
    problem(person.delete(target + "&x=1", headers={"If-Match": '"x"'}), 412)
    problem(person.delete(target, headers={"Min-Revision": "99"}), 409, "revision_ahead")
    person.delete(f"/v1/lists/{a_list}", status=204)
    problem(person.delete(target, headers={"If-Match": '"x"'}), 409, "list_trashed")
    person.post(f"/v1/lists/{a_list}/restore", status=200)
    problem(person.delete(target, headers={"If-Match": etag}), 412)
    person.delete(target, headers={"If-Match": person.get(f"/v1/lists/{a_list}").etag}, status=204)


def test_a_key_makes_it_once(person, a_list):
    item, key = person.add(a_list)["id"], {"Idempotency-Key": uuid7()}
    first = purge(person, a_list, item, headers=key)
    person.add(a_list, "later")
    for _ in range(2):
        again = purge(person, a_list, item, headers=key)
        assert again.header("Idempotent-Replayed") == "true"
        assert (again.etag, again.revision) == (first.etag, first.revision)
    problem(purge(person, a_list, item, headers={"Idempotency-Key": uuid7()}, status=404), 404)
    assert [change["kind"] for change in judged(person, a_list)] == ["create-list", "add", "purge", "add"]


def test_a_plain_delete_is_no_purge_by_its_key(person, a_list):
    """The scope of a key is the path; the repeat must be the same request nevertheless."""
    item, key = person.add(a_list)["id"], {"Idempotency-Key": uuid7()}
    person.delete(f"{items_of(a_list)}/{item}", headers=key, status=204)
    problem(purge(person, a_list, item, headers=key, status=422), 422, "idempotency_key_reused")
    assert trash(person, a_list) == [item]
    purge(person, a_list, item)


def test_client_id_and_actor_are_told(person, a_list):
    item, store = person.add(a_list)["id"], "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab"
    purge(person, a_list, item, headers={"Client-Id": store})
    change = last(person, a_list)
    assert (change["actor_id"], change["client_id"]) == (person.id, store)
