// Creates of items: decided in memory, written in one durable transaction, then shown.
import { hash } from "node:crypto";
import { bytesOf, newUuid7, randomBytes, rankAfter, textOf } from "./ids.mjs";
import { timeText } from "./lists.mjs";
import { Problem } from "./problems.mjs";

const LIVE_ITEMS_MAX = 10_000;
const ITEMS_MAX = 20_000;
const CONTENT_BYTES_MAX = 8 * 1024 * 1024;
const EPOCH_UNIT = 2 ** 32;

// The service's statements. Its `WHERE EXISTS (… last_batch = …)` is not needed here: the guard's
// result is at hand before the next statement is sent.
const GUARD =
  "UPDATE lists SET revision = ?, last_batch = ?, title = ?, archived = ?, item_count = ?," +
  " done_count = ?, trash_count = ?, content_bytes = ?, updated_at = ?, deleted_at = NULL, tx = ?" +
  " WHERE id = ? AND revision = ? AND (SELECT epoch FROM meta) = ?";
const PUT_ITEM =
  "INSERT INTO items (list_id, id, rank, text, note, done, done_at, due, labels, parent_id," +
  " created_by, created_at, updated_at, deleted_at, trashed_by, revision, gone, moved_to)" +
  " VALUES (?, ?, ?, ?, '', 0, NULL, NULL, '[]', NULL, ?, ?, ?, NULL, NULL, ?, NULL, NULL)";
const LOG_CHANGE =
  "INSERT INTO changes (list_id, revision, op_id, at, actor_id, client_id, kind, status, item_id," +
  " effects, overridden, kept, digest, tx)" +
  " VALUES (?, ?, ?, ?, ?, NULL, 'add', 'applied', ?, ?, NULL, NULL, ?, ?)";

/** The item without what follows from its change. */
function effectsOf(item, after) {
  const { id, updated_at, revision, ...set } = item;
  return JSON.stringify([{ entity: "item", id, set, previous: null, after }]);
}

function digestOf(op, itemId) {
  return hash(
    "sha256",
    JSON.stringify([op.user, op.listId, "add", itemId, { text: op.text }, 0]),
    "buffer",
  );
}

/** A list and what a transaction adds to it: ops are decided one upon the other. */
export class Draft {
  items = [];
  changes = [];

  constructor(list) {
    this.list = list;
    this.state = { ...list.state };
  }

  add(op) {
    const { state } = this;
    const bytes = Buffer.byteLength(op.text);
    const isFull =
      state.itemCount >= LIVE_ITEMS_MAX ||
      state.itemCount + state.trashCount >= ITEMS_MAX ||
      state.contentBytes + bytes > CONTENT_BYTES_MAX;
    if (isFull) {
      const detail = "The list is full. Clear what is done, or start another.";
      throw new Problem(422, "list_full", detail);
    }
    state.revision = state.epoch * EPOCH_UNIT + (state.revision % EPOCH_UNIT) + 1;
    state.updatedAt = Math.max(Date.now(), state.updatedAt); // Never backwards in a list.
    state.itemCount += 1;
    state.contentBytes += bytes;
    state.lastRank = rankAfter(state.lastRank);
    return this.#make(op);
  }

  #make(op) {
    const { state } = this;
    const id = newUuid7();
    const at = timeText(state.updatedAt);
    const item = {
      id: textOf(id),
      text: op.text,
      note: "",
      done: false,
      done_at: null,
      due: null,
      repeat: null,
      labels: [],
      parent_id: null,
      created_by: op.user,
      created_at: at,
      updated_at: at,
      deleted_at: null,
      revision: state.revision,
    };
    this.items.push(item);
    this.changes.push({
      id,
      rank: state.lastRank,
      text: op.text,
      at: state.updatedAt,
      actor: bytesOf(op.user),
      revision: state.revision,
      effects: effectsOf(item, state.lastItem),
      digest: digestOf(op, item.id),
    });
    state.lastItem = item.id;
    return item;
  }
}

export class Writer {
  #database;
  #lists;
  #guard;
  #putItem;
  #logChange;
  #waiting = [];

  constructor(database, lists) {
    this.#database = database;
    this.#lists = lists;
    this.#guard = database.prepare(GUARD);
    this.#putItem = database.prepare(PUT_ITEM);
    this.#logChange = database.prepare(LOG_CHANGE);
  }

  /** `--writes each`: a transaction for this one. `done(error, item)` once it is on the disk. */
  addNow(op, done) {
    this.#commit([{ op, done }]);
  }

  /** `--writes grouped`: in one transaction with all that come in the same turn of the loop. */
  addWithOthers(op, done) {
    if (this.#waiting.push({ op, done }) > 1) return;
    setImmediate(() => {
      const group = this.#waiting;
      this.#waiting = [];
      this.#commit(group);
    });
  }

  #commit(group) {
    const drafts = new Map();
    for (const each of group) this.#decide(each, drafts);
    let failure = null;
    try {
      const isAnythingNew = group.some((each) => each.item !== undefined);
      if (isAnythingNew) this.#database.write((tx) => this.#storeAll(drafts, tx));
    } catch (error) {
      console.error(error);
      failure = new Problem(503, "unavailable", "The change could not be written.");
    }
    for (const { list, state, items } of drafts.values()) {
      if (failure === null) list.change(state, items);
      else this.#lists.forget(list.id);
    }
    for (const { done, error, item } of group) done(failure ?? error ?? null, item);
  }

  #decide(each, drafts) {
    const { listId } = each.op;
    try {
      if (!drafts.has(listId)) drafts.set(listId, new Draft(this.#lists.find(listId)));
      each.item = drafts.get(listId).add(each.op);
    } catch (error) {
      each.error = error;
    }
  }

  #storeAll(drafts, tx) {
    for (const draft of drafts.values()) {
      if (draft.changes.length > 0) this.#store(draft, tx);
    }
  }

  #store({ list, state, changes }, tx) {
    const key = list.bytesOfId;
    const { changes: guarded } = this.#guard.run(
      state.revision,
      randomBytes(16),
      list.head.title,
      list.head.archived ? 1 : 0,
      state.itemCount,
      state.doneCount,
      state.trashCount,
      state.contentBytes,
      state.updatedAt,
      tx,
      key,
      list.state.revision,
      state.epoch,
    );
    if (guarded !== 1) throw new Error("another writer has changed the list");
    for (const { id, rank, text, at, actor, revision, effects, digest } of changes) {
      this.#putItem.run(key, id, rank, text, actor, at, at, revision);
      this.#logChange.run(key, revision, newUuid7(), at, actor, id, effects, digest, tx);
    }
  }
}
