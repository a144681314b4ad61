"""Backup and restore: what was there is there again, in a new epoch, so that no number of the history
that was lost is taken for one of the new.
"""
import sqlite3
import threading

import pytest

import replay
from client import Api, Person, problem, sign_up
from server import Server, run

pytestmark = pytest.mark.embedded
EPOCH = 2**32


def at(server, person) -> Person:
    """The same person, talking to the service that now runs."""
    return Person(server.address, {"access_token": person.token, "user": person.user,
                                   "refresh_token": person.refresh_token}, person.password)


def test_round_trip(own_server, tmp_path):
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    a_list = person.make_list("before")
    person.add(a_list, "kept")
    saved = run("backup", copy, "--data", server.data)  # While it runs.
    assert saved.returncode == 0, saved
    kept = person.whole(a_list)
    person.add(a_list, "lost")
    person.patch(f"/v1/lists/{a_list}", {"title": "lost"}, status=200)
    lost_list = person.make_list("lost")
    lost = person.get(f"/v1/lists/{a_list}", status=200)
    lost_page = person.get("/v1/lists?limit=1").json()["next_cursor"]
    assert server.stop() == 0
    restored = run("restore", copy, "--data", server.data)
    assert restored.returncode == 0, restored
    server.start()
    person = at(server, person)
    read = person.get(f"/v1/lists/{a_list}", status=200)
    assert read.json() == kept and read.json()["title"] == "before"
    problem(person.get(f"/v1/lists/{lost_list}"), 404)

    # Numbers of the lost history are told as such.
    target = f"/v1/lists/{a_list}"
    problem(person.get(target, headers={"Min-Revision": str(lost.json()["revision"])}), 409, "revision_ahead")
    problem(person.get(f"{target}/changes?after={lost.json()['revision']}"), 409, "revision_ahead")
    assert person.get(target, headers={"If-None-Match": lost.etag}).status == 200
    problem(person.patch(target, {"title": "x"}, headers={"If-Match": lost.etag}), 412)
    assert person.get(f"/v1/lists?cursor={lost_page}").status in (200, 422)

    # What comes next has the new epoch as its upper part, and the log goes on across it.
    answer = person.post(f"{target}/items", {"text": "new"}, status=201)
    epoch = answer.revision - answer.revision % EPOCH
    assert epoch >= EPOCH and answer.revision == epoch + kept["revision"] + 1
    log = person.log(a_list)
    assert [change["revision"] for change in log] == [1, 2, epoch + 3]
    replay.check_log(log, a_list, person.whole(a_list), person.id)
    assert [change["revision"] for change in person.log(a_list, 2)] == [epoch + 3]
    assert person.get(f"{target}/changes?after=1&limit=1").json()["has_more"]
    # A revision that only the lost history had is not one of this log.
    problem(person.get(f"{target}/changes?after={lost.json()['revision']}"), 410, "revision_expired")
    made = person.make_list("in the new epoch")
    assert person.whole(made)["revision"] == epoch + 1


def test_what_was_erased_since_is_erased_again(own_server, tmp_path):
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    a_list, trashed_list = person.make_list("kept"), person.make_list("in trash")
    erased = [person.add(each, "the secret")["id"] for each in (a_list, trashed_list)]
    person.add(a_list, "stays")
    assert run("backup", copy, "--data", server.data).returncode == 0
    for each, item in zip((a_list, trashed_list), erased):
        person.delete(f"/v1/lists/{each}/items/{item}?purge=true", status=204)
    assert server.stop() == 0
    restored = run("restore", copy, "--data", server.data)
    assert restored.returncode == 0 and "erased again at the next start: 2" in restored.stdout, restored
    with sqlite3.connect(server.database) as database:  # Until then it is there.
        assert database.execute("SELECT count(*) FROM items WHERE text = 'the secret'").fetchone() == (2,)
        database.execute("UPDATE lists SET deleted_at = updated_at WHERE title = 'in trash'")
    database.close()
    server.start()
    person = at(server, person)
    assert person.texts(a_list) == ["stays"]
    log = person.log(a_list)
    assert "the secret" not in str(log) and log[-1]["kind"] == "purge"
    replay.check_log(log, a_list, person.whole(a_list), person.id)
    person.post(f"/v1/lists/{trashed_list}/restore", status=200)
    assert person.texts(trashed_list) == []
    assert server.stop() == 0
    assert b"the secret" not in b"".join(file.read_bytes() for file in server.data.glob("lists.db*")
                                         if "before-restore" not in file.name)
    again = run("restore", copy, "--data", server.data)  # And once more.
    assert "erased again at the next start: 2" in again.stdout, again


def test_what_was_moved_away_and_purged_there_does_not_come_back(own_server, tmp_path):
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    a_list, other = person.make_list(), person.make_list()
    item = person.add(a_list, "the secret")["id"]
    person.add(a_list, "stays")
    assert run("backup", copy, "--data", server.data).returncode == 0
    person.post(f"/v1/lists/{a_list}/items/{item}/move", {"to_list": other, "after": None}, status=200)
    person.delete(f"/v1/lists/{other}/items/{item}?purge=true", status=204)
    assert server.stop() == 0
    assert run("restore", copy, "--data", server.data).returncode == 0
    server.start()
    person = at(server, person)
    assert person.texts(a_list) == ["stays"] and person.texts(other) == []
    assert "the secret" not in str(person.log(a_list))


