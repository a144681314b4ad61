"""`POST …/move` with `to_list`: one atomic change in both lists, one `op_id` in both logs."""
import concurrent.futures
import random
import threading
import time

import pytest

from client import Api, eventually, is_long, problem, uuid7
from history import content, fields_of, items_of, judged, last, order, revert, trash
from members import set_role


@pytest.fixture
def lists(person):
    """Where from, where to."""
    return person.make_list("from"), person.make_list("to")


def move(person, a_list, item, to_list, headers=(), status=200, **where):
    return sent(person, person.post(f"{items_of(a_list)}/{item}/move", {"to_list": to_list, **where}, headers=headers,
                                    status=status), to_list)


def sent(person, answer, to_list):
    """The answer bears the revision of the list in the path; the item has that of the other one."""
    if answer.status == 200:
        person.address.note(to_list, answer.json()["revision"])
    return answer


def both(person, lists) -> tuple:
    """The newest change of each list, the whole logs being as they should be."""
    return tuple(last(person, each) for each in lists)


def test_an_item_moves_as_it_is(person, lists):
    here, there = lists
    beside = person.add(here, "beside")["id"]
    fields = {"text": "a", "note": "n", "labels": ["l", "m"], "due": {"at": "2026-12-24T17:00:00.000Z", "tz": "Europe/Berlin"}}
    made = person.add(here, **fields)
    person.patch(f"{items_of(here)}/{made['id']}", {"done": True}, status=200)
    item = person.get(f"{items_of(here)}/{made['id']}").json()
    other = person.add(there, "other")["id"]
    answer = move(person, here, made["id"], there)
    moved = answer.json()
    assert moved == {**item, "revision": 3, "updated_at": moved["updated_at"]}
    assert person.get(f"{items_of(there)}/{made['id']}", status=200).json() == moved
    assert order(person, there) == [other, made["id"]] and order(person, here) == [beside]
    source = person.get(f"/v1/lists/{here}")
    assert answer.etag == source.etag and answer.revision == source.json()["revision"] == 5
    assert (source.json()["item_count"], source.json()["done_count"]) == (1, 0)
    target = person.whole(there)
    assert (target["item_count"], target["done_count"], target["revision"]) == (2, 1, 3)


def test_both_logs_tell_of_it(person, lists):
    here, there = lists
    store = "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab"
    beside, item, other = person.add(here, "beside")["id"], person.add(here, "a"), person.add(there, "other")["id"]
    move(person, here, item["id"], there, headers={"Client-Id": store})
    left, came = both(person, lists)
    for change in (left, came):
        assert (change["kind"], change["status"], change["item_id"]) == ("transfer", "applied", item["id"])
        assert (change["actor_id"], change["client_id"]) == (person.id, store)
    assert left["op_id"] == came["op_id"] and (left["revision"], came["revision"]) == (4, 3)
    assert left["effects"] == [{"entity": "item", "id": item["id"], "set": None, "previous": fields_of(item),
                                "was_after": beside}]
    assert came["effects"] == [{"entity": "item", "id": item["id"], "set": fields_of(item), "previous": None,
                                "after": other}]


@pytest.mark.parametrize("side, whom, expected", [
    (None, None, "abx"), ("after", None, "xab"), ("before", None, "abx"), ("after", "a", "axb"), ("before", "a", "xab"),
    ("after", "b", "abx"), ("before", "b", "axb")])
def test_to_a_place(person, lists, side, whom, expected):
    here, there = lists
    ids = {text: person.add(there, text)["id"] for text in "ab"} | {None: None}
    item = person.add(here, "x")["id"]
    move(person, here, item, there, **({side: ids[whom]} if side else {}))
    assert "".join(person.texts(there)) == expected
    both(person, lists)


