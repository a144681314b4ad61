"""Members of lists, made in the database while the service is stopped: sharing has no calls yet."""
import datetime
import uuid


def now():
    return datetime.datetime.now(datetime.UTC)


def add_members(server, list_ids, user_id: str, role: str):
    """Adds somebody to lists. The log does not tell of it: such lists are not replayed."""
    user, statements = uuid.UUID(user_id), []
    for list_id in list_ids:
        statements += [
            ("INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)"
             f" VALUES (:list, :user, :role, :now, {server.engine.transaction})",
             {"list": uuid.UUID(list_id), "user": user, "role": role, "now": now()}),
            ("UPDATE users SET membership_count = membership_count + 1 WHERE id = :user", {"user": user})]
    server.sql_all(statements)


def add_member(server, list_id: str, user_id: str, role: str):
    add_members(server, [list_id], user_id, role)


def set_role(server, list_id: str, user_id: str, role):
    """Another role; None ends the membership."""
    of = {"list": uuid.UUID(list_id), "user": uuid.UUID(user_id)}
    if role is None:
        server.sql_all([
            ("UPDATE members SET removed_at = :now WHERE list_id = :list AND user_id = :user",
             {**of, "now": now()}),
            ("UPDATE users SET membership_count = membership_count - 1 WHERE id = :user", of)])
    else:
        server.sql("UPDATE members SET role = :role WHERE list_id = :list AND user_id = :user",
                   **of, role=role)


class Team:
    """A service of its own with an owner, an editor, a viewer and a stranger, and lists of the owner that
    the others are in. Their logs do not tell of members, so they are not replayed.
    """

    def __init__(self, server, lists):
        self.server = server
        self.owner, self.editor, self.viewer, self.stranger = (server.person() for _ in range(4))
        self.lists = [self.owner.make_list() for _ in range(lists)]
        assert server.stop() == 0
        for role in ("editor", "viewer"):
            add_members(server, self.lists, getattr(self, role).id, role)
        server.start()

    def take_list(self) -> str:
        """One that nobody has used yet."""
        return self.lists.pop()