def test_the_ledger_s_file_is_told_of_what_is_wrong_with_it(own_server, tmp_path):
    server, file = own_server, tmp_path / "ledger.txt"
    person = sign_up(server.address)
    a_list = person.make_list()
    item = person.add(a_list, "the secret")["id"]
    person.delete(f"/v1/lists/{a_list}/items/{item}?purge=true", status=204)
    refused = run("ledger", "export", file, "--data", server.data)
    assert refused.returncode == 1 and "Another process" in refused.stderr, refused
    assert server.stop() == 0
    written = run("ledger", "export", file, "--data", server.data)
    assert written.returncode == 0 and "1 lines" in written.stdout and file.read_text().split()[:2] == [a_list, item]
    nothing = run("ledger", "export", file, "--data", tmp_path / "none")
    assert nothing.returncode == 1 and "no database" in nothing.stderr and not (tmp_path / "none").exists()
    good = file.read_text()
    for text, told in ((good + "x\n", "line 2"), (good[:40], "line 1")):
        file.write_text(text)
        for command in ("import", "export"):
            ended = run("ledger", command, file, "--data", server.data)
            assert ended.returncode == 1 and told in ended.stderr and file.read_text() == text, ended
    assert run("ledger", "import", tmp_path, "--data", server.data).returncode == 1
    for words in (["ledger"], ["ledger", "import"], ["ledger", "show", file]):
        assert run(*words, "--data", server.data).returncode == 2
    assert [each.name for each in tmp_path.glob("*.part")] == []


def test_etags_differ_from_those_of_the_lost_history(own_server, tmp_path):
    """The same number of changes on both sides of the restore, and other content."""
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    a_list = person.make_list()
    assert run("backup", copy, "--data", server.data).returncode == 0
    person.add(a_list, "lost")
    lost = person.get(f"/v1/lists/{a_list}").etag
    assert server.stop() == 0
    assert run("restore", copy, "--data", server.data).returncode == 0
    server.start()
    person = at(server, person)
    person.add(a_list, "new")
    read = person.get(f"/v1/lists/{a_list}", headers={"If-None-Match": lost}, status=200)
    assert read.etag != lost and [item["text"] for item in read.json()["items"]] == ["new"]


def test_each_restore_is_an_epoch_of_its_own(own_server, tmp_path):
    """Also of the same file twice: what was done in between is another lost history."""
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    a_list = person.make_list()
    assert run("backup", copy, "--data", server.data).returncode == 0
    seen = []
    for _ in range(3):
        assert server.stop() == 0
        assert run("restore", copy, "--data", server.data).returncode == 0
        server.start()
        answer = at(server, person).post(f"/v1/lists/{a_list}/items", {"text": "a"}, status=201)
        seen.append(answer.revision // EPOCH)
    assert seen == sorted(set(seen)) and seen[0] >= 1, seen


def test_a_backup_is_whole_and_goes_to_another_folder(own_server, tmp_path):
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    lists = [person.make_list(f"{n}") for n in range(30)]
    for each in lists:
        person.add(each, each)
    assert run("backup", copy, "--data", server.data).returncode == 0
    with sqlite3.connect(copy) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM lists").fetchone() == (30,)
    database.close()
    other = Server(tmp_path / "other")
    other.data.mkdir()
    assert run("restore", copy, "--data", other.data).returncode == 0
    try:
        other.start()
        moved = at(other, person)
        for each in lists:
            assert moved.texts(each) == [each]
        Api(other.address).post("/v1/auth/sign-in", {"email": person.email, "password": person.password}, status=200)
    finally:
        other.kill()


def test_what_cannot_be_done_is_told_and_changes_nothing(own_server, tmp_path):
    server = own_server
    person = sign_up(server.address)
    a_list = person.make_list()
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    for file in (tmp_path / "no" / "such" / "folder.db",):
        ended = run("backup", file, "--data", server.data)
        assert ended.returncode != 0 and str(file) in ended.stderr, ended
    ended = run("backup", tmp_path / "x.db", "--data", tmp_path / "nothing")
    assert ended.returncode != 0 and "nothing" in ended.stderr and not (tmp_path / "x.db").exists(), ended
    assert server.stop() == 0
    before = server.database.read_bytes()
    for file in (taken, tmp_path / "missing.db"):
        ended = run("restore", file, "--data", server.data)
        assert ended.returncode != 0 and file.name in ended.stderr, ended
        assert server.database.read_bytes() == before
    for words in (["backup"], ["restore"], ["backup", "a", "b"]):
        assert run(*words, "--data", server.data).returncode == 2
    server.start()
    at(server, person).get(f"/v1/lists/{a_list}", status=200)


def test_a_backup_while_many_write(own_server, tmp_path):
    """It is one consistent view: each list in it is what its log says."""
    server, copy = own_server, tmp_path / "copy.db"
    person = sign_up(server.address)
    lists, stop = [person.make_list() for _ in range(4)], threading.Event()

    def write(a_list):
        while not stop.is_set():
            item = person.add(a_list, "a")["id"]
            person.patch(f"/v1/lists/{a_list}/items/{item}", {"done": True}, status=200)

    writers = [threading.Thread(target=write, args=(each,)) for each in lists]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            copy.unlink(missing_ok=True)
            assert run("backup", copy, "--data", server.data).returncode == 0
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert server.stop() == 0
    assert run("restore", copy, "--data", server.data).returncode == 0
    server.start()
    person = at(server, person)
    for each in lists:
        view = replay.check_log(person.log(each), each, person.whole(each), person.id)
        assert view.order