def test_the_place_is_of_the_other_list(person, lists):
    here, there = lists
    item, neighbour = person.add(here)["id"], person.add(here)["id"]
    in_trash, purged = person.add(there)["id"], person.add(there)["id"]
    person.delete(f"{items_of(there)}/{in_trash}", status=204)
    person.delete(f"{items_of(there)}/{purged}?purge=true", status=204)
    target, before = f"{items_of(here)}/{item}/move", (person.whole(here), person.whole(there))
    for side in ("after", "before"):
        for wrong in (neighbour, item, in_trash, purged, uuid7(), "x", 5):
            problem(person.post(target, {"to_list": there, side: wrong}), 422, pointers=[f"/{side}"])
    problem(person.post(target, {"to_list": there, "after": None, "before": None}), 422, pointers=["/before"])
    assert (person.whole(here), person.whole(there)) == before


def test_live_children_come_along(person, lists):
    here, there = lists
    items = items_of(here)
    parent = person.add(here, "parent")["id"]
    one, two, three = (person.add(here, text, parent_id=parent)["id"] for text in ("one", "two", "three"))
    person.post(f"{items}/{three}/move", {"after": None}, status=200)  # three, parent, one, two
    person.delete(f"{items}/{two}", status=204)
    other = person.add(here, "other")["id"]
    there_first, there_last = person.add(there, "first")["id"], person.add(there, "last")["id"]
    moved = move(person, here, parent, there, before=there_last).json()
    assert moved["id"] == parent and moved["parent_id"] is None
    left, came = both(person, lists)
    assert [effect["id"] for effect in left["effects"]] == [parent, three, one]
    assert [effect["id"] for effect in came["effects"]] == [parent, three, one]
    assert [effect["after"] for effect in came["effects"]] == [there_first, parent, three]
    assert [effect["was_after"] for effect in left["effects"]] == [three, None, None]
    assert left["item_id"] == came["item_id"] == parent
    assert order(person, there) == [there_first, parent, three, one, there_last] and order(person, here) == [other]
    assert [each["parent_id"] for each in person.whole(there)["items"]] == [None, None, parent, parent, None]
    assert trash(person, here) == [two]
    assert person.post(f"{items}/{two}/restore", status=200).json()["parent_id"] is None


def test_a_child_that_moves_alone_has_no_parent(person, lists):
    here, there = lists
    parent = person.add(here, "parent")["id"]
    child = person.add(here, "child", parent_id=parent)["id"]
    assert move(person, here, child, there).json()["parent_id"] is None
    left, came = both(person, lists)
    assert left["effects"][0]["previous"]["parent_id"] == parent and came["effects"][0]["set"]["parent_id"] is None
    assert order(person, here) == [parent]


def test_what_has_gone_is_not_there_any_more(person, lists):
    here, there = lists
    item = person.add(here, "a")["id"]
    target = f"{items_of(here)}/{item}"
    move(person, here, item, there)
    before = person.whole(here)
    for method, path, body in (("GET", "", None), ("PATCH", "", {"text": "b"}), ("DELETE", "", None),
                               ("DELETE", "?purge=true", None), ("POST", "/restore", None),
                               ("POST", "/move", {"after": None}), ("POST", "/move", {"to_list": there})):
        problem(person.call(method, target + path, **({} if body is None else {"json": body})), 404, "not_found")
    assert trash(person, here) == []
    problem(person.post(items_of(here), {"text": "a", "id": item}), 409, "id_taken")
    problem(person.put(target, {"text": "a"}), 409, "id_taken")
    problem(person.post(items_of(here), {"text": "a", "after": item}), 422, pointers=["/after"])
    assert person.whole(here) == before


def test_there_and_back_again(person, lists):
    """That is how it is undone: it takes a new place."""
    here, there = lists
    a, b, c = (person.add(here, text)["id"] for text in "abc")
    row = fields_of(person.get(f"{items_of(here)}/{b}").json())
    move(person, here, b, there)
    assert fields_of(move(person, there, b, here).json()) == row
    assert order(person, here) == [a, c, b] and order(person, there) == []
    move(person, here, b, there)
    move(person, there, b, here, after=a)
    assert order(person, here) == [a, b, c]
    for each in lists:
        log = judged(person, each)
        assert [change["kind"] for change in log][-4:] == ["transfer"] * 4
    assert [change["op_id"] for change in person.log(here)[-4:]] == [change["op_id"] for change in person.log(there)[-4:]]


