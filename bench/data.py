"""Data folders to measure on, tokens for them, and plans of requests.

A folder is made over HTTP by the program itself (one list with all its items), then that list is copied
in SQL as often as wanted, log and all, a few changes of each list at a time: pages of the database are
as full as they are when many lists grow side by side. It is kept for the day and copied for those who
write.
"""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness import BUILD, ROOT, WORK, Program, free_port, say

sys.path.insert(0, str(ROOT / "tests" / "blackbox"))
import client  # noqa: E402  (of the black-box tests)

LISTS_A_USER = 1000
CHANGES_A_TURN = 5
TOKEN_BYTES = 900  # What a user pool's tokens have.


def uuid7(milliseconds, rng):
    value = (milliseconds << 80) | (0x7 << 76) | (rng.getrandbits(12) << 64) | (0b10 << 62)
    return uuid.UUID(int=value | rng.getrandbits(62))


def item_body(number):
    """An item with all its fields; some 350 bytes as the API answers it."""
    return {"text": f"Item {number:05d} of it", "note": "the red",
            "due": {"date": "2027-03-01"}, "labels": ["shop"]}


def serve(data, *arguments, **more):
    """The program on a folder."""
    return start("serve", "--data", data, *arguments, **more)


def start(command, *arguments, cores=(0,), wrap=(), log="lists.log", env=None):
    """The program, once it listens; it has its ports with it."""
    port, metrics_port = free_port(), free_port()
    program = Program([*wrap, BUILD / "lists", command, "--address", "127.0.0.1", "--port", port,
                       "--metrics-port", metrics_port, *arguments], cores, log=log, env=env)
    program.port, program.metrics_port = port, metrics_port
    return program.wait_for_port(port)


def folder(lists, items=100, a_user=LISTS_A_USER):
    """A folder with so many lists of so many items, each person having `a_user` of them."""
    stamp = hashlib.sha256(b"".join(each.read_bytes() for each in sorted((ROOT / "db/sqlite").glob("0*.sql")))
                           + pathlib.Path(__file__).read_bytes()).hexdigest()[:12]
    size = f"{lists}x{items}" + (f"x{a_user}" if a_user != LISTS_A_USER else "")
    made = WORK / f"data-{size}-{stamp}-{datetime.date.today()}"
    if not (made / "made").exists():
        for old in WORK.glob(f"data-{size}-*"):
            shutil.rmtree(old)
        say(f"Making {lists} lists of {items} items in {made}")
        make(made, lists, items, a_user)
        (made / "made").touch()
    return made


def copy_of(source, name="copy"):
    target = WORK / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    os.sync()  # Else the system writes it out while something is measured.
    return target


