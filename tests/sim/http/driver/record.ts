/** All that was answered to anybody, held against what was answered before. */
import type {
  Change,
  Entry,
  Id,
  ListRow,
  Op,
  Result,
  SyncAnswer,
  SyncBody,
  WholeList,
} from "../../../../web/src/sync/types";
import { countOf } from "../../../../web/src/sync/types";

/** The same text for the same value. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each && typeof each === "object" && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

export class Broken extends Error {}

export function need(holds: unknown, what: string, ...more: unknown[]): asserts holds {
  if (!holds) throw new Broken([what, ...more.map(shortly)].join(" "));
}

const SHORT = 3_000;

function shortly(value: unknown): string {
  const isPart = (key: string) => !["headers", "json", "answers", "first"].includes(key);
  const text =
    JSON.stringify(value, (key, each: unknown) => (isPart(key) ? each : undefined)) ?? "";
  return text.length > SHORT ? `${text.slice(0, SHORT)}...` : text;
}

export type Counts = Record<string, number>;

/** Somebody was sent something of a list. */
export interface Sighting {
  user: Id;
  list: Id;
  revision: number;
  began: number;
  ended: number;
  how: string;
}

interface First {
  op: Op;
  result: Result;
  at: number;
}

const TAKEN = ["applied", "merged", "overridden", "skipped"];
const REFUSALS = [
  "not_found",
  "forbidden",
  "list_trashed",
  "id_taken",
  "op_expired",
  "op_id_reused",
  "item_moved",
  "purged",
  "invalid_request",
  "invalid_neighbour",
  "list_full",
  "revision_expired",
  "revision_ahead",
  "not_revertible",
];
/** What a repeat may be told once the first was done: the rest comes after repeats are known. */
const AFTER_FIRST = ["not_found", "op_expired", "id_taken"];

export class Record_ {
  readonly counts: Counts = {};
  /** By list and revision; what was first told. */
  readonly changes = new Map<Id, Map<number, Change>>();
  readonly first = new Map<Id, First>();
  /** Ops as they were first sent. */
  readonly sent = new Map<Id, Op>();
  readonly sightings: Sighting[] = [];
  /** Items of which a purge was asked for. */
  readonly purged = new Set<Id>();

  count(what: string, n = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + n;
  }

  // ---- sync

  takeSync(
    user: Id,
    body: SyncBody,
    answer: SyncAnswer,
    when: { began: number; ended: number },
  ): void {
    const { cursor, results, lists, granted, revoked, has_more } = answer;
    need(
      typeof cursor === "string" && typeof has_more === "boolean",
      "no cursor or has_more",
      answer,
    );
    const asked = (body.ops ?? []).map((op) => op.op_id).sort();
    need(canonical(Object.keys(results).sort()) === canonical(asked), "results of", asked, results);
    for (const op of body.ops ?? []) this.takeResult(op, results[op.op_id]!, when);
    const gone = new Set(revoked);
    for (const [id, entry] of Object.entries(lists)) {
      need(!gone.has(id), "an entry of a revoked list", id);
      this.takeEntry(id, entry, body.lists?.[id], has_more);
      this.sightings.push({
        user,
        list: id,
        revision: entry.revision,
        ...when,
        how: "entry",
      });
    }
    for (const row of granted) {
      need(!gone.has(row.id), "granted and revoked", row.id);
      this.takeRow(row);
      this.sightings.push({
        user,
        list: row.id,
        revision: row.revision,
        ...when,
        how: "granted",
      });
    }
    for (const id of Object.keys(body.lists ?? {})) {
      need(has_more || id in lists || gone.has(id), "a named list without an entry", id, answer);
    }
    this.count(answer.reset ? "sync: reset" : "sync");
    if (has_more) this.count("sync: has_more");
  }

  /** A copy of a store had sent it before, and had seen more or less of the list. */
  private isRebased(op: Op): boolean {
    const sent = this.sent.get(op.op_id);
    const bare = (each: Op) => canonical({ ...each, base_revision: 0 });
    return !!sent && sent.base_revision !== op.base_revision && bare(sent) === bare(op);
  }