def test_it_is_never_reverted(person, lists):
    here, there = lists
    kept, item = person.add(here, "kept")["id"], person.add(here, "a")["id"]
    move(person, here, item, there)
    for each in lists:
        op = person.log(each)[-1]["op_id"]
        problem(person.post(f"/v1/lists/{each}/revert", {"op_id": op}), 422, "not_revertible")
    person.patch(f"{items_of(here)}/{kept}", {"text": "changed"}, status=200)
    revert(person, here, to_revision=3)
    assert person.texts(here) == ["kept"] and order(person, there) == [item]
    change = revert(person, there, to_revision=1).json()
    assert change["status"] == "skipped" and order(person, there) == [item]
    both(person, lists)


def test_what_was_done_to_it_before_is_not_undone_there(person, lists):
    """The log of the other list begins with its coming, this one's has nothing to undo it on."""
    here, there = lists
    item = person.add(here, "a")["id"]
    person.patch(f"{items_of(here)}/{item}", {"text": "b"}, status=200)
    op = person.log(here)[-1]["op_id"]
    move(person, here, item, there)
    problem(person.post(f"/v1/lists/{there}/revert", {"op_id": op}), 404)
    change = revert(person, here, op_id=op).json()
    assert change["status"] == "skipped" and [each["id"] for each in change["kept"]] == [item]
    person.patch(f"{items_of(there)}/{item}", {"text": "c"}, status=200)
    revert(person, there, op_id=person.log(there)[-1]["op_id"])
    assert person.texts(there) == ["b"]
    both(person, lists)


def test_an_id_that_is_taken_there(person, lists):
    here, there = lists
    live, in_trash, purged = (person.add(here, "a")["id"] for _ in range(3))
    for each in (live, in_trash, purged):
        person.post(items_of(there), {"text": "there", "id": each}, status=201)
    person.delete(f"{items_of(there)}/{in_trash}", status=204)
    person.delete(f"{items_of(there)}/{purged}?purge=true", status=204)
    before = person.whole(here), person.whole(there)
    for each in (live, in_trash, purged):
        problem(move(person, here, each, there, status=409), 409, "id_taken")
    assert (person.whole(here), person.whole(there)) == before


def test_a_childs_id_that_is_taken_there(person, lists):
    """All or nothing."""
    here, there = lists
    parent = person.add(here, "parent")["id"]
    child = person.add(here, "child", parent_id=parent)["id"]
    person.post(items_of(there), {"text": "there", "id": child}, status=201)
    before = person.whole(here), person.whole(there)
    problem(move(person, here, parent, there, status=409), 409, "id_taken")
    assert (person.whole(here), person.whole(there)) == before
    person.delete(f"{items_of(here)}/{child}", status=204)
    move(person, here, parent, there)


def test_in_trash_it_does_not_move(person, lists):
    here, there = lists
    item = person.add(here)["id"]
    person.delete(f"{items_of(here)}/{item}", status=204)
    problem(move(person, here, item, there, status=409), 409, "item_trashed")
    assert (person.whole(here)["revision"], person.whole(there)["revision"]) == (3, 1)


