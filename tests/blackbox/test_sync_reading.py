"""'Sync', reading: what a local store is told of what has changed; the list as it was; the log backwards."""
import uuid

import pytest

import replay
from client import eventually, problem, sign_up, uuid7
from members import add_member, set_role

PARTS = {"cursor", "results", "lists", "granted", "revoked", "has_more"}


class Store:
    """A local store that reads: it holds lists by replaying what it is told, and nothing else."""

    def __init__(self, person):
        self.person, self.client_id = person, str(uuid.uuid4())
        self.cursor, self.views, self.seen, self.rounds = None, {}, set(), 0

    def ask(self, **body):
        body = {"user_id": self.person.id, "client_id": self.client_id, **body}
        return self.person.post("/v1/sync", body, status=200).json()

    def sync(self):
        """Until there is nothing more."""
        for self.rounds in range(1, 100):
            body = {"cursor": self.cursor} if self.cursor else {}
            lacking = {each: self.views[each].revision if each in self.views else 0 for each in self.lacking()}
            answer = self.ask(**body, **({"lists": lacking} if lacking else {}))
            assert PARTS <= set(answer) <= PARTS | {"reset"}
            if answer.get("reset"):
                self.seen, self.behind = set(), {}
                self.views = {}
            self.take(answer)
            if not answer["has_more"] and not self.lacking():
                return self
        raise AssertionError("it does not end")

    def lacking(self):
        return [each for each in self.seen if each not in self.views or
                self.views[each].revision < self.behind.get(each, 0)]

    behind = {}

    def take(self, answer):
        self.cursor, self.behind = answer["cursor"], dict(self.behind)
        self.seen |= {each["id"] for each in answer["granted"]}
        for each in answer["revoked"]:
            self.seen.discard(each)
            self.views.pop(each, None)
        for each, entry in answer["lists"].items():
            self.behind[each] = entry["revision"]
            if "reset" in entry:
                assert entry["list"]["revision"] == entry["revision"]
                self.views[each] = self.view_of(entry["list"])
                continue
            view = self.views.get(each)
            for change in entry["changes"]:
                if view is None:
                    if change["revision"] & 0xFFFFFFFF != 1:
                        break  # A list that it lacks: it is named next.
                    view = self.views[each] = replay.View()
                if change["revision"] > view.revision:
                    replay.apply(view, change, each)

    @staticmethod
    def view_of(whole):
        view = replay.View()
        view.id, view.revision, view.updated_at = whole["id"], whole["revision"], whole["updated_at"]
        view.row = {name: whole[name] for name in replay.LIST}
        view.members = {each["user_id"]: each["role"] for each in whole["members"]}
        view.order = [item["id"] for item in whole["items"]]
        view.items = {item["id"]: {name: item[name] for name in replay.ITEM} for item in whole["items"]}
        view.touched = {item["id"]: (item["revision"], item["updated_at"]) for item in whole["items"]}
        return view

    def check(self):
        """It holds exactly what is served."""
        assert set(self.views) == self.seen
        for each, view in self.views.items():
            replay.compare(view, self.person.whole(each), self.person.id)


@pytest.fixture
def somebody(server):
    return sign_up(server.address)


def test_a_store_holds_what_is_served(somebody):
    store = Store(somebody)
    store.sync().check()
    lists = [somebody.make_list(f"{n}") for n in range(3)]
    store.sync().check()
    assert store.seen == set(lists)
    items = {each: [] for each in lists}
    for n in range(30):
        each = lists[n % 3]
        items[each].append(somebody.add(each, f"{n}")["id"])
        if n % 4 == 0:
            somebody.patch(f"/v1/lists/{each}/items/{items[each][0]}", {"done": True, "text": f"x{n}"}, status=200)
        if n % 7 == 0:
            store.sync().check()
    somebody.post(f"/v1/lists/{lists[0]}/items/clear-done", status=200)
    somebody.delete(f"/v1/lists/{lists[1]}", status=204)
    store.sync().check()
    Store(somebody).sync().check()


