"""What tests of undo, moves between lists, purges and parents share."""
import replay

FOLLOWS = ("revision", "updated_at")


def items_of(list_id) -> str:
    return f"/v1/lists/{list_id}/items"


def content(person, list_id) -> dict:
    """The whole list but for what follows from each change."""
    whole = person.whole(list_id)
    kept = {name: value for name, value in whole.items() if name not in FOLLOWS}
    kept["items"] = [{name: value for name, value in item.items() if name not in FOLLOWS} for item in whole["items"]]
    return kept


def order(person, list_id) -> list:
    """The ids of the live items."""
    return [item["id"] for item in person.whole(list_id)["items"]]


def trash(person, list_id) -> list:
    """The ids of the items in trash."""
    return [item["id"] for item in person.pages(f"{items_of(list_id)}?state=trashed&limit=200")[0]]


def judged(person, list_id) -> list:
    """The log, after it has been judged forwards and backwards against what is served."""
    log = person.log(list_id)
    replay.check_log(log, list_id, person.whole(list_id), person.id)
    return log


def last(person, list_id) -> dict:
    """The newest change of a log that is as it should be."""
    return judged(person, list_id)[-1]


def revert(person, list_id, headers=(), status=200, **what):
    """`op_id=` or `to_revision=`."""
    return person.post(f"/v1/lists/{list_id}/revert", what, headers=headers, status=status)


def undo(person, list_id, change=None) -> dict:
    """Undoes a change, by default the newest, and returns the change that does it."""
    op_id = (change or person.log(list_id)[-1])["op_id"]
    return revert(person, list_id, op_id=op_id).json()


def fields_of(item) -> dict:
    """Those that a whole row in the log has."""
    return {name: item[name] for name in replay.ITEM}