def test_wrong_input(person, lists):
    here, there = lists
    item = person.add(here)["id"]
    target = f"{items_of(here)}/{item}/move"
    before = person.whole(here), person.whole(there)
    for body, pointers in (
            ({"to_list": here}, ["/to_list"]), ({"to_list": here, "after": None}, ["/to_list"]),
            ({"to_list": None}, ["/to_list"]), ({"to_list": None, "after": None}, ["/to_list"]),
            ({"to_list": "x"}, ["/to_list"]), ({"to_list": there.upper()}, ["/to_list"]),
            ({"to_list": 5, "after": "x"}, ["/to_list", "/after"]), ({"to_list": [there]}, ["/to_list"]),
            ({"to_list": here, "x": 1}, ["/to_list", "/x"]), ({"to_list": there, "text": "b"}, ["/text"]),
            ({}, ["/after"]), ({"to_list": there, "after": None, "before": None}, ["/before"])):
        problem(person.post(target, body), 422, "invalid_request", pointers=pointers)
    problem(person.post(f"{target}?x=1", {"to_list": there}, headers={"Client-Id": "x"}), 422, pointers=["?x", "Client-Id"])
    assert (person.whole(here), person.whole(there)) == before


def test_a_list_that_is_not_there(person, stranger, lists):
    here, there = lists
    item = person.add(here)["id"]
    theirs = stranger.make_list()
    nowhere = move(person, here, item, uuid7(), status=404)
    hidden = move(person, here, item, theirs, status=404)
    for answer in (nowhere, hidden):
        problem(answer, 404, "not_found")
    same = [answer.body.replace(answer.header("X-Request-Id").encode(), b"") for answer in (nowhere, hidden)]
    assert same[0] == same[1]
    # 404 goes before all but what cannot be read.
    for headers in ({"If-Match": '"x"'}, {"Min-Revision": "999"}, {"Client-Id": "x"}):
        problem(person.post(f"{items_of(here)}/{item}/move", {"to_list": theirs, "x": 1}, headers=headers), 404)
    problem(move(person, here, uuid7(), there, status=404), 404)
    assert person.whole(here)["revision"] == 2 and stranger.whole(theirs)["revision"] == 1


def test_lists_in_trash(person, lists):
    here, there = lists
    item = person.add(here)["id"]
    person.delete(f"/v1/lists/{there}", status=204)
    problem(move(person, here, item, there, status=409), 409, "list_trashed")
    person.post(f"/v1/lists/{there}/restore", status=200)
    person.delete(f"/v1/lists/{here}", status=204)
    problem(move(person, here, item, there, status=409), 409, "list_trashed")
    person.post(f"/v1/lists/{here}/restore", status=200)
    move(person, here, item, there)


def test_if_match_is_of_the_list_in_the_path(person, lists):
    here, there = lists
    one, two = person.add(here)["id"], person.add(here)["id"]
    etag, theirs = person.get(f"/v1/lists/{here}").etag, person.get(f"/v1/lists/{there}").etag
    for wrong in ('"x"', etag[:-1] + '9"'):
        problem(move(person, here, one, there, headers={"If-Match": wrong}, status=412), 412)
    assert person.get(f"/v1/lists/{there}").etag == theirs
    done = move(person, here, one, there, headers={"If-Match": etag})
    problem(move(person, here, two, there, headers={"If-Match": etag}, status=412), 412)
    move(person, here, two, there, headers={"If-Match": done.etag, "Min-Revision": str(done.revision)})
    assert order(person, there) == [one, two]


def test_a_key_makes_it_once(person, lists):
    here, there = lists
    item, key = person.add(here)["id"], {"Idempotency-Key": uuid7()}
    first = move(person, here, item, there, headers=key)
    person.patch(f"{items_of(there)}/{item}", {"text": "changed"}, status=200)
    for _ in range(2):
        again = move(person, here, item, there, headers=key)
        assert again.header("Idempotent-Replayed") == "true"
        assert (again.body, again.etag, again.revision) == (first.body, first.etag, first.revision)
    problem(move(person, here, item, there, headers=key, status=422, before=None), 422, "idempotency_key_reused")
    problem(move(person, here, item, there, headers={"Idempotency-Key": uuid7()}, status=404), 404)
    log = judged(person, here)
    assert [change["kind"] for change in log] == ["create-list", "add", "transfer"]
    move(person, there, item, here)
    again = move(person, here, item, there, headers=key)  # It has come back; this is still the same request.
    assert again.body == first.body and order(person, here) == [item]
    for each in lists:
        judged(person, each)