def test_with_nothing_new_the_answer_is_small(somebody):
    for n in range(20):
        somebody.make_list(f"{n}")
    store = Store(somebody).sync()

    def is_quiet():  # What other services have open on the same server holds the cursor back.
        body = {"user_id": somebody.id, "client_id": store.client_id, "cursor": store.cursor}
        answer = somebody.post("/v1/sync", body, status=200)
        store.cursor = answer.json()["cursor"]
        return len(answer.body) < 200 and answer.json()
    answer = eventually(is_quiet)
    assert answer == {"cursor": answer["cursor"], "results": {}, "lists": {}, "granted": [], "revoked": [],
                      "has_more": False}


def test_named_lists(somebody, stranger):
    a_list, hidden, unknown = somebody.make_list("a"), stranger.make_list("b"), uuid7()
    for n in range(4):
        somebody.add(a_list, f"{n}")
    log, store = somebody.log(a_list), Store(somebody)
    for revision in (0, 1, 3, 5):
        entry = store.ask(lists={a_list: revision})["lists"][a_list]
        assert entry == {"revision": 5, "changes": log[revision:]}
    for revision in (6, 2**32 + 2):
        entry = store.ask(lists={a_list: revision})["lists"][a_list]
        assert entry == {"revision": 5, "reset": True, "list": somebody.whole(a_list)}
    answer = store.ask(lists={hidden: 0, unknown: 1, a_list: 5})
    assert sorted(answer["revoked"]) == sorted([hidden, unknown])
    assert set(answer["lists"]) == {a_list} and [each["id"] for each in answer["granted"]] == [a_list]
    assert answer["granted"][0] == somebody.get("/v1/lists", status=200).json()["data"][0]


def test_what_comes_into_sight_and_goes(own_server):
    owner, other = own_server.person(), own_server.person()
    a_list = owner.make_list("a")
    owner.add(a_list, "x")
    store = Store(other).sync()
    own_server.stop()
    add_member(own_server, a_list, other.id, "viewer")
    own_server.start()
    answer = store.ask(cursor=store.cursor)
    assert [(each["id"], each["role"]) for each in answer["granted"]] == [(a_list, "viewer")]
    owner.delete(f"/v1/lists/{a_list}", status=204)
    answer = store.ask(cursor=answer["cursor"])
    assert answer["revoked"] == [a_list] and answer["lists"] == {}
    owner.post(f"/v1/lists/{a_list}/restore", status=200)
    answer = store.ask(cursor=answer["cursor"])
    assert [each["id"] for each in answer["granted"]] == [a_list]
    own_server.stop()
    set_role(own_server, a_list, other.id, None)
    own_server.start()
    answer = store.ask(cursor=answer["cursor"], lists={a_list: 1})
    assert answer["revoked"] == [a_list] and answer["lists"] == {} and answer["granted"] == []


def test_what_does_not_fit_comes_in_pages(somebody):
    lists = [somebody.make_list(f"{n}") for n in range(2)]
    store = Store(somebody).sync()
    before = store.cursor
    for each in lists:
        for n in range(40):
            somebody.add(each, f"{n}", note="n" * 16384)
    answer = store.ask(cursor=before)
    assert answer["has_more"] and sum(len(each["changes"]) for each in answer["lists"].values()) < 80
    store.sync().check()
    assert store.rounds >= 2
    named = store.ask(cursor=before, lists={each: 1 for each in lists})
    assert named["cursor"] == before and named["has_more"]


