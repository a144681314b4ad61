"""A replica becomes the primary: what was acknowledged is there, or everybody is told."""
import time

from cluster import DATABASE, Cluster
from failover import EPOCH, behind_a_proxy, changes_of, is_answer, lead, problem, way_of_the_log
from services import Fleet, Together, make_lists, pause, replay, run, uuid7, wait_until
from storm import Storm, blowing


def test_a_promoted_synchronous_replica_loses_nothing():
    with behind_a_proxy() as (cluster, proxy, fleet):
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), 20))
        with blowing(storm):
            wait_until(lambda: storm.writes > 300, 30, "writes")
            cluster.primary.kill()
            began = time.monotonic()
            cluster.sync.promote()
            lead(proxy, cluster.sync)
            wait_until(lambda: storm.times[-1] > began + 0.2, 10 - (time.monotonic() - began), "a write")
            print(f"writing again after {time.monotonic() - began:.2f} s")
            before = storm.writes
            wait_until(lambda: storm.writes > before + 200, 20, "more writes")
        assert storm.judge(cluster.sync) == []
        assert all(revision < EPOCH for revision in storm.seen.values())


def test_an_old_primary_is_left():
    """Split brain: both take writes. Who has seen the newer timeline does not go back."""
    with behind_a_proxy() as (cluster, proxy, fleet):
        person = fleet.person()
        caller = fleet.caller(person, timeout=15)
        list_id = make_lists(caller, 1)[0]
        old, new = cluster.primary, cluster.sync
        new.promote()
        cluster.drop_synchronous()
        lead(proxy, new)  # Open connections stay at the old one.
        assert caller.settled("POST", f"/v1/lists/{list_id}/items", {"text": "Lost"}).status == 201
        connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'lists_service'"
        old.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'lists-api-read'")
        began = time.monotonic()
        wait_until(lambda: old.sql(connected) == "0", 5, "all leave the old primary")
        print(f"left after {time.monotonic() - began:.2f} s")
        before = changes_of(old)
        item = uuid7()
        assert caller.settled("PUT", f"/v1/lists/{list_id}/items/{item}", {"text": "New"}).status == 201
        assert "t" == new.sql(f"SELECT true FROM items WHERE id = '{item}'", database=DATABASE)
        # And when the way leads to the old one again.
        lead(proxy, old)
        proxy.cut()
        answers = []

        def ask(service, method, json):
            own = fleet.caller(person)
            answers.append((method, own.once(method, f"/v1/lists/{list_id}", json, service=service).status))

        with Together() as threads:
            for service in fleet.all:
                threads.run(ask, service, "PATCH", {"title": "Lost"})
            pause(1.1)  # What is in memory may be shown for a second.
            for service in fleet.all:
                threads.run(ask, service, "GET", None)
        assert sorted(answers) == [("GET", 503)] * 2 + [("PATCH", 503)] * 2
        assert changes_of(old) == before
        assert "of an older epoch or timeline" in fleet.log()
        lead(proxy, new)
        assert caller.settled("PATCH", f"/v1/lists/{list_id}", {"title": "Back"}, seconds=10).status == 200
        assert changes_of(old) == before


def test_a_promotion_with_loss_begins_an_epoch():
    with behind_a_proxy() as (cluster, proxy, fleet), way_of_the_log(cluster) as wal:
        cluster.follow(cluster.async_, port=wal.port)
        cluster.wait_streaming("async")
        person = fleet.person()
        caller = fleet.caller(person)
        storm = Storm(fleet, person, make_lists(caller, 20))
        with blowing(storm):
            wait_until(lambda: storm.writes > 300, 30, "writes")
            kept = dict(storm.seen)  # Before the replica has caught up: writes go on meanwhile.
            cluster.wait_caught_up(cluster.async_)
            wal.freeze()
            before = storm.writes
            wait_until(lambda: storm.writes > before + 200, 30, "writes that will be lost")
        assert storm.judge() == []
        held = {list_id: caller.log(list_id) for list_id in storm.lists}
        tags = {list_id: caller.settled("GET", f"/v1/lists/{list_id}").etag for list_id in storm.lists}
        cluster.primary.kill()
        cluster.sync.kill()
        cluster.async_.promote()
        run("epoch", "bump", "--database", cluster.url("lists_owner", cluster.async_))
        lead(proxy, cluster.async_)
        led, lost = time.monotonic(), 0
        for list_id in storm.lists:  # What is in memory may be shown for a second.
            tell(fleet, caller, list_id, "")
        pause(max(0.0, led + 1.1 - time.monotonic()))
        for list_id in storm.lists:
            lost += check_survivors(fleet, caller, list_id, held[list_id], kept[list_id])
        assert lost > 10, lost
        for list_id in storm.lists:
            check_new_epoch(caller, person, list_id, held[list_id], tags[list_id])


