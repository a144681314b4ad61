// Lists, read from the database for each request. What a create is decided on is held in memory: the
// guard of its transaction finds out when that is old.
import { isUuid7 } from "../ids.mjs";

const HELD_MAX = 100_000;

const readList = (id) => ({
  name: "lists.read",
  text:
    "SELECT title, archived, revision, created_at, updated_at, deleted_at, item_count, done_count," +
    " trash_count, content_bytes FROM lists WHERE id = $1",
  values: [id],
});
const readMembers = (id) => ({
  name: "members.read",
  text:
    "SELECT user_id, role FROM members WHERE list_id = $1 AND removed_at IS NULL" +
    " ORDER BY joined_at, user_id",
  values: [id],
});
const readItems = (id) => ({
  name: "items.read",
  text:
    "SELECT id, text, note, done, done_at, due, labels, parent_id, created_by, created_at," +
    " updated_at, revision FROM items WHERE list_id = $1 AND deleted_at IS NULL" +
    " AND gone IS NULL ORDER BY rank",
  values: [id],
});
const readLast = (id) => ({
  name: "items.last",
  text: "SELECT max(rank) AS rank, (SELECT epoch FROM meta) AS epoch FROM items WHERE list_id = $1",
  values: [id],
});

/** The row is what the API has, but for two texts of JSON and what is always the same. */
function itemOf(row) {
  if (row.due !== null) row.due = JSON.parse(row.due);
  row.labels = row.labels === "[]" ? [] : JSON.parse(row.labels);
  row.repeat = null;
  row.deleted_at = null;
  return row;
}

/** The caller's role in a list; nothing for whom the list is not there. */
export function roleIn({ members, deleted_at }, user) {
  const role = members.find((each) => each.user_id === user)?.role;
  return deleted_at !== null && role !== "owner" ? undefined : role;
}

export class Lists {
  #database;
  #held = new Map();

  constructor(database) {
    this.#database = database;
  }

  /** The list with that id, as the API has it; nothing when there is none. */
  async read(id) {
    if (!isUuid7(id)) return undefined;
    const queries = [readList(id), readMembers(id), readItems(id)];
    const [{ rows: heads }, members, items] = await this.#database.run(queries);
    if (heads.length === 0) return undefined;
    return { id, ...heads[0], members: members.rows, items: items.rows.map(itemOf) };
  }

  /** What creates in it are decided on; nothing when there is no such list. */
  async hold(id) {
    return this.#held.get(id) ?? (await this.#load(id));
  }

  /** To be read again: somebody else has changed it, or a write has failed. */
  forget(id) {
    this.#held.delete(id);
  }

  async #load(id) {
    const list = await this.read(id);
    if (list === undefined) return undefined;
    const [{ rows: lasts }] = await this.#database.run([readLast(id)]);
    const held = {
      id,
      title: list.title,
      archived: list.archived,
      deleted_at: list.deleted_at,
      isTrashed: list.deleted_at !== null,
      members: list.members,
      state: {
        revision: list.revision,
        epoch: lasts[0].epoch,
        updatedAt: Date.parse(list.updated_at),
        itemCount: list.item_count,
        doneCount: list.done_count,
        trashCount: list.trash_count,
        contentBytes: list.content_bytes,
        lastRank: lasts[0].rank,
        lastItem: list.items.at(-1)?.id ?? null,
      },
    };
    if (this.#held.size >= HELD_MAX) this.#held.delete(this.#held.keys().next().value);
    this.#held.set(id, held);
    return held;
  }
}