  private takeResult(op: Op, result: Result, when: { began: number; ended: number }): void {
    const before = this.first.get(op.op_id);
    this.count(result.status === "refused" ? `refused ${result.code}` : result.status);
    if (result.status === "refused") {
      need(REFUSALS.includes(result.code!), "refused", op, result);
      if (result.code === "op_id_reused") {
        need(this.isRebased(op), "its own op is called another's", op, result);
        return this.count("sent by two copies with two bases");
      }
      // What was decided before may be told after.
      const isLater = before !== undefined && when.began > before.at;
      need(!isLater || AFTER_FIRST.includes(result.code!), "first", before, "then", result, when);
      return;
    }
    need(TAKEN.includes(result.status), "status", op, result);
    need(typeof result.revision === "number", "no revision", op, result);
    if (!before) {
      this.first.set(op.op_id, { op, result, at: when.ended });
      return;
    }
    this.count("repeats answered");
    const isErased = op.item_id !== undefined && this.purged.has(op.item_id);
    const bare = ({ fields, ...rest }: Result) => (isErased ? rest : { fields, ...rest });
    need(
      canonical(bare(before.result)) === canonical(bare(result)),
      "the repeat of",
      op,
      "got",
      result,
      "the first",
      before.result,
    );
  }

  private takeEntry(id: Id, entry: Entry, named: number | undefined, has_more: boolean): void {
    if (entry.reset) {
      need(entry.list.id === id && entry.list.revision === entry.revision, "reset of", id, entry);
      this.count("entry: reset");
      return;
    }
    this.takeChanges(id, entry.changes);
    const last = entry.changes.at(-1)?.revision;
    if (named !== undefined && entry.changes[0]) {
      const first = countOf(entry.changes[0].revision);
      need(first === countOf(named) + 1, "named at", named, "the first is", first, id);
    }
    if (has_more) return;
    need(last === undefined || last === entry.revision, "ends at", last, "of", entry.revision, id);
    need(
      last !== undefined || named === undefined || named === entry.revision,
      "nothing of",
      id,
      entry,
    );
  }

  /** Changes that were told one after the other. */
  takeChanges(list: Id, changes: readonly Change[]): void {
    let before: Change | undefined;
    for (const change of changes) {
      if (before) {
        need(
          countOf(change.revision) === countOf(before.revision) + 1,
          "a gap",
          list,
          change.revision,
        );
        need(change.at >= before.at, "time runs backwards", list, change.revision);
      }
      this.takeChange(list, change);
      before = change;
    }
  }

  private takeChange(list: Id, change: Change): void {
    const known = this.changes.get(list) ?? new Map<number, Change>();
    this.changes.set(list, known);
    const before = known.get(change.revision);
    if (!before) this.count("changes");
    if (before && canonical(before) !== canonical(change)) {
      const ids = [change.item_id, ...change.effects.map((effect) => effect.id)];
      need(
        ids.some((id) => id !== undefined && this.purged.has(id)),
        "was told as",
        before,
        "and as",
        change,
      );
    }
    known.set(change.revision, change);
  }

  private takeRow(row: ListRow): void {
    need(!("items" in row) && !("members" in row), "a granted list has its items", row);
  }

  takeWhole(user: Id, whole: WholeList, when: { began: number; ended: number }): void {
    this.sightings.push({
      user,
      list: whole.id,
      revision: whole.revision,
      ...when,
      how: "GET",
    });
  }

  // ---- at the end

