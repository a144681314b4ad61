"""'Lists': made, read, changed, and the pages of them. Trash: test_trash."""
import pytest

from client import Api, problem, uuid7

ROW = {"id", "title", "role", "revision", "item_count", "done_count", "archived", "created_at", "updated_at",
       "deleted_at"}
ITEM = {"id", "text", "note", "done", "done_at", "due", "repeat", "labels", "parent_id", "created_by",
        "created_at", "updated_at", "deleted_at", "revision"}


def test_make_and_read(person):
    answer = person.post("/v1/lists", {"title": "Groceries"}, status=201)
    made = answer.json()
    assert set(made) == ROW
    assert answer.header("Location") == f"/v1/lists/{made['id']}"
    assert answer.revision == made["revision"] and made["revision"] % 2**32 == 1
    assert made["role"] == "owner" and made["title"] == "Groceries"
    assert (made["item_count"], made["done_count"], made["archived"], made["deleted_at"]) == (0, 0, False, None)
    assert made["created_at"] == made["updated_at"]
    read = person.get(answer.header("Location"), status=200)
    assert read.json() == {**made, "members": [{"user_id": person.id, "role": "owner"}], "items": []}
    assert read.etag == answer.etag


def test_ids_are_made_by_the_client_or_the_server(person, stranger):
    made = uuid7()
    assert person.post("/v1/lists", {"title": "a", "id": made}, status=201).json()["id"] == made
    for who in (person, stranger):
        problem(who.post("/v1/lists", {"title": "a", "id": made}), 409, "id_taken")
    problem(stranger.put(f"/v1/lists/{made}", {"title": "a"}), 409, "id_taken")


def test_a_put_is_repeated_without_change(person, stranger):
    made = uuid7()
    first = person.put(f"/v1/lists/{made}", {"title": "a"}, status=201)
    assert first.header("Location") == f"/v1/lists/{made}" and set(first.json()) == ROW
    again = person.put(f"/v1/lists/{made}", {"title": "b"}, status=200)
    assert again.json() == first.json() and again.etag == first.etag and again.revision == first.revision
    person.patch(f"/v1/lists/{made}", {"title": "c"}, status=200)
    assert person.put(f"/v1/lists/{made}", {"title": "a"}, status=200).json()["title"] == "c"
    problem(stranger.put(f"/v1/lists/{made}", {"title": "a"}), 409, "id_taken")
    problem(person.put(f"/v1/lists/{uuid7()}", {}), 422, pointers=["/title"])
    problem(person.put(f"/v1/lists/{uuid7()}", {"title": "a", "archived": True}), 422, pointers=["/archived"])


def test_change(person):
    a_list = person.make_list("a")
    before = person.whole(a_list)
    answer = person.patch(f"/v1/lists/{a_list}", {"title": "b", "archived": True}, status=200)
    after = answer.json()
    assert set(after) == ROW
    assert (after["title"], after["archived"]) == ("b", True)
    assert after["revision"] == before["revision"] + 1 == answer.revision
    assert after["updated_at"] >= before["updated_at"] and after["created_at"] == before["created_at"]
    assert person.whole(a_list) == {**before, **after}


def test_what_changes_nothing_adds_no_revision(person):
    a_list = person.make_list("a")
    before = person.get(f"/v1/lists/{a_list}")
    for fields in ({}, {"title": "a"}, {"archived": False}, {"title": "a", "archived": False}):
        answer = person.patch(f"/v1/lists/{a_list}", fields, status=200)
        assert answer.etag == before.etag and answer.revision == before.json()["revision"]
    assert person.whole(a_list) == before.json()


def test_bad_fields(person):
    a_list = person.make_list()
    for fields, pointers in (({"archived": "yes"}, ["/archived"]), ({"archived": 1, "title": ""}, ["/archived", "/title"]),
                             ({"role": "viewer"}, ["/role"]), ({"deleted_at": None}, ["/deleted_at"]),
                             ({"title": "ok", "id": uuid7()}, ["/id"])):
        problem(person.patch(f"/v1/lists/{a_list}", fields), 422, pointers=pointers)
    assert person.whole(a_list)["revision"] == 1


