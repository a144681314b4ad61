// Creates of items: decided in memory, written in one transaction each, the service's statements.
import { newUuid7, randomBytes, textOf } from "../ids.mjs";
import { timeText } from "../lists.mjs";
import { Problem, notFound } from "../problems.mjs";
import { Draft } from "../writer.mjs";

const ATTEMPTS = 3;
const TX = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)";

const GUARD =
  "UPDATE lists SET revision = $3, last_batch = $4, title = $6, archived = $7, item_count = $8," +
  " done_count = $9, trash_count = $10, content_bytes = $11, updated_at = $12, deleted_at = NULL," +
  ` tx = ${TX} WHERE id = $1 AND revision = $2 AND (SELECT epoch FROM meta) = $5`;
const PUT_ITEM =
  "INSERT INTO items (list_id, id, rank, text, note, done, done_at, due, labels, parent_id," +
  " created_by, created_at, updated_at, deleted_at, trashed_by, revision, gone, moved_to)" +
  " SELECT $1, $3, $4, $5, '', false, NULL, NULL, '[]', NULL, $6, $7, $7, NULL, NULL, $8, NULL, NULL" +
  " WHERE EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)";
const LOG_CHANGE =
  "INSERT INTO changes (list_id, revision, op_id, at, actor_id, client_id, kind, status, item_id," +
  " effects, overridden, kept, digest, tx)" +
  ` SELECT $1, $3, $4, $5, $6, NULL, 'add', 'applied', $7, $8, NULL, NULL, $9, ${TX}` +
  " WHERE EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)";

const begin = { name: "begin", text: "BEGIN" };
const commit = { name: "commit", text: "COMMIT" };

function queriesOf(list, { state, changes: [change] }) {
  const mark = randomBytes(16);
  const at = timeText(change.at);
  const item = textOf(change.id);
  const actor = textOf(change.actor);
  const { revision, epoch, itemCount, doneCount, trashCount, contentBytes } = state;
  const guard = [list.id, list.state.revision, revision, mark, epoch, list.title, list.archived];
  guard.push(itemCount, doneCount, trashCount, contentBytes, at);
  const put = [list.id, mark, item, change.rank, change.text, actor, at, revision];
  const log = [list.id, mark, revision, textOf(newUuid7()), at, actor, item];
  log.push(change.effects, change.digest);
  return [
    begin,
    { name: "lists.guard", text: GUARD, values: guard },
    { name: "items.put", text: PUT_ITEM, values: put },
    { name: "changes.add", text: LOG_CHANGE, values: log },
    commit,
  ];
}

export class Writer {
  #database;
  #lists;
  #last = new Map(); // The last create of each list that is under way.

  constructor(database, lists) {
    this.#database = database;
    this.#lists = lists;
  }

  /** The item, once it is on the disk. Creates in one list are decided one upon the other. */
  add(op) {
    const before = this.#last.get(op.listId) ?? Promise.resolve();
    const adding = before.then(() => this.#addNow(op));
    const over = adding
      .catch(() => {})
      .then(() => {
        if (this.#last.get(op.listId) === over) this.#last.delete(op.listId);
      });
    this.#last.set(op.listId, over);
    return adding;
  }

  async #addNow(op) {
    for (let attempt = 0; attempt < ATTEMPTS; ++attempt) {
      const list = await this.#lists.hold(op.listId);
      if (list === undefined) throw notFound();
      const draft = new Draft(list);
      const item = draft.add(op);
      if (await this.#store(list, draft)) {
        list.state = draft.state;
        return item;
      }
      this.#lists.forget(op.listId);
    }
    throw new Problem(503, "unavailable", "The change could not be written.");
  }

  /** Whether it was written: not when somebody else has changed the list. */
  async #store(list, draft) {
    try {
      const [, guard, , , end] = await this.#database.run(queriesOf(list, draft));
      return guard.rowCount === 1 && end.command === "COMMIT";
    } catch (error) {
      this.#lists.forget(list.id);
      throw error;
    }
  }
}