  /** Each op that was acknowledged stands in the log once, where its result says. */
  checkAcknowledged(cuts: Map<Id, number>): void {
    const where = new Map<Id, { list: Id; change: Change }[]>();
    for (const [list, changes] of this.changes) {
      for (const change of changes.values()) {
        const all = where.get(change.op_id) ?? [];
        where.set(change.op_id, [...all, { list, change }]);
      }
    }
    for (const { op, result } of this.first.values()) {
      const found = (where.get(op.op_id) ?? []).filter(({ list }) => list === op.list_id);
      const isForgotten = found.length === 0 && (cuts.get(op.list_id) ?? 0) >= result.revision!;
      if (isForgotten) {
        this.count("acknowledged, past retention");
        continue;
      }
      need(found.length === 1, "acknowledged", op, result, "stands in the log", found.length);
      const { change } = found[0]!;
      need(change.revision === result.revision, "told", result, "is", change.revision, op);
      need(
        change.status === result.status && change.kind === op.kind,
        "told",
        result,
        "is",
        change,
      );
      this.count("acknowledged ops in the log");
      if (result.status === "overridden") this.checkOverridden(op, result, change);
    }
    for (const all of where.values()) {
      need(all.length === new Set(all.map(({ list }) => list)).size, "an op twice in a log", all);
      const isMove = all.length === 2 && all.every(({ change }) => change.kind === "transfer");
      need(all.length === 1 || isMove, "an op in several logs", all);
      if (isMove) this.count("transfers in both logs");
    }
  }

  private checkOverridden(op: Op, result: Result, change: Change): void {
    if (op.item_id !== undefined && this.purged.has(op.item_id)) return;
    const told = Object.keys(result.fields ?? {});
    need(told.length > 0, "overridden, and nothing is told", op, result);
    for (const key of told) {
      const wanted = (op.fields as Record<string, unknown>)[key];
      const kept = (change.overridden as Record<string, unknown> | undefined)?.[key];
      need(canonical(kept) === canonical(wanted), "the overridden value is lost", op, change);
    }
    this.count("overridden values kept");
  }

  /**
   * Whoever was sent something of a list saw it: at the revision that was sent, and at some time
   * between the request (less what another process may be behind) and the answer.
   */
  checkSight(behind: number): void {
    const lists = new Map<Id, Change[]>();
    for (const [list, changes] of this.changes) {
      lists.set(
        list,
        [...changes.values()].sort((a, b) => a.revision - b.revision),
      );
    }
    const sights = new Map<string, Sight[]>();
    for (const each of this.sightings) {
      const key = `${each.list} ${each.user}`;
      const sight = sights.get(key) ?? sightOf(lists.get(each.list) ?? [], each.user);
      sights.set(key, sight);
      const at = sight.filter((one) => one.revision <= each.revision).at(-1);
      if (!at || at.sees === undefined) {
        this.count("sightings not judged");
        continue;
      }
      need(at.sees, "sent at a revision at which it was not seen", each, at);
      const from = each.began - behind;
      const during = sight.filter(
        (one, n) => one.at <= each.ended && (sight[n + 1]?.at ?? Infinity) >= from,
      );
      need(
        during.some((one) => one.sees !== false),
        "sent while it was not seen",
        each,
        during,
      );
      const strictly = sight.filter(
        (one, n) => one.at <= each.ended && (sight[n + 1]?.at ?? Infinity) >= each.began,
      );
      if (!strictly.some((one) => one.sees !== false)) this.count("sent up to a second late");
      this.count("sightings");
    }
  }
}

interface Sight {
  revision: number;
  at: number;
  /** undefined: not known. */
  sees: boolean | undefined;
}

/** From when on somebody sees a list, and does not: from its log, where that has no gap. */
function sightOf(changes: readonly Change[], user: Id): Sight[] {
  const sights: Sight[] = [];
  let role: string | undefined;
  let isTrashed = false;
  let isKnown = false;
  let before = 0;
  for (const { revision, at, effects } of changes) {
    isKnown = countOf(revision) === 1 || (isKnown && revision === before + 1);
    before = revision;
    for (const { entity, id, set } of effects) {
      if (entity === "member" && id === user) role = set?.role;
      if (entity === "list" && set && "deleted_at" in set) isTrashed = set.deleted_at !== null;
    }
    const sees = isKnown ? role === "owner" || (role !== undefined && !isTrashed) : undefined;
    if (sights.at(-1)?.sees === sees && sights.length) continue;
    sights.push({ revision, at: Date.parse(at), sees });
  }
  return sights;
}
