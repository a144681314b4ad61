"""'The log': what each call writes, pages of it, and that it says exactly what is served."""
import random

import pytest

import replay
from client import is_long, problem, uuid7

WHOLE = set(replay.ITEM)


@pytest.fixture
def a_list(person):
    return person.make_list("a")


def last(person, a_list):
    """The newest change, after the whole log has been judged."""
    log = person.log(a_list)
    replay.check_log(log, a_list, person.whole(a_list), person.id)
    return log[-1]


def fields_of(item):
    return {name: item[name] for name in replay.ITEM}


def test_create_list(person, a_list):
    change = last(person, a_list)
    whole = person.whole(a_list)
    assert (change["revision"], change["kind"], change["status"]) == (1, "create-list", "applied")
    assert change["actor_id"] == person.id and change["client_id"] is None and "item_id" not in change
    assert change["at"] == whole["created_at"]
    assert change["effects"] == [
        {"entity": "list", "id": a_list, "previous": None,
         "set": {"title": "a", "archived": False, "created_at": change["at"], "deleted_at": None}},
        {"entity": "member", "id": person.id, "set": {"role": "owner"}, "previous": None}]


def test_set_list(person, a_list):
    person.patch(f"/v1/lists/{a_list}", {"title": "b", "archived": False}, status=200)
    change = last(person, a_list)
    assert change["kind"] == "set-list"
    assert change["effects"] == [{"entity": "list", "id": a_list, "set": {"title": "b"}, "previous": {"title": "a"}}]


def test_remove_and_restore_list(person, a_list):
    person.delete(f"/v1/lists/{a_list}", status=204)
    change = last(person, a_list)
    at = change["at"]
    assert change["kind"] == "remove-list"
    assert change["effects"] == [
        {"entity": "list", "id": a_list, "set": {"deleted_at": at}, "previous": {"deleted_at": None}}]
    person.post(f"/v1/lists/{a_list}/restore", status=200)
    change = last(person, a_list)
    assert change["kind"] == "restore-list"
    assert change["effects"] == [
        {"entity": "list", "id": a_list, "set": {"deleted_at": None}, "previous": {"deleted_at": at}}]


def test_add(person, a_list):
    first = person.add(a_list, "x", note="n", labels=["l"], due={"date": "2026-12-24"})
    second = person.add(a_list, "y", before=first["id"])
    for item, after, change in zip((first, second), (None, None), person.log(a_list, 1)):
        assert (change["kind"], change["item_id"], change["at"]) == ("add", item["id"], item["created_at"])
        assert change["effects"] == [
            {"entity": "item", "id": item["id"], "set": fields_of(item), "previous": None, "after": after}]
    third = person.add(a_list, "z", after=second["id"])
    change = last(person, a_list)
    assert change["effects"][0]["after"] == second["id"] and change["item_id"] == third["id"]


def test_set(person, a_list):
    item = person.add(a_list, "x", labels=["l"])
    target = f"/v1/lists/{a_list}/items/{item['id']}"
    person.patch(target, {"text": "y", "labels": ["l"], "note": "n"}, status=200)
    change = last(person, a_list)
    assert (change["kind"], change["item_id"], change["status"]) == ("set", item["id"], "applied")
    assert change["effects"] == [{"entity": "item", "id": item["id"], "set": {"text": "y", "note": "n"},
                                  "previous": {"text": "x", "note": ""}}]
    person.patch(target, {"done": True}, status=200)
    change = last(person, a_list)
    assert change["effects"][0]["set"] == {"done": True, "done_at": change["at"]}
    assert change["effects"][0]["previous"] == {"done": False, "done_at": None}


def test_move(person, a_list):
    a, b, c = (person.add(a_list, text)["id"] for text in "abc")
    person.post(f"/v1/lists/{a_list}/items/{b}/move", {"before": None}, status=200)
    change = last(person, a_list)
    assert (change["kind"], change["item_id"]) == ("move", b)
    assert change["effects"] == [
        {"entity": "item", "id": b, "set": {}, "previous": {}, "after": c, "was_after": a}]


def test_remove_set_in_trash_and_restore(person, a_list):
    a, b = person.add(a_list, "a"), person.add(a_list, "b")
    target = f"/v1/lists/{a_list}/items/{b['id']}"
    person.delete(target, status=204)
    change = last(person, a_list)
    at = change["at"]
    assert (change["kind"], change["item_id"]) == ("remove", b["id"])
    assert change["effects"] == [{"entity": "item", "id": b["id"], "set": {"deleted_at": at},
                                  "previous": fields_of(b), "was_after": a["id"]}]
    person.patch(target, {"text": "B"}, status=200)
    change = last(person, a_list)
    assert change["kind"] == "set"
    assert change["effects"] == [{"entity": "item", "id": b["id"], "set": {"text": "B"}, "previous": {"text": "b"}}]
    person.post(f"{target}/restore", status=200)
    change = last(person, a_list)
    assert (change["kind"], change["item_id"]) == ("restore", b["id"])
    assert change["effects"] == [{"entity": "item", "id": b["id"], "set": {**fields_of(b), "text": "B"},
                                  "previous": {"deleted_at": at}, "after": a["id"]}]


def test_clear_done_is_one_change(person, a_list):
    ids = [person.add(a_list, text)["id"] for text in "abcd"]
    for each in (ids[0], ids[1], ids[3]):
        person.patch(f"/v1/lists/{a_list}/items/{each}", {"done": True}, status=200)
    person.post(f"/v1/lists/{a_list}/items/clear-done", status=200)
    change = last(person, a_list)
    assert change["kind"] == "clear-done" and "item_id" not in change
    assert {effect["id"] for effect in change["effects"]} == {ids[0], ids[1], ids[3]}
    for effect in change["effects"]:
        assert effect["set"] == {"deleted_at": change["at"]} and set(effect["previous"]) == WHOLE


