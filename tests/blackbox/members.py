"""Members of lists, made in the database while the service is stopped: sharing has no calls yet."""
import sqlite3
import time
import uuid


def blob(text: str) -> bytes:
    return uuid.UUID(text).bytes


def add_member(server, list_id: str, user_id: str, role: str):
    """Adds somebody to a list. The log does not tell of it: such lists are not replayed."""
    now = int(time.time() * 1000)
    with sqlite3.connect(server.database) as database:
        database.execute(
            "INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)"
            " VALUES (?, ?, ?, ?, (SELECT tx FROM meta))", (blob(list_id), blob(user_id), role, now))
        database.execute("UPDATE users SET membership_count = membership_count + 1 WHERE id = ?", (blob(user_id),))
    database.close()


def set_role(server, list_id: str, user_id: str, role):
    """Another role; None ends the membership."""
    with sqlite3.connect(server.database) as database:
        if role is None:
            database.execute("UPDATE members SET removed_at = ? WHERE list_id = ? AND user_id = ?",
                             (int(time.time() * 1000), blob(list_id), blob(user_id)))
            database.execute("UPDATE users SET membership_count = membership_count - 1 WHERE id = ?", (blob(user_id),))
        else:
            database.execute("UPDATE members SET role = ? WHERE list_id = ? AND user_id = ?",
                             (role, blob(list_id), blob(user_id)))
    database.close()