def tell(fleet, caller, list_id, rest, **headers):
    """What each process answers; a connection may be lost on the way."""
    answers = []
    for service in fleet.all:
        answer = wait_until(lambda to=service: is_answer(
            caller.once("GET", f"/v1/lists/{list_id}{rest}", service=to, **headers)), 20, "an answer")
        answers.append((*problem(answer), answer))
    return answers


def check_survivors(fleet, caller, list_id, held, least) -> int:
    """A prefix is left, with all that the replica had; who held more is told. How many are lost."""
    last = held[-1]["revision"]
    for status, code, answer in tell(fleet, caller, list_id, "", Min_Revision=last):
        assert (status, code) in ((200, None), (409, "revision_ahead")), answer
        if status == 200:
            assert answer.json()["revision"] >= last, answer
    now = caller.log(list_id)
    assert now == held[:len(now)] and now[-1]["revision"] >= least
    if len(now) == len(held):
        return 0
    for status, code, answer in tell(fleet, caller, list_id, "", Min_Revision=last):
        assert (status, code) == (409, "revision_ahead"), answer
    for change in held[len(now):]:
        rest = f"/changes?after={change['revision']}"
        for status, code, answer in tell(fleet, caller, list_id, rest):
            assert (status, code) in ((409, "revision_ahead"), (410, "revision_expired")), answer
    for status, _, answer in tell(fleet, caller, list_id, ""):
        assert status == 200 and answer.json()["revision"] == now[-1]["revision"], answer
    return len(held) - len(now)


def check_new_epoch(caller, person, list_id, held, tag):
    """What is written now has numbers that nobody takes for those of the lost history."""
    before = caller.log(list_id)
    lost = held[len(before):]
    if lost:
        stale = caller.settled("PATCH", f"/v1/lists/{list_id}", {"title": "Stale"}, If_Match=tag)
        assert problem(stale) == (412, "stale"), stale
    made = caller.settled("POST", f"/v1/lists/{list_id}/items", {"text": "After"}, Idempotency_Key=uuid7())
    assert made.status == 201 and made.revision == EPOCH + before[-1]["revision"] + 1, made
    for change in lost:
        target = f"/v1/lists/{list_id}/changes?after={change['revision']}"
        assert problem(caller.settled("GET", target)) == (410, "revision_expired")
    whole = caller.settled("GET", f"/v1/lists/{list_id}", Min_Revision=held[-1]["revision"],
                           If_None_Match=tag)
    assert whole.status == 200 and whole.json()["revision"] // EPOCH == 1, whole
    after = caller.settled("GET", f"/v1/lists/{list_id}/changes?after={before[-1]['revision']}").json()
    assert [change["revision"] for change in after["changes"]] == [made.revision]
    served = caller.whole(list_id, Min_Revision=made.revision)
    replay.check_log(caller.log(list_id), list_id, served, person.id)


def test_an_epoch_may_begin_under_load():
    with Cluster(memory=True) as cluster, Fleet(cluster) as fleet:
        person = fleet.person()
        storm = Storm(fleet, person, make_lists(fleet.caller(person), 20))
        with blowing(storm):
            for epoch in (1, 2):
                before = storm.writes
                wait_until(lambda least=before: storm.writes > least + 300, 30, "writes")
                run("epoch", "bump", "--database", cluster.url("lists_owner"))
                wait_until(lambda now=epoch: max(storm.seen.values()) // EPOCH == now, 10, "a write in it")
            before = storm.writes
            wait_until(lambda: storm.writes > before + 300, 30, "writes")
        assert storm.judge() == []