def test_the_form_of_the_request(somebody, stranger):
    good = {"user_id": somebody.id, "client_id": str(uuid.uuid4())}
    cursor = somebody.post("/v1/sync", good, status=200).json()["cursor"]
    theirs = stranger.post("/v1/sync", {**good, "user_id": stranger.id}, status=200).json()["cursor"]
    for change, pointer in (
            ({"user_id": None}, "/user_id"), ({"client_id": "x"}, "/client_id"), ({"more": 1}, "/more"),
            ({"cursor": ""}, "/cursor"), ({"cursor": cursor[:-1]}, "/cursor"), ({"cursor": theirs}, "/cursor"),
            ({"cursor": cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BA")}, "/cursor"), ({"cursor": 1}, "/cursor"),
            ({"lists": []}, "/lists"), ({"lists": {"x": 1}}, "/lists/x"), ({"ops": {}}, "/ops"),
            ({"ops": [1]}, "/ops/0"), ({"ops": [{"op_id": uuid7(), "list_id": "x"}]}, "/ops/0/list_id"),
            ({"ops": [{"list_id": uuid7()}]}, "/ops/0/op_id")):
        problem(somebody.post("/v1/sync", {**good, **change}), 422, "invalid_request", [pointer])
    an_id = uuid7()
    for revision in (-1, 1.5, "1", None, 2**53):
        problem(somebody.post("/v1/sync", {**good, "lists": {an_id: revision}}), 422, pointers=[f"/lists/{an_id}"])
    op = {"op_id": uuid7(), "list_id": an_id, "kind": "remove-list", "base_revision": 0}
    problem(somebody.post("/v1/sync", {**good, "ops": [op, {**op, "kind": "restore-list"}]}), 422,
            pointers=["/ops/1/op_id"])
    assert len(somebody.post("/v1/sync", {**good, "ops": [op, op]}).json()["results"]) == 1
    problem(somebody.post("/v1/sync", {**good, "ops": [{**op, "op_id": uuid7()} for _ in range(101)]}), 422,
            pointers=["/ops"])
    problem(somebody.post("/v1/sync", {**good, "lists": {uuid7(): 1 for _ in range(2001)}}), 422, pointers=["/lists"])
    problem(somebody.post("/v1/sync", {"cursor": cursor}), 422, pointers=["/user_id", "/client_id"])
    problem(somebody.post("/v1/sync", {**good, "user_id": stranger.id}), 409, "other_user")
    problem(somebody.post("/v1/sync?x=1", good), 422, pointers=["?x"])
    somebody.post("/v1/sync", {**good, "lists": {uuid7(): 1 for _ in range(2000)}}, status=200)


def test_an_op_that_is_malformed_is_refused(somebody):
    a_list, item = somebody.make_list("a"), uuid7()
    base = {"list_id": a_list, "base_revision": 1}
    wrong = [
        ({"kind": "add", "item_id": item, "fields": {}}, "/fields/text"),
        ({"kind": "add", "item_id": item, "fields": {"text": "x" * 501}}, "/fields/text"),
        ({"kind": "add", "fields": {"text": "x"}}, "/item_id"),
        ({"kind": "add", "item_id": item, "fields": {"text": "x", "more": 1}}, "/fields/more"),
        ({"kind": "set", "item_id": item, "fields": {"done": 1}}, "/fields/done"),
        ({"kind": "set", "item_id": item, "fields": []}, "/fields"),
        ({"kind": "move", "item_id": item}, "/fields/after"),
        ({"kind": "transfer", "item_id": item}, "/fields/to_list"),
        ({"kind": "revert"}, "/fields/revert_op"),
        ({"kind": "revert", "fields": {"revert_op": item, "to_revision": 1}}, "/fields/to_revision"),
        ({"kind": "remove", "item_id": item, "fields": {"x": 1}}, "/fields/x"),
        ({"kind": "remove", "item_id": item, "base_revision": "1"}, "/base_revision"),
        ({"kind": "purge", "item_id": item}, "/kind"), ({"kind": "nothing"}, "/kind"), ({}, "/kind"),
        ({"kind": "set-list", "item_id": item}, "/item_id"), ({"kind": "set-list", "x": 1}, "/x"),
        ({"kind": "create-list"}, "/fields/title")]
    ops = [{**base, **fields, "op_id": uuid7()} for fields, _ in wrong]
    ops[-1]["list_id"] = uuid7()  # One that is there already could not be made anew.
    ops.append({"op_id": uuid7(), "list_id": a_list, "kind": "remove-list"})
    results = Store(somebody).ask(ops=ops)["results"]
    assert list(results) == [op["op_id"] for op in ops]
    for op, (_, pointer) in zip(ops, [*wrong, (None, "/base_revision")]):
        result = results[op["op_id"]]
        assert set(result) == {"status", "code", "detail"}, result
        assert (result["status"], result["code"]) == ("refused", "invalid_request")
        assert f"{pointer}: " in result["detail"], (op, result)
    assert somebody.whole(a_list)["revision"] == 1


def test_a_list_as_it_was(somebody):
    a_list = somebody.make_list("a")
    items, served = [], {}
    for n in range(12):
        items.append(somebody.add(a_list, f"{n}", note="n")["id"])
        served[somebody.whole(a_list)["revision"]] = somebody.whole(a_list)
        somebody.patch(f"/v1/lists/{a_list}/items/{items[n // 2]}", {"done": n % 2 == 0, "text": f"x{n}"}, status=200)
        if n % 3 == 0:
            somebody.delete(f"/v1/lists/{a_list}/items/{items[n // 3]}", status=204)
            somebody.patch(f"/v1/lists/{a_list}", {"title": f"{n}"}, status=200)
        served[somebody.whole(a_list)["revision"]] = somebody.whole(a_list)
    for revision, whole in served.items():
        answer = somebody.get(f"/v1/lists/{a_list}?at={revision}", status=200)
        assert answer.header("ETag") is None
        was = {**whole, "items": [{**item, "revision": None, "updated_at": None} for item in whole["items"]]}
        assert answer.json() == was
    problem(somebody.get(f"/v1/lists/{a_list}?at={max(served) + 1}"), 409, "revision_ahead")
    for wrong in ("0", "-1", "x", "", str(2**53)):
        problem(somebody.get(f"/v1/lists/{a_list}?at={wrong}"), 422, pointers=["?at"])


def test_the_log_backwards(somebody):
    a_list = somebody.make_list("a")
    for n in range(9):
        somebody.add(a_list, f"{n}")
    log, target = somebody.log(a_list), f"/v1/lists/{a_list}/changes"
    for limit in (1, 3, 10, 500):
        found, before, more = [], 11, True
        while more:
            page = somebody.get(f"{target}?before={before}&limit={limit}", status=200).json()
            assert set(page) == {"changes", "revision", "has_more"} and page["revision"] == 10
            found = page["changes"] + found
            before, more = found[0]["revision"], page["has_more"]
            assert more == (before > 1)
        assert found == log
    assert somebody.get(f"{target}?before=1", status=200).json() == {"changes": [], "revision": 10, "has_more": False}
    problem(somebody.get(f"{target}?before=4&after=2"), 422, pointers=["?before"])
    problem(somebody.get(f"{target}?before=0"), 422, pointers=["?before"])


def test_where_the_log_ends(own_server):
    person = own_server.person()
    a_list = person.make_list("a")
    for n in range(5):
        person.add(a_list, f"{n}")
    store = Store(person).sync()
    log, at_4 = person.log(a_list), person.get(f"/v1/lists/{a_list}?at=4", status=200).json()
    own_server.stop()
    of = {"list": uuid.UUID(a_list)}
    own_server.sql_all([
        ("UPDATE meta SET cut_tx = (SELECT MAX(tx) FROM changes WHERE list_id = :list AND revision <= 4)", of),
        ("UPDATE lists SET log_cut = 4, log_cut_at = (SELECT at FROM changes WHERE list_id = :list AND revision = 4)"
         " WHERE id = :list", of),
        ("DELETE FROM changes WHERE list_id = :list AND revision <= 4", of)])
    own_server.start()
    target = f"/v1/lists/{a_list}"
    assert person.get(f"{target}/changes?after=4", status=200).json()["changes"] == log[4:]
    assert person.get(f"{target}/changes?before=7", status=200).json() == \
        {"changes": log[4:], "revision": 6, "has_more": False}
    for query in ("after=0", "after=3", "before=4"):
        problem(person.get(f"{target}/changes?{query}"), 410, "revision_expired")
    assert person.get(f"{target}?at=4", status=200).json() == at_4
    problem(person.get(f"{target}?at=3"), 410, "revision_expired")
    assert "reset" in store.ask(lists={a_list: 3})["lists"][a_list]
    assert store.ask(lists={a_list: 4})["lists"][a_list]["changes"] == log[4:]
    person.add(a_list, "more")
    assert "reset" not in store.ask(cursor=store.cursor)