def test_a_key_with_a_refusal_is_free_again(person, lists):
    here, there = lists
    item, key = person.add(here)["id"], {"Idempotency-Key": uuid7()}
    person.delete(f"/v1/lists/{there}", status=204)
    problem(move(person, here, item, there, headers=key, status=409), 409, "list_trashed")
    person.post(f"/v1/lists/{there}/restore", status=200)
    assert move(person, here, item, there, headers=key).header("Idempotent-Replayed") is None


def test_one_key_many_times_at_once(person, lists):
    here, there = lists
    for _ in range(5):
        item, key = person.add(here)["id"], {"Idempotency-Key": uuid7()}
        target = f"{items_of(here)}/{item}/move"
        gate = threading.Barrier(8)

        def one(_, target=target, key=key, gate=gate):
            gate.wait()
            return sent(person, person.post(target, {"to_list": there}, headers=key), there)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(8)))
        good = [answer for answer in answers if answer.status == 200]
        assert good and len({answer.body for answer in good}) == 1
        for answer in answers:
            if answer not in good:
                problem(answer, 409, "in_progress")
    assert len(order(person, there)) == 5
    both(person, lists)


def test_who_may(team):
    """One must be allowed to edit both."""
    here, there = team.take_list(), team.take_list()
    own = {role: getattr(team, role).make_list() for role in ("owner", "editor", "viewer", "stranger")}
    item = team.owner.add(here)["id"]

    def refused(who, a_list, to_list, status):
        target = f"{items_of(a_list)}/{item}/move"
        for body in ({"to_list": to_list}, {"to_list": to_list, "x": 1}):
            for headers in ({}, {"If-Match": '"x"'}, {"Idempotency-Key": uuid7()}):
                problem(who.post(target, body, headers=headers), status)

    refused(team.viewer, here, there, 403)
    refused(team.viewer, here, own["viewer"], 403)
    refused(team.viewer, here, own["owner"], 404)  # 404 goes before 403.
    refused(team.stranger, here, own["stranger"], 404)
    refused(team.editor, here, own["owner"], 404)
    refused(team.owner, here, own["editor"], 404)
    refused(Api(team.server.address), here, there, 401)
    assert team.owner.whole(here)["revision"] == 2
    mine = team.viewer.add(own["viewer"])["id"]
    problem(move(team.viewer, own["viewer"], mine, there, status=403), 403, "forbidden")
    moved = move(team.editor, here, item, there).json()
    assert moved["created_by"] == team.owner.id and order(team.owner, there) == [item]
    assert team.owner.log(there)[-1]["actor_id"] == team.editor.id
    taken = move(team.editor, there, item, own["editor"]).json()  # Where its maker does not see it.
    assert taken["created_by"] == team.owner.id and order(team.editor, own["editor"]) == [item]
    problem(team.owner.get(f"{items_of(there)}/{item}"), 404)


def test_a_target_in_trash_is_gone_for_all_but_its_owner(team):
    here, there = team.take_list(), team.take_list()
    item = team.owner.add(here)["id"]
    team.owner.delete(f"/v1/lists/{there}", status=204)
    problem(move(team.editor, here, item, there, status=404), 404)
    problem(move(team.owner, here, item, there, status=409), 409, "list_trashed")


def test_a_replay_is_authorised_anew_in_both(team):
    here, there = team.take_list(), team.take_list()
    item, key = team.owner.add(here)["id"], {"Idempotency-Key": uuid7()}
    first = move(team.editor, here, item, there, headers=key)
    assert move(team.editor, here, item, there, headers=key).body == first.body
    for a_list, role, status in ((there, "viewer", 403), (there, None, 404)):
        assert team.server.stop() == 0
        set_role(team.server, a_list, team.editor.id, role)
        team.server.start()
        problem(move(team.editor, here, item, there, headers=key, status=status), status)


