// Lists in memory: read from the database when first asked for, then kept up to date by the writer.
import build from "fast-json-stringify";
import { bytesOf, isUuid7, textOf } from "./ids.mjs";

const BYTES_MAX = 256 * 1024 * 1024;
const ITEM_BYTES = 1000; // About, with its strings; counted when a list is read.

// Ids and times need no escapes.
const plain = { type: "string", format: "unsafe" };
const plainOrNull = { ...plain, nullable: true };
const integer = { type: "integer" };

export const itemSchema = {
  type: "object",
  properties: {
    id: plain,
    text: { type: "string" },
    note: { type: "string" },
    done: { type: "boolean" },
    done_at: plainOrNull,
    due: {},
    repeat: { type: "null" },
    labels: { type: "array", items: { type: "string" } },
    parent_id: plainOrNull,
    created_by: plain,
    created_at: plain,
    updated_at: plain,
    deleted_at: plainOrNull,
    revision: integer,
  },
};

const headProperties = {
  id: plain,
  title: { type: "string" },
  revision: integer,
  item_count: integer,
  done_count: integer,
  archived: { type: "boolean" },
  created_at: plain,
  updated_at: plain,
  deleted_at: plainOrNull,
  members: {
    type: "array",
    items: { type: "object", properties: { user_id: plain, role: plain } },
  },
};

export const listSchema = {
  type: "object",
  properties: {
    role: plain,
    ...headProperties,
    items: { type: "array", items: itemSchema },
  },
};

export const itemJson = build(itemSchema);
const headJson = build({ type: "object", properties: headProperties });

export const timeText = (ms) => new Date(ms).toISOString();
const timeOrNull = (ms) => (ms === null ? null : timeText(ms));

function itemOf(row) {
  return {
    id: textOf(row.id),
    text: row.text,
    note: row.note,
    done: row.done === 1,
    done_at: timeOrNull(row.done_at),
    due: row.due === null ? null : JSON.parse(row.due),
    repeat: null,
    labels: JSON.parse(row.labels),
    parent_id: row.parent_id === null ? null : textOf(row.parent_id),
    created_by: textOf(row.created_by),
    created_at: timeText(row.created_at),
    updated_at: timeText(row.updated_at),
    deleted_at: null,
    revision: row.revision,
  };
}

/** What both kinds of lists have. `state` is what a write decides on and changes. */
class List {
  constructor(id, row, members, state) {
    this.id = id;
    this.bytesOfId = bytesOf(id);
    this.isTrashed = row.deleted_at !== null;
    this.state = state;
    this.roles = new Map(members.map((each) => [each.user_id, each.role]));
    this.head = {
      id,
      title: row.title,
      archived: row.archived === 1,
      created_at: timeText(row.created_at),
      deleted_at: timeOrNull(row.deleted_at),
      members,
    };
    this.#apply(state);
  }

  /** The caller's role; nothing for whom the list is not there. */
  roleOf(user) {
    const role = this.roles.get(user);
    return this.isTrashed && role !== "owner" ? undefined : role;
  }

  /** Takes over what was committed. */
  change(state, items) {
    for (const item of items) this.add(item);
    this.#apply(state);
  }

  #apply(state) {
    this.state = state;
    this.etag = `"${state.revision}"`;
    this.head.revision = state.revision;
    this.head.item_count = state.itemCount;
    this.head.done_count = state.doneCount;
    this.head.updated_at = timeText(state.updatedAt);
  }
}

/** Mode `ready`: the bytes of the answer are kept until the list changes. */
class ReadyList extends List {
  #items = ""; // The JSON of all, with commas.
  #bodies = {}; // By role.

  add(item) {
    this.#items += this.#items === "" ? itemJson(item) : `,${itemJson(item)}`;
    this.#bodies = {};
  }

  bodyFor(role) {
    this.#bodies[role] ??= this.#render(role);
    return this.#bodies[role];
  }

  #render(role) {
    const head = headJson(this.head);
    return Buffer.from(`{"role":"${role}",${head.slice(1, -1)},"items":[${this.#items}]}`);
  }
}

/** Mode `serialise`: objects, from which the framework makes JSON for each answer. */
class PlainList extends List {
  #items = [];

  add(item) {
    this.#items.push(item);
  }

  bodyFor(role) {
    return { role, ...this.head, items: this.#items };
  }
}

export class Lists {
  #make;
  #held = new Map();
  #bytes = 0;
  #readList;
  #readMembers;
  #readItems;
  #readLastRank;

  constructor(database, mode) {
    this.#make = mode === "ready" ? ReadyList : PlainList;
    this.#readList = database.prepare(
      "SELECT title, archived, revision, created_at, updated_at, deleted_at, item_count," +
        " done_count, trash_count, content_bytes, (SELECT epoch FROM meta) AS epoch" +
        " FROM lists WHERE id = ?",
    );
    this.#readMembers = database.prepare(
      "SELECT user_id, role FROM members WHERE list_id = ? AND removed_at IS NULL" +
        " ORDER BY joined_at, user_id",
    );
    this.#readItems = database.prepare(
      "SELECT id, text, note, done, done_at, due, labels, parent_id, created_by, created_at," +
        " updated_at, revision FROM items WHERE list_id = ? AND deleted_at IS NULL" +
        " AND gone IS NULL ORDER BY rank",
    );
    this.#readLastRank = database.prepare("SELECT max(rank) FROM items WHERE list_id = ?").pluck();
  }

  /** The list with that id; nothing when there is none. */
  find(id) {
    return this.#held.get(id) ?? this.#load(id);
  }

  /** To be read again: a write of it has failed. */
  forget(id) {
    const list = this.#held.get(id);
    if (list === undefined) return;
    this.#held.delete(id);
    this.#bytes -= list.bytes;
  }

  #load(id) {
    if (!isUuid7(id)) return undefined;
    const key = bytesOf(id);
    const row = this.#readList.get(key);
    if (row === undefined) return undefined;
    const members = this.#readMembers
      .all(key)
      .map(({ user_id, role }) => ({ user_id: textOf(user_id), role }));
    const items = this.#readItems.all(key).map(itemOf);
    const list = new this.#make(id, row, members, {
      revision: row.revision,
      epoch: row.epoch,
      updatedAt: row.updated_at,
      itemCount: row.item_count,
      doneCount: row.done_count,
      trashCount: row.trash_count,
      contentBytes: row.content_bytes,
      lastRank: this.#readLastRank.get(key),
      lastItem: items.at(-1)?.id ?? null,
    });
    for (const item of items) list.add(item);
    this.#hold(list, items.length * ITEM_BYTES);
    return list;
  }

  #hold(list, bytes) {
    list.bytes = bytes;
    this.#held.set(list.id, list);
    this.#bytes += bytes;
    for (const id of this.#held.keys()) {
      if (this.#bytes <= BYTES_MAX || id === list.id) break;
      this.forget(id);
    }
  }
}