def test_pages_by_state(new_person):
    someone = new_person()
    active, archived, trashed = someone.make_list("active"), someone.make_list("archived"), someone.make_list("trashed")
    both = someone.make_list("archived and trashed")
    for each in (archived, both):
        someone.patch(f"/v1/lists/{each}", {"archived": True}, status=200)
    for each in (trashed, both):
        someone.delete(f"/v1/lists/{each}", status=204)

    def page(query):
        return [each["id"] for each in someone.get(f"/v1/lists{query}", status=200).json()["data"]]

    assert page("") == page("?state=active") == [active]
    assert page("?state=archived") == [archived]
    assert page("?state=trashed") == sorted([both, trashed], reverse=True)
    row = someone.get("/v1/lists").json()["data"][0]
    assert set(row) == ROW
    whole = someone.whole(active)
    assert row == {name: whole[name] for name in ROW}


def test_newest_id_first_whatever_was_changed_last(new_person):
    someone = new_person()
    ids = [uuid7() for _ in range(4)]
    for each in (ids[2], ids[0], ids[3], ids[1]):
        someone.put(f"/v1/lists/{each}", {"title": "a"}, status=201)
    someone.add(ids[0])
    assert [each["id"] for each in someone.get("/v1/lists").json()["data"]] == sorted(ids, reverse=True)


def test_a_page_shows_what_was_just_written(new_person):
    someone = new_person()
    for n in range(5):
        a_list = someone.make_list(f"now {n}")
        someone.add(a_list)
        (row,) = [each for each in someone.get("/v1/lists").json()["data"] if each["id"] == a_list]
        assert (row["item_count"], row["revision"]) == (1, 2)


def test_counts_are_of_live_items(person):
    a_list = person.make_list()
    ids = [person.add(a_list)["id"] for _ in range(4)]
    items = f"/v1/lists/{a_list}/items"

    def counts():
        whole = person.whole(a_list)
        assert len(whole["items"]) == whole["item_count"]
        return whole["item_count"], whole["done_count"]

    for each in ids[:3]:
        person.patch(f"{items}/{each}", {"done": True}, status=200)
    assert counts() == (4, 3)
    person.delete(f"{items}/{ids[0]}", status=204)
    assert counts() == (3, 2)
    person.patch(f"{items}/{ids[0]}", {"done": False}, status=200)
    assert counts() == (3, 2)
    person.post(f"{items}/clear-done", status=200)
    assert counts() == (1, 0)
    person.post(f"{items}/{ids[1]}/restore", status=200)
    assert counts() == (2, 1)


def test_others_see_nothing_of_it(person, stranger):
    a_list = person.make_list("secret")
    item = person.add(a_list)["id"]
    nothing = problem(stranger.get(f"/v1/lists/{uuid7()}"), 404, "not_found")
    for method, target in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore"), ("GET", "/items"),
                           ("POST", "/items"), ("GET", f"/items/{item}"), ("GET", "/changes")):
        told = problem(stranger.call(method, f"/v1/lists/{a_list}{target}"), 404, "not_found")
        assert {**told, "request_id": ""} == {**nothing, "request_id": ""}
    assert stranger.get("/v1/lists?limit=200").json()["data"] == [] or a_list not in stranger.get(
        "/v1/lists?limit=200").body.decode()
    assert person.whole(a_list)["revision"] == 2


@pytest.mark.parametrize("method, target", [("GET", "/v1/lists"), ("POST", "/v1/lists"), ("GET", "/v1/lists/{id}"),
                                            ("PUT", "/v1/lists/{id}"), ("GET", "/v1/lists/{id}/changes")])
def test_nobody_may_without_sign_in(anonymous, person, method, target):
    told = [problem(anonymous.call(method, target.format(id=each)), 401) for each in (person.make_list(), uuid7())]
    assert {**told[0], "request_id": ""} == {**told[1], "request_id": ""}


def test_2000_memberships_are_the_last(server, new_person):
    someone = new_person()
    for _ in range(2000):
        someone.post("/v1/lists", {"title": "a"}, status=201)
    problem(someone.post("/v1/lists", {"title": "a"}), 422)
    problem(someone.put(f"/v1/lists/{uuid7()}", {"title": "a"}), 422)
    data, pages = someone.pages("/v1/lists?limit=200")
    assert len({each["id"] for each in data}) == 2000 and pages in (10, 11)
    # A repeat is known before the limit is looked at.
    someone.put(f"/v1/lists/{data[0]['id']}", {"title": "a"}, status=200)
    assert Api(server.address, someone.token).get("/v1/me", status=200)