def make(target, lists, items, a_user):
    with serve(target) as server:
        person = client.sign_up(("127.0.0.1", server.port))
        template = person.make_list("A list of things to buy")
        for number in range(items):
            person.post(f"/v1/lists/{template}/items", item_body(number), status=201)
    database = sqlite3.connect(target / "lists.db", isolation_level=None)
    for text in ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-200000", "BEGIN"):
        database.execute(text)
    first = uuid.UUID(person.id).bytes
    owners = [first, *add_users(database, first, -(-lists // a_user) - 1, "owner", 4, has_session=True)]
    copy_list(database, uuid.UUID(template).bytes, owners, lists, a_user)
    # Beside the owners, so that looking one up has something to look through.
    add_users(database, first, lists, "user", 2)
    for text in ("COMMIT", "PRAGMA wal_checkpoint(TRUNCATE)"):
        database.execute(text)
    database.close()


def columns(database, table, but):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] not in but]


def copy_list(database, template, owners, lists, a_user):
    """So many lists as the template, which becomes the first of them."""
    rng = random.Random(1)
    made_at, last = database.execute("SELECT created_at, revision FROM lists WHERE id = ?", (template,)).fetchone()
    copies = [{"id": uuid7(made_at - 1000 * number, rng).bytes, "template": template,
               "owner": owners[number // a_user]} for number in range(1, lists)]
    rng.shuffle(copies)
    texts = {}
    for table, key, owner in (("lists", "id", "creator_id"), ("members", "list_id", "user_id"),
                              ("items", "list_id", "created_by"), ("changes", "list_id", "actor_id")):
        rest = ", ".join(columns(database, table, (key, owner)))
        texts[table] = (f"INSERT INTO {table} ({key}, {owner}, {rest}) SELECT :id, :owner, {rest} FROM {table}"
                        f" WHERE {key} = :template")
    for copy in copies:
        database.execute(texts["lists"], copy)
        database.execute(texts["members"], copy)
    for first in range(1, last + 1, CHANGES_A_TURN):
        for copy in copies:
            turn = {**copy, "first": first, "end": first + CHANGES_A_TURN}
            for table in ("items", "changes"):
                database.execute(texts[table] + " AND revision >= :first AND revision < :end", turn)
    database.execute("UPDATE users SET membership_count ="
                     " (SELECT count(*) FROM members WHERE user_id = users.id)")


def add_users(database, template, count, name, seed, has_session=False):
    """So many people like the one that there is. Returns their ids."""
    rng, made = random.Random(seed), []
    user = ", ".join(columns(database, "users", ("id", "email", "email_key", "membership_count")))
    session = ", ".join(columns(database, "sessions", ("id", "user_id")))
    for number in range(count):
        ids = {"id": uuid7(1_700_000_000_000 + number, rng).bytes, "email": f"{name}{number}@example.org",
               "template": template}
        made.append(ids["id"])
        database.execute(f"INSERT INTO users (id, email, email_key, {user}) SELECT :id, :email, :email, {user}"
                         " FROM users WHERE id = :template", ids)
        database.execute("INSERT INTO identities (issuer, subject, user_id, created_at) SELECT issuer,"
                         " :email, :id, created_at FROM identities WHERE user_id = :template", ids)
        database.execute("INSERT INTO passwords SELECT :id, hash, changed_at FROM passwords"
                         " WHERE user_id = :template", ids)
        if has_session:
            database.execute(f"INSERT INTO sessions (id, user_id, {session}) SELECT :session, :id, {session}"
                             " FROM sessions WHERE user_id = :template LIMIT 1",
                             {**ids, "session": uuid7(1_700_000_000_000 + number, rng).bytes})
    return made


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(data):
    """A token of TOKEN_BYTES for each owner in a folder, by the user's id: what the program itself would
    give out, with a claim more to fill it up."""
    with sqlite3.connect(f"file:{data}/lists.db?mode=ro", uri=True) as database:
        kid, pem = database.execute("SELECT id, private_pem FROM signing_keys ORDER BY signs_from").fetchone()
        sessions = database.execute("SELECT user_id, id, generation FROM sessions").fetchall()
    key = serialization.load_pem_private_key(pem.encode(), None)
    now = int(datetime.datetime.now().timestamp())
    made = {}
    for user, session, generation in sessions:
        claims = {"iss": "lists", "aud": "lists", "sub": str(uuid.UUID(bytes=user)),
                  "sid": str(uuid.UUID(bytes=session)), "gen": generation, "iat": now, "exp": now + 3600}
        head = base64url(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": kid}).encode())
        for fill in range(600):
            body = base64url(json.dumps({**claims, "fill": "x" * fill}).encode())
            if len(head) + len(body) + 2 + 342 >= TOKEN_BYTES:
                break
        signed = f"{head}.{body}"
        made[user] = signed + "." + base64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
    return made


def lists_of(data, count=None):
    """(list id, owner) of a folder, in an order that is random but the same each time."""
    with sqlite3.connect(f"file:{data}/lists.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, creator_id FROM lists ORDER BY id").fetchall()
    random.Random(3).shuffle(rows)
    return [(str(uuid.UUID(bytes=row[0])), row[1]) for row in rows[:count]]


def known_email(data):
    """Of somebody who signed up with client.PASSWORD."""
    with sqlite3.connect(f"file:{data}/lists.db?mode=ro", uri=True) as database:
        return database.execute("SELECT email FROM users WHERE id IN (SELECT user_id FROM sessions)"
                                " ORDER BY id DESC").fetchone()[0]


def items_of(data, list_id):
    with sqlite3.connect(f"file:{data}/lists.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id FROM items WHERE list_id = ?", (uuid.UUID(list_id).bytes,))
        return [str(uuid.UUID(bytes=row[0])) for row in rows]


def request(method, path, token, headers=(), body=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: lists.example", f"Authorization: Bearer {token}", *headers]
    data = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Plan:
    """A file of requests for bench_load."""

    def __init__(self, name):
        WORK.mkdir(parents=True, exist_ok=True)
        self.file = WORK / f"{name}.plan"
        self.out = open(self.file, "wb")

    def add(self, name, weight, status, length, requests):
        self.out.write(f"{name} {weight} {status} {length} {len(requests)}\n".encode())
        for each in requests:
            self.out.write(f"{len(each)}\n".encode() + each)

    def done(self):
        self.out.close()
        return self.file
