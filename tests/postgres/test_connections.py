"""How the service and its commands reach their server: TLS, passwords, and what they say when they cannot."""
import subprocess

import pytest

from cluster import Cluster
from services import BINARY, Fleet, environment, make_lists, run, uuid7


@pytest.fixture(scope="module")
def cluster():
    with Cluster(memory=True) as started:
        yield started


def command(*arguments, **more):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=environment(**more), check=False)


def without_password(cluster, role):
    return cluster.url(role).replace(f":{cluster.passwords[role]}@", "@")


def test_a_certificate_is_checked(cluster, tmp_path):
    owner = cluster.url("lists_owner")
    run("migrate", "--database", f"{owner}?sslmode=verify-full&sslrootcert={cluster.ca}")
    another = tmp_path / "another.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem",
                    "-out", another, "-days", "1", "-subj", "/CN=another"], capture_output=True, check=True)
    refused = command("migrate", "--database", f"{owner}?sslmode=verify-full&sslrootcert={another}")
    assert refused.returncode == 2
    assert "certificate" in refused.stderr and cluster.passwords["lists_owner"] not in refused.stderr


def test_the_service_speaks_tls_and_names_itself(cluster):
    run("migrate", "--database", cluster.url("lists_owner"))
    url = f"{cluster.url()}?sslmode=verify-full&sslrootcert={cluster.ca}"
    with Fleet(cluster, 1, database=url) as fleet:
        make_lists(fleet.caller(fleet.person()), 1)
        told = cluster.primary.sql("SELECT DISTINCT a.application_name || ' ' || s.ssl FROM pg_stat_ssl s"
                                   " JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'lists_service'"
                                   " ORDER BY 1").split("\n")
        assert told == ["lists-api-quick true", "lists-api-read true", "lists-api-write true"]


def test_the_password_comes_from_the_environment_or_a_file(cluster, tmp_path):
    url, password = without_password(cluster, "lists_owner"), cluster.passwords["lists_owner"]
    assert command("migrate", "--database", url, PGPASSWORD=password).returncode == 0
    file = tmp_path / "password"
    file.write_text(password + "\n")
    assert command("migrate", "--database", url, "--database-password-file", file).returncode == 0
    missing = command("migrate", "--database", url, "--database-password-file", tmp_path / "none")
    assert missing.returncode == 2 and "No password can be read from" in missing.stderr


def test_a_wrong_password_is_said_and_not_told(cluster):
    url = without_password(cluster, "lists_service")
    refused = command("api", "--database", url, "--port", 0, PGPASSWORD="not-the-password")
    assert refused.returncode == 2
    assert "password authentication failed" in refused.stderr and "not-the-password" not in refused.stderr


def test_commands_say_how_it_is_done_here(cluster, tmp_path):
    url = cluster.url("lists_owner")
    backup = command("backup", tmp_path / "dump", "--database", url)
    assert backup.returncode == 2 and "pg_dump" in backup.stdout
    restore = command("restore", tmp_path / "dump", "--database", url)
    assert restore.returncode == 2 and "epoch bump" in restore.stdout
    for done in (backup, restore):
        assert cluster.passwords["lists_owner"] not in done.stdout + done.stderr


def test_a_dump_is_restored_and_the_epoch_grows(cluster, tmp_path):
    """As docs/postgres.md says."""
    run("migrate", "--database", cluster.url("lists_owner"))
    with Fleet(cluster, 1) as fleet:
        person = fleet.person()
        caller = fleet.caller(person)
        list_id, item_id = make_lists(caller, 1)[0], uuid7()
        for item, text in ((uuid7(), "stays"), (item_id, "the secret")):
            assert caller.once("PUT", f"/v1/lists/{list_id}/items/{item}", {"text": text}).status == 201
        before = fleet.caller(person).whole(list_id)
        dump, ledger = tmp_path / "lists.dump", tmp_path / "ledger"
        subprocess.run(["/usr/lib/postgresql/15/bin/pg_dump", "-Fc", "-f", dump, cluster.url("lists_owner")],
                       check=True, capture_output=True)
        assert caller.once("DELETE", f"/v1/lists/{list_id}/items/{item_id}?purge=true").status == 204
    name = cluster.fresh_database("restored")
    owner = cluster.url("lists_owner", database=name)
    subprocess.run(["/usr/lib/postgresql/15/bin/pg_restore", "--no-owner", "--exit-on-error",
                    "--single-transaction", "-d", owner, dump], check=True, capture_output=True)
    run("migrate", "--database", owner)
    assert "epoch 1" in run("epoch", "bump", "--database", owner)
    # What was erased after the dump, as `lists ledger export` told of it from time to time.
    assert "1 lines" in run("ledger", "export", ledger, "--database", cluster.url())
    # A database that knows less takes nothing out of the file.
    assert "1 lines" in run("ledger", "export", ledger, "--database", cluster.url(database=name))
    assert ledger.read_text().split()[:2] == [list_id, item_id]
    assert "1 lines" in run("ledger", "import", ledger, "--database", cluster.url(database=name))
    with Fleet(cluster, 1, migrate=False, database=cluster.url(database=name)) as fleet:
        caller = fleet.caller(person)
        after = caller.whole(list_id)
        assert [item["text"] for item in before["items"]] == ["stays", "the secret"]
        assert [item["text"] for item in after["items"]] == ["stays"] and after["title"] == before["title"]
        assert "the secret" not in str(caller.log(list_id))
        written = caller.once("PATCH", f"/v1/lists/{list_id}", {"title": "After"})
        assert written.status == 200 and written.revision >> 32 == 1
