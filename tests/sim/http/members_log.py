"""Members of lists, changed in the database as the sharing calls will do it: the row, its owner's count
and a change in the list's log, in one transaction. SQLite's only while the service does not run.
"""
import datetime
import json
import secrets
import time
import uuid


def _uuid7():
    value = (int(time.time() * 1000) << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return uuid.UUID(int=value | (0b10 << 62) | secrets.randbits(62))


def role_of(server, list_id, user_id):
    """None: no member."""
    rows = server.sql("SELECT role, removed_at FROM members WHERE list_id = :list AND user_id = :user",
                      list=uuid.UUID(list_id), user=uuid.UUID(user_id))
    return rows[0][0] if rows and rows[0][1] is None else None


def _change_of(user_id, before, role):
    """Its kind, and its effects as they are kept."""
    kind = "grant" if before is None else "revoke" if role is None else "role"
    effect = {"entity": "member", "id": user_id, "set": role and {"role": role},
              "previous": before and {"role": before}}
    return kind, json.dumps([effect], separators=(",", ":"))


def change_member(server, list_id, user_id, role) -> bool:
    """Another role, or none; False where there is nothing to change, or an owner, or a list in trash."""
    before = role_of(server, list_id, user_id)
    if before in ("owner", role):
        return False
    kind, effects = _change_of(user_id, before, role)
    now = datetime.datetime.now(datetime.UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    tx = server.engine.transaction
    is_shared = server.engine.processes > 1
    values = {"list": uuid.UUID(list_id), "user": uuid.UUID(user_id), "mark": secrets.token_bytes(16),
              "role": role or before, "before": before, "now": now, "removed": None if role else now,
              "op": _uuid7(), "kind": kind, "effects": effects, "digest": secrets.token_bytes(32)}
    is_marked = "EXISTS (SELECT 1 FROM lists WHERE id = :list AND last_batch = :mark)"
    # What was read before may have changed since: the list may even have been made meanwhile.
    as_before = ("(SELECT role FROM members WHERE list_id = :list AND user_id = :user AND removed_at IS NULL)"
                 + (" = :before" if before else " IS NULL"))
    statements = ["UPDATE lists SET revision = revision WHERE id = :list" if is_shared
                  else "UPDATE meta SET tx = tx + 1"]
    statements += [
        "UPDATE lists SET revision = revision + 1, last_batch = :mark,"
        " updated_at = CASE WHEN updated_at > :now THEN updated_at ELSE :now END,"
        f" tx = {tx} WHERE id = :list AND deleted_at IS NULL AND {as_before}",
        "INSERT INTO changes (list_id, revision, op_id, at, actor_id, kind, status, effects, digest, tx)"
        " SELECT l.id, l.revision, :op, l.updated_at, m.user_id, :kind, 'applied', :effects, :digest,"
        f" {tx} FROM lists l JOIN members m ON m.list_id = l.id AND m.role = 'owner'"
        " AND m.removed_at IS NULL WHERE l.id = :list AND l.last_batch = :mark"]
    if kind == "role":
        statements += ["UPDATE members SET role = :role WHERE list_id = :list AND user_id = :user"
                       f" AND {is_marked}"]
    else:
        step = "+ 1" if role else "- 1"
        statements += [
            "INSERT INTO members (list_id, user_id, role, joined_at, removed_at, visible_tx)"
            f" SELECT :list, :user, :role, :now, :removed, {tx} WHERE {is_marked}"
            " ON CONFLICT (list_id, user_id) DO UPDATE SET role = excluded.role,"
            " removed_at = excluded.removed_at, visible_tx = excluded.visible_tx",
            f"UPDATE users SET membership_count = membership_count {step} WHERE id = :user AND {is_marked}"]
    statements += ["SELECT revision FROM lists WHERE id = :list AND last_batch = :mark"]
    return bool(server.sql_all([(text, values) for text in statements]))