def check_every_item_is_in_one_list(person, lists, items):
    """And the logs agree, whatever was moved to and fro."""
    logs = {each: judged(person, each) for each in lists}
    shown = [item for each in lists for item in order(person, each)]
    assert sorted(shown) == sorted(items)
    ops = {}
    for each, log in logs.items():
        for change in log:
            if change["kind"] == "transfer":
                ops.setdefault(change["op_id"], []).append((each, change["effects"][0]["set"] is None))
    for op, parts in ops.items():
        assert len(parts) == 2 and {left for _, left in parts} == {True, False}, (op, parts)
        assert parts[0][0] != parts[1][0]
    return len(ops)


def test_to_and_fro_at_once(person):
    """Moves between three lists in all directions, with edits between them: nothing is lost or doubled."""
    lists = [person.make_list(f"{n}") for n in range(3)]
    items = [person.add(lists[n % 3], f"{n}")["id"] for n in range(9)]
    end = time.monotonic() + (20 if is_long() else 4)
    problems, moves = [], [0] * 6

    def worker(seed):
        rng = random.Random(seed)
        while time.monotonic() < end:
            item, (here, there) = rng.choice(items), rng.sample(lists, 2)
            if rng.random() < 0.3:
                answer = person.patch(f"{items_of(here)}/{item}", {"text": f"{rng.random()}"})
            else:
                where = rng.choice([{}, {"after": None}, {"before": rng.choice(items)}])
                answer = sent(person, person.post(f"{items_of(here)}/{item}/move", {"to_list": there, **where}), there)
                moves[seed] += answer.status == 200
            if answer.status not in (200, 404, 422):
                problems.append(answer)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(worker, range(6)))
    assert problems == []
    assert check_every_item_is_in_one_list(person, lists, items) == sum(moves) > 10


@pytest.mark.timeout(600)
def test_it_is_whole_after_a_crash(make_server):
    """kill -9 while items move: each moved in both logs, or in none."""
    server = make_server().start()
    person = server.person()
    lists = [person.make_list(f"{n}") for n in range(2)]
    items = [person.add(lists[0], f"{n}")["id"] for n in range(60)]
    for _ in range(5 if is_long() else 2):
        stop, told = threading.Event(), {}

        def worker(part, stop=stop, told=told):
            api = Api(server.address, person.token)
            try:
                for item in items[part::3]:
                    here = next(each for each in lists
                                if api.get(f"{items_of(each)}/{item}").status == 200)
                    there = lists[1 - lists.index(here)]
                    if stop.is_set():
                        return
                    if api.post(f"{items_of(here)}/{item}/move", {"to_list": there}).status == 200:
                        told[item] = there
            except (OSError, ConnectionError, StopIteration):
                pass  # Killed between the question and the answer.

        workers = [threading.Thread(target=worker, args=(part,)) for part in range(3)]
        for each in workers:
            each.start()
        eventually(lambda told=told, workers=workers: len(told) >= 10 or not any(each.is_alive() for each in workers),
                   seconds=60, every=0.001)
        server.kill()
        stop.set()
        for each in workers:
            each.join()
        server.start()
        check_every_item_is_in_one_list(person, lists, items)
        for item, there in told.items():  # What was acknowledged is kept.
            assert item in order(person, there)
    assert server.stop() == 0, server.tail()
    server.engine.check()


def test_a_list_that_was_never_read_takes_an_item(own_server):
    """Both lists come from the database."""
    person = own_server.person()
    here, there = person.make_list(), person.make_list()
    item, before = person.add(here)["id"], content(person, there)
    own_server.restart()
    api = Api(own_server.address, person.token)
    assert api.post(f"{items_of(here)}/{item}/move", {"to_list": there}, status=200).json()["id"] == item
    assert api.get(f"/v1/lists/{there}", status=200).json()["item_count"] == before["item_count"] + 1
    own_server.restart()
    assert order(person, there) == [item] and order(person, here) == []
