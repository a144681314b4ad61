"""A deleted account: what it leaves to others, and what is erased. Members are made in the database."""
import uuid

from client import PASSWORD, eventually, problem, sign_up
from members import add_member


def test_lists_go_to_the_editor_of_longest_standing(own_server):
    server = own_server
    owner, first, second, viewer = (sign_up(server.address) for _ in range(4))
    shared, watched, alone = (owner.make_list(title) for title in ("shared", "watched", "alone"))
    items = {each: owner.add(each, "left behind") for each in (shared, watched, alone)}
    assert server.stop() == 0
    add_member(server, shared, viewer.id, "viewer")
    add_member(server, shared, first.id, "editor")
    add_member(server, shared, second.id, "editor")
    add_member(server, watched, viewer.id, "viewer")
    server.start()
    before = first.whole(shared)
    owner.delete("/v1/me", {"password": PASSWORD}, status=204)
    eventually(lambda: first.whole(shared)["role"] == "owner", 10)
    eventually(lambda: viewer.whole(watched)["role"] == "owner", 10)
    after = first.whole(shared)
    assert {member["user_id"]: member["role"] for member in after["members"]} == {
        first.id: "owner", second.id: "editor", viewer.id: "viewer"}
    assert after["items"] == [items[shared]] and after["items"][0]["created_by"] == owner.id
    assert after["revision"] > before["revision"]
    changes = first.log(shared, before["revision"])
    members = {member["user_id"]: member["role"] for member in before["members"]}
    for change in changes:  # Whoever applies them holds what is served.
        for effect in change["effects"]:
            assert effect["entity"] == "member"
            was = members.get(effect["id"])
            assert effect["previous"] == (None if was is None else {"role": was})
            if effect["set"] is None:
                del members[effect["id"]]
            else:
                members[effect["id"]] = effect["set"]["role"]
    assert members == {member["user_id"]: member["role"] for member in after["members"]}
    first.delete(f"/v1/lists/{shared}", status=204)
    problem(second.get(f"/v1/lists/{shared}"), 404)
    assert owner.email not in server.output() and PASSWORD not in server.output()

    assert server.stop() == 0
    erased = {"id": uuid.UUID(alone)}
    assert server.sql("SELECT count(*) FROM lists WHERE id = :id", **erased) == [(0,)]
    for table in ("items", "changes", "members"):
        assert server.sql(f"SELECT count(*) FROM {table} WHERE list_id = :id", **erased) == [(0,)]
    rows = server.sql("SELECT email, email_key, name FROM users WHERE id = :id", id=uuid.UUID(owner.id))
    assert rows == [(None, None, None)]  # A nameless tombstone.
    server.engine.check()


def test_erasing_goes_on_after_a_kill(own_server):
    """What the deletion left to the background is done after the next start, if it was not before. A
    process that had the job keeps it for a minute, killed or not.
    """
    owner = sign_up(own_server.address)
    for n in range(30):
        a_list = owner.make_list(f"{n}")
        owner.add(a_list)
    owner.delete("/v1/me", {"password": PASSWORD}, status=204)
    own_server.kill()
    own_server.start()
    eventually(lambda: own_server.sql("SELECT count(*) FROM lists") == [(0,)], 75)