def test_client_id(person, a_list):
    store = "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab"
    person.patch(f"/v1/lists/{a_list}", {"title": "b"}, headers={"Client-Id": store}, status=200)
    assert last(person, a_list)["client_id"] == store
    for wrong in ("x", "", store.replace("-", ""), store + "0"):
        problem(person.patch(f"/v1/lists/{a_list}", {"title": "c"}, headers={"Client-Id": wrong}), 422,
                pointers=["Client-Id"])


def test_pages_go_upwards_without_gap_or_repeat(person, a_list):
    for n in range(9):
        person.add(a_list, f"{n}")
    log = person.log(a_list)
    assert [change["revision"] for change in log] == list(range(1, 11))
    target = f"/v1/lists/{a_list}/changes"
    for limit in (1, 3, 5, 10, 500):
        found, after, more = [], 0, True
        while more:
            page = person.get(f"{target}?after={after}&limit={limit}", status=200).json()
            assert set(page) == {"changes", "revision", "has_more"} and page["revision"] == 10
            assert len(page["changes"]) <= limit
            found += page["changes"]
            after, more = found[-1]["revision"], page["has_more"]
            assert more == (after < 10)
        assert found == log
    assert person.get(f"{target}?after=10", status=200).json() == {"changes": [], "revision": 10, "has_more": False}
    assert person.get(f"{target}?after=7").json()["changes"] == log[7:]
    problem(person.get(f"{target}?after=11"), 409, "revision_ahead")
    problem(person.get(f"{target}?after={2**32 + 1}"), 409, "revision_ahead")
    for query, name in (("after=-1", "?after"), ("after=a", "?after"), ("after=", "?after"), ("limit=0", "?limit"),
                        ("limit=501", "?limit"), ("before=0", "?before"), ("cursor=a", "?cursor")):
        problem(person.get(f"{target}?{query}"), 422, pointers=[name])


def test_a_page_of_the_log_holds_500(person, a_list):
    for n in range(505):
        person.patch(f"/v1/lists/{a_list}", {"title": f"{n}"}, status=200)
    for query in ("after=0", "after=0&limit=500"):
        page = person.get(f"/v1/lists/{a_list}/changes?{query}", status=200).json()
        assert len(page["changes"]) == 500 and page["has_more"] and page["revision"] == 506
    assert len(person.log(a_list)) == 506


def test_op_ids_and_times(person, a_list):
    for n in range(30):
        person.add(a_list, f"{n}")
    log = person.log(a_list)
    assert len({change["op_id"] for change in log}) == 31
    assert [change["at"] for change in log] == sorted(change["at"] for change in log)


def test_what_changes_nothing_or_is_refused_leaves_no_row(person, a_list):
    item = person.add(a_list)["id"]
    items = f"/v1/lists/{a_list}/items"
    person.patch(f"{items}/{item}", {"done": False}, status=200)
    person.post(f"{items}/{item}/restore", status=200)
    person.post(f"{items}/clear-done", status=200)
    person.patch(f"{items}/{item}", {"text": ""}, status=422)
    person.post(items, {"text": "a", "id": item}, status=409)
    person.patch(f"{items}/{item}", {"text": "b"}, headers={"If-Match": '"x"'}, status=412)
    assert [change["kind"] for change in person.log(a_list)] == ["create-list", "add"]


@pytest.mark.parametrize("seed", range(10 if is_long() else 2))
def test_any_history_replays(person, a_list, seed):
    """Random writes of all kinds; the log is judged in both directions, also from where clients are."""
    rng = random.Random(1000 + seed)
    items, ids, stations = f"/v1/lists/{a_list}/items", [], []
    for step in range(200):
        what = rng.randrange(11)
        one = rng.choice(ids) if ids else None
        if what <= 2 or one is None:
            place = {}
            live = [each["id"] for each in person.whole(a_list)["items"]]
            if live and rng.random() < 0.5:
                place = {rng.choice(["after", "before"]): rng.choice([None, *live])}
            ids.append(person.add(a_list, f"{step}", note=rng.choice(["", "n"]), **place)["id"])
        elif what == 3:
            person.patch(f"{items}/{one}", {"done": rng.random() < 0.6}, status=200)
        elif what == 4:
            person.patch(f"{items}/{one}", {rng.choice(["text", "note"]): f"{step}", "labels": [f"{step % 3}"],
                                            "due": rng.choice([None, {"date": "2026-01-01"}])}, status=200)
        elif what == 5:
            person.post(f"{items}/{one}/move", {rng.choice(["after", "before"]): None}, status=(200, 409))
        elif what == 6:
            person.delete(f"{items}/{one}", status=204)
        elif what in (7, 8):
            person.post(f"{items}/{one}/restore", status=200)
        elif what == 9:
            person.post(f"{items}/clear-done", status=200)
        else:
            person.patch(f"/v1/lists/{a_list}", {"title": f"{step % 3}", "archived": rng.random() < 0.5}, status=200)
        if step % 20 == 0:
            stations.append(person.whole(a_list))
    log = person.log(a_list)
    replay.check_log(log, a_list, person.whole(a_list), person.id)
    for whole in stations:  # Whoever holds the list at r and applies what follows holds what is served.
        view = replay.replay([change for change in log if change["revision"] <= whole["revision"]], a_list)
        replay.compare(view, whole, person.id)
        for change in person.log(a_list, whole["revision"]):
            replay.apply(view, change, a_list)
        replay.compare(view, person.whole(a_list), person.id)
