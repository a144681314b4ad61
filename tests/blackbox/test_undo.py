"""`POST …/revert`: undoes one change, or all after a revision, by a new change; leaves and names what was
changed since. Moves to other lists and purges: test_transfer, test_purge.
"""
import concurrent.futures
import random

import pytest

from client import Api, is_long, problem, uuid7
from history import content, fields_of, items_of, judged, last, order, revert, trash, undo
from test_items import pipelined, requests_of

CHANGE = {"revision", "op_id", "at", "actor_id", "client_id", "kind", "status", "effects"}


@pytest.fixture
def a_list(person):
    return person.make_list("title")


def fill(person, a_list, texts="abcd") -> dict:
    return {text: person.add(a_list, text)["id"] for text in texts}


def item(person, a_list, ident):
    return person.get(f"{items_of(a_list)}/{ident}", status=200).json()


# One of each kind that can be undone, on a list of a (done), b (in trash), c and d.
KINDS = {
    "set-list": lambda items, ids: [("PATCH", items.removesuffix("/items"), {"title": "new", "archived": True})],
    "add": lambda items, ids: [("POST", items, {"text": "new", "note": "n", "labels": ["l"], "after": ids["a"]})],
    "add-below": lambda items, ids: [("POST", items, {"text": "new", "parent_id": ids["c"]})],
    "set": lambda items, ids: [("PATCH", f"{items}/{ids['c']}", {
        "text": "C", "note": "N", "labels": ["x"], "due": {"date": "2026-12-24"}, "parent_id": ids["d"]})],
    "tick": lambda items, ids: [("PATCH", f"{items}/{ids['c']}", {"done": True})],
    "untick": lambda items, ids: [("PATCH", f"{items}/{ids['a']}", {"done": False})],
    "move": lambda items, ids: [("POST", f"{items}/{ids['d']}/move", {"after": None})],
    "remove": lambda items, ids: [("DELETE", f"{items}/{ids['c']}", None)],
    "restore": lambda items, ids: [("POST", f"{items}/{ids['b']}/restore", None)],
    "clear-done": lambda items, ids: [("POST", f"{items}/clear-done", None)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_undo_and_undo_of_undo(person, a_list, kind):
    ids, items = fill(person, a_list), items_of(a_list)
    person.patch(f"{items}/{ids['a']}", {"done": True}, status=200)
    person.delete(f"{items}/{ids['b']}", status=204)
    before = content(person, a_list)
    for method, target, body in KINDS[kind](items, ids):
        person.call(method, target, status=(200, 201, 204), **({} if body is None else {"json": body}))
    done = person.log(a_list)[-1]
    after = content(person, a_list)
    assert after != before
    for _ in range(2):
        for wanted in (before, after):
            change = undo(person, a_list)
            assert (change["kind"], change["status"]) == ("revert", "applied") and "kept" not in change
            assert content(person, a_list) == wanted
            assert last(person, a_list) == change
    assert {effect["id"] for effect in done["effects"]} == {effect["id"] for effect in change["effects"]}
    assert trash(person, a_list) == ([ids["a"], ids["b"]] if kind == "clear-done" else [] if kind == "restore" else
                                     [ids["b"], ids["c"]] if kind == "remove" else [ids["b"]])


def test_the_change_is_answered_as_it_stands_in_the_log(person, a_list):
    ids, store = fill(person, a_list, "ab"), "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab"
    person.patch(f"{items_of(a_list)}/{ids['a']}", {"text": "A"}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    answer = revert(person, a_list, headers={"Client-Id": store}, op_id=op)
    change = answer.json()
    assert set(change) == CHANGE  # No item is meant, nothing was kept.
    assert change["revision"] == 5 == answer.revision and change == last(person, a_list)
    assert answer.etag == person.get(f"/v1/lists/{a_list}").etag
    assert (change["actor_id"], change["client_id"]) == (person.id, store) and change["op_id"] != op
    assert change["effects"] == [
        {"entity": "item", "id": ids["a"], "set": {"text": "a"}, "previous": {"text": "A"}}]
    touched = item(person, a_list, ids["a"])
    assert (touched["revision"], touched["updated_at"]) == (5, change["at"])


def test_what_was_made_goes_to_trash(person, a_list):
    made = person.add(a_list, "made", note="n")
    change = undo(person, a_list)
    assert change["effects"] == [{"entity": "item", "id": made["id"], "set": {"deleted_at": change["at"]},
                                  "previous": fields_of(made), "was_after": None}]
    assert trash(person, a_list) == [made["id"]]
    person.post(f"{items_of(a_list)}/{made['id']}/restore", status=200)
    assert person.texts(a_list) == ["made"]


def test_what_is_in_trash_is_undone_there(person, a_list):
    ids, items = fill(person, a_list, "ab"), items_of(a_list)
    person.patch(f"{items}/{ids['a']}", {"text": "A", "note": "n"}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    person.delete(f"{items}/{ids['a']}", status=204)
    change = revert(person, a_list, op_id=op).json()
    assert change["effects"] == [{"entity": "item", "id": ids["a"], "set": {"text": "a", "note": ""},
                                  "previous": {"text": "A", "note": "n"}}]
    assert item(person, a_list, ids["a"])["deleted_at"] is not None
    person.post(f"{items}/{ids['a']}/restore", status=200)
    assert person.texts(a_list) == ["a", "b"]
    judged(person, a_list)


def nothing(person, a_list, answer, kept=None):
    """An answer that tells of no change at all."""
    change, whole = answer.json(), person.get(f"/v1/lists/{a_list}")
    assert set(change) == CHANGE | ({"kept"} if kept else set())
    assert (change["kind"], change["status"], change["effects"]) == ("revert", "skipped", [])
    assert change.get("kept") == kept
    assert change["revision"] == whole.json()["revision"] == answer.revision and answer.etag == whole.etag
    assert change["op_id"] not in {each["op_id"] for each in person.log(a_list)}


def test_what_was_changed_since_is_left_and_named(person, a_list):
    ids, items = fill(person, a_list, "ab"), items_of(a_list)
    target = f"{items}/{ids['a']}"
    person.patch(target, {"text": "A", "note": "n", "labels": ["l"]}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    person.patch(target, {"text": "AA", "labels": []}, status=200)  # Labels are as they were, and yet changed since.
    change = revert(person, a_list, op_id=op).json()
    assert change["kept"] == [{"entity": "item", "id": ids["a"], "fields": ["labels", "text"]}]
    assert change["status"] == "applied" and change == last(person, a_list)
    now = item(person, a_list, ids["a"])
    assert (now["text"], now["note"], now["labels"]) == ("AA", "", [])
    nothing(person, a_list, revert(person, a_list, op_id=op), [
        {"entity": "item", "id": ids["a"], "fields": ["labels", "note", "text"]}])  # The undo has changed the note.
    undo(person, a_list)
    assert item(person, a_list, ids["a"])["note"] == "n"


def test_a_tick_that_was_changed_since(person, a_list):
    target = f"{items_of(a_list)}/{person.add(a_list)['id']}"
    person.patch(target, {"done": True}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    person.patch(target, {"done": False}, status=200)
    person.patch(target, {"done": True}, status=200)
    nothing(person, a_list, revert(person, a_list, op_id=op), [
        {"entity": "item", "id": target.rsplit("/", 1)[1], "fields": ["done", "done_at"]}])


def test_the_same_undo_twice_finds_nothing(person, a_list):
    person.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    revert(person, a_list, op_id=op)
    nothing(person, a_list, revert(person, a_list, op_id=op), [
        {"entity": "list", "id": a_list, "fields": ["title"]}])
    assert person.whole(a_list)["title"] == "title"


def test_fields_of_the_list_that_were_changed_since(person, a_list):
    person.patch(f"/v1/lists/{a_list}", {"title": "new", "archived": True}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    person.patch(f"/v1/lists/{a_list}", {"title": "newer"}, status=200)
    change = revert(person, a_list, op_id=op).json()
    assert change["kept"] == [{"entity": "list", "id": a_list, "fields": ["title"]}]
    assert change["effects"] == [
        {"entity": "list", "id": a_list, "set": {"archived": False}, "previous": {"archived": True}}]
    assert last(person, a_list) == change


def test_a_made_item_that_was_touched_since_is_left(person, a_list):
    made, items = person.add(a_list)["id"], items_of(a_list)
    op = person.log(a_list)[-1]["op_id"]
    for method, path, body in (("PATCH", "", {"text": "b"}), ("PATCH", "", {"text": "An item"})):
        person.call(method, f"{items}/{made}{path}", body, status=200)
        nothing(person, a_list, revert(person, a_list, op_id=op), [{"entity": "item", "id": made}])
    assert order(person, a_list) == [made]


def test_a_made_item_that_was_moved_since_is_left(person, a_list):
    ids = fill(person, a_list, "ab")
    op = person.log(a_list)[-1]["op_id"]
    person.post(f"{items_of(a_list)}/{ids['b']}/move", {"after": None}, status=200)
    nothing(person, a_list, revert(person, a_list, op_id=op), [{"entity": "item", "id": ids["b"]}])


def test_a_made_item_with_live_children_is_left(person, a_list):
    parent = person.add(a_list, "parent")["id"]
    op = person.log(a_list)[-1]["op_id"]
    child = person.add(a_list, "child", parent_id=parent)["id"]
    nothing(person, a_list, revert(person, a_list, op_id=op), [{"entity": "item", "id": parent}])
    person.delete(f"{items_of(a_list)}/{child}", status=204)
    change = revert(person, a_list, op_id=op).json()
    assert "kept" not in change and order(person, a_list) == []
    judged(person, a_list)


def test_last_made_first(person, a_list):
    parent = person.add(a_list, "parent")["id"]
    child = person.add(a_list, "child", parent_id=parent, before=parent)["id"]
    change = revert(person, a_list, to_revision=1).json()
    assert [effect["id"] for effect in change["effects"]] == [child, parent] and "kept" not in change
    assert last(person, a_list) == change
    undo(person, a_list)
    assert order(person, a_list) == [child, parent] and item(person, a_list, child)["parent_id"] == parent
    judged(person, a_list)


def test_a_place_that_was_changed_since(person, a_list):
    ids, items = fill(person, a_list), items_of(a_list)
    person.post(f"{items}/{ids['a']}/move", {"before": None}, status=200)  # b c d a
    op = person.log(a_list)[-1]["op_id"]
    person.post(f"{items}/{ids['a']}/move", {"after": ids["b"]}, status=200)
    nothing(person, a_list, revert(person, a_list, op_id=op), [
        {"entity": "item", "id": ids["a"], "fields": ["place"]}])
    undo(person, a_list)
    assert order(person, a_list) == [ids[each] for each in "bcda"]


def test_a_place_after_the_nearest_that_is_in_view(person, a_list):
    ids, items = fill(person, a_list), items_of(a_list)
    person.post(f"{items}/{ids['d']}/move", {"after": None}, status=200)  # d a b c
    op = person.log(a_list)[-1]["op_id"]
    person.delete(f"{items}/{ids['c']}", status=204)
    new = person.add(a_list, "new", after=ids["b"])["id"]  # d a b new
    change = revert(person, a_list, op_id=op).json()
    assert change["effects"] == [
        {"entity": "item", "id": ids["d"], "set": {}, "previous": {}, "after": ids["b"], "was_after": None}]
    assert order(person, a_list) == [ids["a"], ids["b"], ids["d"], new]
    person.post(f"{items}/{ids['c']}/restore", status=200)
    judged(person, a_list)


def test_a_place_where_none_is_left_before_it(person, a_list):
    ids, items = fill(person, a_list), items_of(a_list)
    person.post(f"{items}/{ids['b']}/move", {"before": None}, status=200)  # a c d b
    op = person.log(a_list)[-1]["op_id"]
    person.delete(f"{items}/{ids['a']}", status=204)
    revert(person, a_list, op_id=op)
    assert order(person, a_list) == [ids["b"], ids["c"], ids["d"]]
    judged(person, a_list)


def test_clear_done_with_one_that_was_restored_since(person, a_list):
    ids, items = fill(person, a_list), items_of(a_list)
    for each in "abd":
        person.patch(f"{items}/{ids[each]}", {"done": True}, status=200)
    person.post(f"{items}/clear-done", status=200)
    op = person.log(a_list)[-1]["op_id"]
    person.post(f"{items}/{ids['b']}/restore", status=200)
    person.patch(f"{items}/{ids['a']}", {"text": "A"}, status=200)  # In trash: that is no reason to stay there.
    change = revert(person, a_list, op_id=op).json()
    assert change["kept"] == [{"entity": "item", "id": ids["b"], "fields": ["deleted_at"]}]
    assert person.texts(a_list) == ["A", "b", "c", "d"] and trash(person, a_list) == []
    judged(person, a_list)


def test_a_remove_of_what_was_purged_since(person, a_list):
    ids, items = fill(person, a_list, "ab"), items_of(a_list)
    person.delete(f"{items}/{ids['a']}", status=204)
    op = person.log(a_list)[-1]["op_id"]
    person.delete(f"{items}/{ids['a']}?purge=true", status=204)
    change = revert(person, a_list, op_id=op).json()
    assert change["status"] == "skipped" and [each["id"] for each in change["kept"]] == [ids["a"]]
    assert order(person, a_list) == [ids["b"]]


def test_to_a_revision(person, a_list):
    ids, items = fill(person, a_list), items_of(a_list)
    before, revision = content(person, a_list), person.whole(a_list)["revision"]
    person.patch(f"/v1/lists/{a_list}", {"title": "new", "archived": True}, status=200)
    person.post(f"{items}/{ids['a']}/move", {"before": None}, status=200)
    person.delete(f"{items}/{ids['b']}", status=204)
    person.patch(f"{items}/{ids['c']}", {"text": "C", "done": True}, status=200)
    person.add(a_list, "new", parent_id=ids["d"])
    person.post(f"{items}/clear-done", status=200)
    person.delete(f"/v1/lists/{a_list}", status=204)
    person.post(f"/v1/lists/{a_list}/restore", status=200)
    after, last_revision = content(person, a_list), person.whole(a_list)["revision"]
    change = revert(person, a_list, to_revision=revision).json()
    assert content(person, a_list) == before and "kept" not in change
    assert change["revision"] == last_revision + 1 and change == last(person, a_list)
    undo(person, a_list)
    assert content(person, a_list) == after
    revert(person, a_list, to_revision=last_revision)
    assert content(person, a_list) == after
    judged(person, a_list)


def test_to_the_present_and_to_the_beginning(person, a_list):
    fill(person, a_list, "ab")
    person.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    revision = person.whole(a_list)["revision"]
    nothing(person, a_list, revert(person, a_list, to_revision=revision))
    change = revert(person, a_list, to_revision=0).json()
    whole = person.whole(a_list)
    assert (whole["title"], whole["items"], whole["deleted_at"], whole["role"]) == ("title", [], None, "owner")
    assert change["status"] == "applied" and len(trash(person, a_list)) == 2
    nothing(person, a_list, revert(person, a_list, to_revision=change["revision"]))
    judged(person, a_list)


@pytest.mark.parametrize("has_families", [False, True])
@pytest.mark.parametrize("seed", range(20 if is_long() else 3))
def test_any_history_goes_back_to_any_revision(person, a_list, seed, has_families):
    """Random writes, among them undos; then back to where it was, and on to the end again. Families can stand
    in the way of each other: then what is left is named.
    """
    rng, items = random.Random(seed), items_of(a_list)
    stations, live, gone = [], [], []
    for step in range(80):
        what, one = rng.randrange(12), rng.choice(live) if live else None
        if what <= 2 or one is None:
            below = rng.choice([None, one]) if has_families else None
            person.post(items, {"text": f"{step}", rng.choice(["after", "before"]): rng.choice([None, one]),
                                "parent_id": below}, status=(201, 422))
        elif what <= 4:
            person.patch(f"{items}/{one}", rng.choice([{"done": True}, {"done": False}, {"text": f"{step}"}]), status=200)
        elif what == 5:
            person.post(f"{items}/{one}/move", {rng.choice(["after", "before"]): None}, status=200)
        elif what == 6:
            person.delete(f"{items}/{one}", status=204)
        elif what == 7 and gone:
            person.post(f"{items}/{rng.choice(gone)}/restore", status=200)
        elif what == 8:
            person.post(f"{items}/clear-done", status=200)
        elif what == 9:
            person.patch(f"/v1/lists/{a_list}", {"title": f"{step}", "archived": rng.random() < 0.5}, status=200)
        elif what == 10 and has_families:
            person.patch(f"{items}/{one}", {"parent_id": rng.choice([None, rng.choice(live)])}, status=(200, 422))
        else:
            changes = [each for each in person.log(a_list) if each["kind"] != "create-list"]
            revert(person, a_list, op_id=rng.choice(changes[-5:])["op_id"])
        whole = person.whole(a_list)
        live, gone = [each["id"] for each in whole["items"]], trash(person, a_list)
        if step % 8 == 0:
            stations.append((whole["revision"], content(person, a_list)))
    judged(person, a_list)
    end = person.whole(a_list)["revision"], content(person, a_list)
    for revision, was in rng.sample(stations, 4):
        change = revert(person, a_list, to_revision=revision).json()
        assert ("kept" in change and has_families) or content(person, a_list) == was
        back = revert(person, a_list, to_revision=end[0]).json()
        assert ("kept" in back and has_families) or content(person, a_list) == end[1]
    judged(person, a_list)


def test_a_list_that_was_made_or_trashed_is_not_reverted(person, a_list):
    person.delete(f"/v1/lists/{a_list}", status=204)
    person.post(f"/v1/lists/{a_list}/restore", status=200)
    before = person.whole(a_list)
    for change in person.log(a_list):
        answer = person.post(f"/v1/lists/{a_list}/revert", {"op_id": change["op_id"]})
        assert "errors" not in problem(answer, 422, "not_revertible")
    assert person.whole(a_list) == before


def test_wrong_input(person, a_list):
    person.add(a_list)
    target, op = f"/v1/lists/{a_list}/revert", person.log(a_list)[-1]["op_id"]
    before = person.whole(a_list)
    for body, pointers in (
            ({}, ["/op_id"]), ({"op_id": op, "to_revision": 1}, ["/to_revision"]),
            ({"op_id": None}, ["/op_id"]), ({"op_id": "x"}, ["/op_id"]), ({"op_id": op.upper()}, ["/op_id"]),
            ({"op_id": 5}, ["/op_id"]), ({"op_id": [op]}, ["/op_id"]),
            ({"op_id": "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab"}, ["/op_id"]),  # No UUIDv7.
            ({"to_revision": None}, ["/to_revision"]), ({"to_revision": "1"}, ["/to_revision"]),
            ({"to_revision": -1}, ["/to_revision"]), ({"to_revision": 1.5}, ["/to_revision"]),
            ({"to_revision": True}, ["/to_revision"]), ({"to_revision": 2**53}, ["/to_revision"]),
            ({"to_revision": 10**30}, ["/to_revision"]), ({"op_id": "x", "to_revision": "x"}, ["/op_id", "/to_revision"]),
            ({"op_id": op, "revert_op": op}, ["/revert_op"]), ({"revision": 1}, ["/op_id", "/revision"]),
            ([op], [""]), ([], [""])):
        answer = person.post(target, body)
        told = problem(answer, 422, "invalid_request")
        assert {each["pointer"] for each in told["errors"]} >= set(pointers), (body, told)
    problem(person.post(target), 422, pointers=["/op_id"])
    problem(person.post(f"{target}?x=1", {"op_id": op}, headers={"Client-Id": "x"}), 422, pointers=["?x", "Client-Id"])
    problem(person.post(target, body=b"{}", type="text/plain"), 415)
    problem(person.post(target, body=b"{"), 400)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert problem(person.call(method, target), 405) and person.call(method, target).header("Allow") == "POST"
    assert person.whole(a_list) == before


def test_what_is_not_in_the_log(person, a_list):
    person.add(a_list)
    elsewhere = person.make_list()
    other = person.log(elsewhere)[-1]["op_id"]
    target = f"/v1/lists/{a_list}/revert"
    for op in (uuid7(), other):
        problem(person.post(target, {"op_id": op}), 404, "not_found")
    for ahead in (3, 2**32 + 1, 2**53 - 1):
        problem(person.post(target, {"to_revision": ahead}), 409, "revision_ahead")
    problem(person.post(f"/v1/lists/{uuid7()}/revert", {"to_revision": 1}), 404)
    problem(person.post("/v1/lists/x/revert", {"to_revision": 1}), 404)
    assert person.whole(a_list)["revision"] == 2


def test_conditions(person, a_list):
    person.add(a_list)
    op, target = person.log(a_list)[-1]["op_id"], f"/v1/lists/{a_list}/revert"
    etag = person.get(f"/v1/lists/{a_list}").etag
    problem(person.post(target, {"op_id": op}, headers={"If-Match": '"x"'}), 412)
    problem(person.post(target, {"op_id": "x"}, headers={"If-Match": '"x"'}), 412)
    problem(person.post(target, {"op_id": op}, headers={"Min-Revision": "3"}), 409, "revision_ahead")
    done = person.post(target, {"op_id": op}, headers={"If-Match": etag, "Min-Revision": "2"}, status=200)
    assert done.etag != etag
    problem(person.post(target, {"op_id": op}, headers={"If-Match": etag}), 412)
    person.delete(f"/v1/lists/{a_list}", status=204)
    problem(person.post(target, {"op_id": op}, headers={"If-Match": etag}), 409, "list_trashed")
    problem(person.post(target, {}), 409, "list_trashed")


def test_a_key_makes_it_once(person, a_list):
    person.add(a_list)
    op, target, key = person.log(a_list)[-1]["op_id"], f"/v1/lists/{a_list}/revert", {"Idempotency-Key": uuid7()}
    first = person.post(target, {"op_id": op}, headers=key, status=200)
    for _ in range(2):
        again = person.post(target, {"op_id": op}, headers=key, status=200)
        assert again.header("Idempotent-Replayed") == "true"
        assert (again.body, again.etag, again.revision) == (first.body, first.etag, first.revision)
    problem(person.post(target, {"to_revision": 1}, headers=key), 422, "idempotency_key_reused")
    mine = {"Idempotency-Key": uuid7()}
    skipped = person.post(target, {"to_revision": 3}, headers=mine, status=200)
    person.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    again = person.post(target, {"to_revision": 3}, headers=mine, status=200)
    assert again.body == skipped.body and again.header("Idempotent-Replayed") == "true"
    assert [each["kind"] for each in judged(person, a_list)] == ["create-list", "add", "revert", "set-list"]


def test_many_undos_at_once_are_one(person, a_list):
    person.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: revert(person, a_list, op_id=op).json(), range(8)))
    assert sorted(each["status"] for each in answers) == ["applied"] + ["skipped"] * 7
    assert person.whole(a_list)["title"] == "title" and len(judged(person, a_list)) == 3


def test_who_may(team):
    """Editors undo what others did, the owner's too; `revert` is no way around a role."""
    a_list = team.take_list()
    team.owner.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    op, body = team.owner.log(a_list)[-1]["op_id"], None
    for body in ({"op_id": op}, {"to_revision": 1}, {}, {"x": 1}):
        problem(team.viewer.post(f"/v1/lists/{a_list}/revert", body), 403)
        problem(team.stranger.post(f"/v1/lists/{a_list}/revert", body), 404)
        problem(Api(team.server.address).post(f"/v1/lists/{a_list}/revert", body), 401)
    change = revert(team.editor, a_list, op_id=op).json()
    assert change["actor_id"] == team.editor.id and team.owner.whole(a_list)["title"] == "A list"
    team.owner.patch(f"/v1/lists/{a_list}", {"title": "new"}, status=200)
    team.owner.delete(f"/v1/lists/{a_list}", status=204)
    problem(team.editor.post(f"/v1/lists/{a_list}/revert", {"op_id": op}), 404)
    problem(team.owner.post(f"/v1/lists/{a_list}/revert", {"op_id": op}), 409, "list_trashed")
    team.owner.post(f"/v1/lists/{a_list}/restore", status=200)
    revert(team.editor, a_list, to_revision=1)
    whole = team.editor.whole(a_list)
    assert whole["title"] == "A list" and len(whole["members"]) == 3


def test_all_of_everybody_after_a_revision(team):
    """A single call means the list as it is, so it undoes what others did, too."""
    a_list = team.take_list()
    kept = team.owner.add(a_list, "kept")["id"]
    revision, before = team.owner.whole(a_list)["revision"], content(team.owner, a_list)
    team.editor.add(a_list, "editor's")
    team.owner.patch(f"{items_of(a_list)}/{kept}", {"text": "owner's"}, status=200)
    change = revert(team.editor, a_list, to_revision=revision).json()
    assert "kept" not in change and content(team.owner, a_list) == before


@pytest.mark.timeout(600)
def test_no_room_for_what_comes_back(person, a_list):
    items = items_of(a_list)
    parent = person.add(a_list, "parent", note="n")["id"]
    child = person.add(a_list, "child", parent_id=parent)["id"]
    person.delete(f"{items}/{parent}", status=204)
    removed = person.log(a_list)[-1]["op_id"]
    more = pipelined(person, requests_of(person, "POST", [(items, {"text": "a"})] * 9_999))
    assert {answer.status for answer in more} == {201}
    problem(person.post(f"{items}/{parent}/restore"), 422, "list_full")  # Two, and there is room for one.
    problem(person.post(f"/v1/lists/{a_list}/revert", {"op_id": removed}), 422, "list_full")
    other = person.make_list()
    one, two = person.add(other)["id"], person.add(other)["id"]
    person.post(f"{items_of(other)}/{one}/move", {"to_list": a_list}, status=200)
    problem(person.post(f"{items_of(other)}/{two}/move", {"to_list": a_list}), 422, "list_full")
    assert order(person, other) == [two] and person.whole(a_list)["item_count"] == 10_000
    for each in order(person, a_list)[:2]:
        person.delete(f"{items}/{each}", status=204)
    revert(person, a_list, op_id=removed)
    whole = person.whole(a_list)
    assert whole["item_count"] == 10_000 and [each["id"] for each in whole["items"][:2]] == [parent, child]
    problem(person.post(items, {"text": "a"}), 422, "list_full")
    made = person.log(a_list, whole["revision"] - 1)[-1]["op_id"]
    revert(person, a_list, op_id=made)  # What goes needs no room.
    assert person.whole(a_list)["item_count"] == 9_998


def test_8_mib_hold_for_an_undo_too(person, a_list):
    """A note that was made empty comes back only where there is room for it."""
    items, note = items_of(a_list), "x" * 16_384
    first = person.add(a_list, "a", note=note)["id"]
    person.patch(f"{items}/{first}", {"note": ""}, status=200)
    op = person.log(a_list)[-1]["op_id"]
    answers = pipelined(person, requests_of(person, "POST", [(items, {"text": "a", "note": note})] * 511), window=8)
    assert {answer.status for answer in answers} == {201}
    problem(person.post(f"/v1/lists/{a_list}/revert", {"op_id": op}), 422, "list_full")
    other = person.make_list()
    big = person.add(other, "a", note=note)["id"]
    problem(person.post(f"{items_of(other)}/{big}/move", {"to_list": a_list}), 422, "list_full")
    person.delete(f"{items}/{order(person, a_list)[1]}?purge=true", status=204)  # Trash counts, what is erased does not.
    revert(person, a_list, op_id=op)
    assert item(person, a_list, first)["note"] == note
