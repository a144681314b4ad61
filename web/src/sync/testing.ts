/** A service in memory that answers sync as api.md says, and a source of chance. For tests only. */
import { decide, resultOf, type Intent } from "./decide";
import { withoutContent } from "./held";
import { changesAfter, roleOf, viewOf, type ListState } from "./state";
import { epochOf, nextRevision } from "./types";
import type {
  Change,
  Entry,
  Id,
  ListRow,
  Problem,
  Result,
  Role,
  SyncAnswer,
  SyncBody,
  Time,
  WholeList,
} from "./types";

export type Random = () => number;

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
export const below = (random: Random, n: number): number => Math.floor(random() * n);
export const oneOf = <T>(random: Random, from: readonly T[]): T =>
  from[below(random, from.length)]!;

/** The nth id of a kind, told by its first digit. */
export const idOf = (kind: string, n: number): Id =>
  `0190000${kind}-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

export const timeOf = (ms: number): Time => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();

interface Cursor {
  epoch: number;
  since: number;
  /** Of several pages: what the first one saw open. */
  first?: number;
  at?: [Id, number];
}
interface Sight {
  isSeen: boolean;
  tx: number;
}

export class Service {
  epoch = 0;
  ms = 0;
  lists = new Map<Id, ListState>();
  /** The transaction of each change. */
  private tx = new Map<string, number>();
  private sight = new Map<Id, Map<Id, Sight>>();
  private nextTx = 1;
  private open = new Set<number>();
  private cutTx = 0;
  /** What was purged stays so in a restored copy. */
  readonly purged: [Id, Id][] = [];
  /** Called with each change and the list after it. */
  watch: (before: ListState | null, after: ListState, change: Change) => void = () => undefined;

  constructor(
    readonly pageMax = 2000,
    readonly resetOver = 2000,
  ) {}

  get now(): Time {
    return timeOf(this.ms);
  }
  sees = (user: Id, list: Id): Role | undefined => roleOf(this.lists.get(list) ?? null, user);

  // ---- writing

  begin(): number {
    this.open.add(this.nextTx);
    return this.nextTx++;
  }
  close(tx: number): void {
    this.open.delete(tx);
  }

  execute(intent: Intent, tx = this.nextTx++): Result {
    const state = this.lists.get(intent.list_id) ?? null;
    const to = intent.fields?.to_list;
    const outcome = decide(state, intent, {
      now: this.now,
      epoch: this.epoch,
      target: to === undefined ? null : (this.lists.get(to) ?? null),
      sees: (list) => this.sees(intent.actor_id, list) !== undefined,
    });
    if (outcome.refused === undefined && outcome.change) {
      this.commit(state, outcome.state!, outcome.change, tx);
      const { other } = outcome;
      if (other) this.commit(this.lists.get(other.state.id)!, other.state, other.change, tx);
      if (intent.kind === "purge") this.erase(intent.list_id, intent.item_id!);
    }
    return resultOf(outcome);
  }

  /** A member comes, goes (null) or gets another role. */
  member(list: Id, actor: Id, user: Id, role: Role | null, opId: Id, tx = this.nextTx++): void {
    const before = this.lists.get(list)!;
    const have = before.members.get(user);
    if (have === "owner" || role === (have ?? null) || before.list.deleted_at) return;
    const members = new Map(before.members);
    if (role) members.set(user, role);
    else members.delete(user);
    const change: Change = {
      revision: nextRevision(this.epoch, before.revision),
      op_id: opId,
      at: this.now > before.updated_at! ? this.now : before.updated_at!,
      actor_id: actor,
      client_id: null,
      kind: role ? (have ? "role" : "grant") : "revoke",
      status: "applied",
      effects: [
        {
          entity: "member",
          id: user,
          set: role && { role },
          previous: have ? { role: have } : null,
        },
      ],
    };
    const { revision, at: updated_at } = change;
    const log = [...before.log, change];
    this.commit(before, { ...before, revision, updated_at, members, log }, change, tx);
  }

  private commit(before: ListState | null, after: ListState, change: Change, tx: number): void {
    this.lists.set(after.id, after);
    this.tx.set(`${after.id} ${change.revision}`, tx);
    for (const user of new Set([...(before?.members.keys() ?? []), ...after.members.keys()])) {
      const isSeen = roleOf(after, user) !== undefined;
      if ((roleOf(before, user) !== undefined) === isSeen) continue;
      this.sight.set(
        user,
        (this.sight.get(user) ?? new Map<Id, Sight>()).set(after.id, { isSeen, tx }),
      );
    }
    this.watch(before, after, change);
  }

  private erase(list: Id, item: Id): void {
    const state = withoutContent(this.lists.get(list)!, item);
    const ops = new Map(state.ops);
    for (const change of state.log) {
      const done = change.item_id === item ? ops.get(change.op_id) : undefined;
      if (!done) continue;
      const { fields: _, ...result } = done.result;
      ops.set(change.op_id, { ...done, result });
    }
    this.lists.set(list, { ...state, ops });
    this.purged.push([list, item]);
  }

  // ---- reading

  sync(user: Id, body: SyncBody): SyncAnswer | Problem {
    if (body.user_id !== user) return { status: 409, code: "other_user" };
    const results: Record<Id, Result> = {};
    for (const op of body.ops ?? []) {
      const intent = { ...op, sync: true, actor_id: user, client_id: body.client_id };
      results[op.op_id] =
        op.kind !== "create-list" && op.base_revision === undefined
          ? { status: "refused", code: "invalid_request" }
          : this.execute(intent);
    }
    return { results, ...this.read(user, body.cursor, body.lists ?? {}) };
  }

  private txOf = (list: Id, change: Change): number => this.tx.get(`${list} ${change.revision}`)!;

  private read(user: Id, text: string | undefined, named: Record<Id, number>) {
    let cursor = text === undefined ? undefined : (JSON.parse(text) as Cursor);
    const reset = cursor && (cursor.epoch !== this.epoch || cursor.since <= this.cutTx);
    if (reset) cursor = undefined;
    const first = cursor?.first ?? Math.min(this.nextTx, ...this.open);
    const sight = this.sight.get(user) ?? new Map<Id, Sight>();
    const seen = [...sight.keys()].filter((id) => this.sees(user, id)).sort();
    const isNews = (id: Id) => !cursor || sight.get(id)!.tx >= cursor.since;
    const revoked = new Set(cursor ? [...sight.keys()].filter((id) => isNews(id)) : []);
    for (const id of Object.keys(named)) revoked.add(id);
    for (const id of seen) revoked.delete(id);
    const page = { lists: {} as Record<Id, Entry>, room: this.pageMax };
    let isHeld = false;
    for (const id of Object.keys(named).sort()) {
      if (!revoked.has(id) && !this.entry(page, id, named[id]!)) isHeld = true;
    }
    const at = cursor && !isHeld ? this.others(page, cursor, seen, named) : undefined;
    const { epoch } = this;
    let next: Cursor = { epoch, since: first };
    if (at) next = { epoch, since: cursor!.since, first, at };
    if (isHeld && cursor) next = cursor;
    return {
      cursor: JSON.stringify(next),
      lists: page.lists,
      granted: seen.filter(isNews).map((id) => this.rowOf(id)),
      revoked: [...revoked].sort(),
      has_more: isHeld || at !== undefined || cursor?.first !== undefined,
      ...(reset ? { reset: true } : {}),
    };
  }

  /** Lists that are not named and have changed since the cursor; where the page ends, if it does. */
  private others(
    page: { lists: Record<Id, Entry>; room: number },
    { since, at }: Cursor,
    seen: Id[],
    named: Record<Id, number>,
  ): [Id, number] | undefined {
    for (const id of seen) {
      if (id in named || (at && id < at[0])) continue;
      const state = this.lists.get(id)!;
      const n = state.log.findIndex((change) => this.txOf(id, change) >= since);
      if (n < 0) continue;
      const before = state.log[n - 1]?.revision ?? state.cut.revision;
      const from = Math.max(before, at?.[0] === id ? at[1] : 0);
      if (from >= state.revision) continue;
      if (page.room <= 0) return [id, 0];
      if (!this.entry(page, id, from)) {
        const entry = page.lists[id]!;
        return [id, entry.reset ? entry.revision : entry.changes.at(-1)!.revision];
      }
    }
    return undefined;
  }

  /** Adds what follows a revision, as far as there is room; false where it ends early. */
  private entry(page: { lists: Record<Id, Entry>; room: number }, id: Id, from: number): boolean {
    const state = this.lists.get(id)!;
    const { revision, cut } = state;
    const isInLog = from === cut.revision || state.log.some((change) => change.revision === from);
    const changes = changesAfter(state, from);
    const isOther = from !== 0 && epochOf(from) !== epochOf(revision);
    if (!isInLog || isOther || changes.length > this.resetOver) {
      page.lists[id] = { revision, reset: true, list: this.wholeOf(id) };
      page.room--;
      return true;
    }
    if (changes.length && page.room <= 0) return false;
    page.lists[id] = { revision, changes: changes.slice(0, Math.max(0, page.room)) };
    const isWhole = changes.length <= page.room;
    page.room -= Math.min(changes.length, page.room);
    return isWhole;
  }

  private rowOf(id: Id): ListRow {
    const { list, revision, updated_at } = this.lists.get(id)!;
    return { id, ...list, revision, updated_at: updated_at! };
  }
  private wholeOf(id: Id): WholeList {
    const { members, items } = viewOf(this.lists.get(id)!);
    return { ...this.rowOf(id), members, items };
  }

  // ---- operation

  /** Of each log only the newest changes stay. */
  retain(keep: number): void {
    for (const [id, state] of this.lists) {
      const gone = state.log.slice(0, Math.max(0, state.log.length - keep));
      const last = gone.at(-1);
      if (!last) continue;
      const log = state.log.slice(gone.length);
      const ops = new Map([...state.ops].filter(([op]) => log.some((each) => each.op_id === op)));
      this.lists.set(id, { ...state, log, ops, cut: { revision: last.revision, at: last.at } });
      this.cutTx = Math.max(this.cutTx, ...gone.map((change) => this.txOf(id, change)));
    }
    for (const rows of this.sight.values()) {
      for (const [id, row] of rows) if (!row.isSeen && row.tx <= this.cutTx) rows.delete(id);
    }
  }

  backup(): () => void {
    const { lists, sight, tx, nextTx, cutTx } = structuredClone({
      lists: this.lists,
      sight: this.sight,
      tx: this.tx,
      nextTx: this.nextTx,
      cutTx: this.cutTx,
    });
    return () => {
      Object.assign(this, { lists, sight, tx, nextTx, cutTx, open: new Set() });
      this.epoch++;
    };
  }

  /** Erases again what was purged since an older copy was made. */
  replayPurges(newId: () => Id): void {
    for (const [list_id, item_id] of [...this.purged]) {
      const state = this.lists.get(list_id);
      if (!state?.items.has(item_id)) continue;
      const [owner] = [...state.members].find(([, role]) => role === "owner")!;
      const { deleted_at } = state.list;
      // In a trashed list, too.
      this.lists.set(list_id, { ...state, list: { ...state.list, deleted_at: null } });
      const op = { op_id: newId(), list_id, item_id, kind: "purge" as const };
      this.execute({ ...op, actor_id: owner, client_id: null });
      const after = this.lists.get(list_id)!;
      this.lists.set(list_id, { ...after, list: { ...after.list, deleted_at } });
    }
  }
}
