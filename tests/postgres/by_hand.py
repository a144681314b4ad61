"""Rows written as the service writes them: by a session whose transaction a test holds open, and for
what has no calls yet.
"""
import json
import subprocess

from cluster import BIN, environment
from services import uuid7

TX = "pg_current_xact_id()::text::bigint"


class Session:
    """A psql of the service's role that stays open. What it has not committed at the end is undone."""

    def __init__(self, cluster):
        self.process = subprocess.Popen(
            [BIN / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", cluster.url()], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
        self.say("SET idle_in_transaction_session_timeout = 0")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def say(self, text):
        """Returns when it is done."""
        self.process.stdin.write(f"{text};\n\\echo done\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said == "done\n", said


def change(list_id, kind, effect, fields="") -> str:
    """The list's next revision, with these fields, and its row of the log."""
    effects = json.dumps([effect]).replace("'", "''")
    return f"""
        UPDATE lists SET {fields} revision = revision + 1, tx = {TX},
            updated_at = greatest(updated_at, date_trunc('milliseconds', now())) WHERE id = '{list_id}';
        INSERT INTO changes (list_id, revision, op_id, at, actor_id, kind, status, effects, digest, tx)
            SELECT id, revision, '{uuid7()}', updated_at, creator_id, '{kind}', 'applied', '{effects}',
                sha256(id::text::bytea), {TX} FROM lists WHERE id = '{list_id}';
        """


def rename(list_id, before, after) -> str:
    effect = {"entity": "list", "id": list_id, "set": {"title": after}, "previous": {"title": before}}
    return change(list_id, "set-list", effect, f"title = '{after}',")


def set_role(list_id, user_id, before, after) -> str:
    """None: no member. To be run as one transaction."""
    effect = {"entity": "member", "id": user_id, "set": after and {"role": after},
              "previous": before and {"role": before}}
    kind = "grant" if before is None else "revoke" if after is None else "role"
    step = bool(after) - bool(before)
    return f"""
        UPDATE users SET membership_count = membership_count + {step} WHERE id = '{user_id}';
        {change(list_id, kind, effect)}
        INSERT INTO members (list_id, user_id, role, joined_at, removed_at, visible_tx)
            VALUES ('{list_id}', '{user_id}', '{after or before}', now(), {'NULL' if after else 'now()'}, {TX})
            ON CONFLICT (list_id, user_id) DO UPDATE SET role = excluded.role,
                removed_at = excluded.removed_at, visible_tx = excluded.visible_tx
        """
