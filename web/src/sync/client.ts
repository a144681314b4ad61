/**
 * An offline client: what it holds of its user's lists, the ops that have no answer yet, and what
 * both come to. Pure: it asks nobody. Whoever owns it carries `request()` to `POST /v1/sync` and the
 * answer to `receive()`, whenever it likes, lost answers and repeats included:
 *
 *     const client = new SyncClient({ user_id, newId, now: () => new Date().toISOString() });
 *     client.make({ list_id, kind: "add", item_id, fields: { text: "milk" } }); // Shows at once.
 *     client.view(list_id)?.items;
 *     do {
 *       const body = client.request();
 *       client.receive(body, await post("/v1/sync", body)); // A problem document is fine, too.
 *     } while (!client.isSettled && !client.stopped);
 *     store(client.save());
 *
 * - `view` is what is confirmed with the pending ops decided on top of it, by the rules that the
 *   service has. When nobody interferes it is what comes back: nothing jumps.
 * - `notices` are ops that did not do what was meant: refused, or overridden by what another client
 *   did first. `bringIn` makes the op anew where that can help, `forget` drops the notice.
 * - `load(text, { copied: true })` continues a store that was copied or restored: it is a local store
 *   of its own, but ops that were made before keep the `client_id` they were made under.
 *
 * Everything that is handed out is never changed: a new value is another object.
 */
import { afterEntry, NO_REVISION, trimmed, type Want } from "./held";
import { utf8Bytes } from "./limits";
import { anew, withoutValues, type NewOp, type Notice } from "./notices";
import { baseOf, predict, type Pending, type States } from "./predict";
import { load, save, type Saved } from "./save";
import { roleOf, viewOf, type ListState, type View } from "./state";
import type { Id, Op, Problem, Result, SyncAnswer, SyncBody, Time } from "./types";

export interface Surroundings {
  /** A new UUID at each call. */
  newId: () => Id;
  now: () => Time;
}

export interface Received {
  /** Ops that have an answer now. */
  results: Notice[];
  /** Lists of which something else is held than before. */
  changed: Id[];
}

export const OPS_MAX = 100;
/** Of a body of 1 MiB: the rest is for the names of lists. */
const OPS_BYTES_MAX = 700 * 1024;

export class SyncClient {
  readonly user_id: Id;
  readonly client_id: Id;
  private cursor: string | undefined;
  private held = new Map<Id, ListState>();
  private wants = new Map<Id, Want>();
  private queue: readonly Pending[] = [];
  private told: readonly Notice[] = [];
  private hasMore = true;
  /** Cursors since something new was told. */
  private seen = new Set<string>();
  private opsMax = OPS_MAX;
  private stop: string | undefined;
  private predictions: States | undefined;
  private views = new WeakMap<ListState, View>();

  private readonly around: Surroundings;

  constructor(options: { user_id: Id; client_id?: Id } & Surroundings) {
    this.around = options;
    this.user_id = options.user_id;
    this.client_id = options.client_id ?? options.newId();
  }

  // ---- what it holds

  /** Lists that the user sees, those in the user's trash included. */
  get lists(): Id[] {
    const seen = [...this.predicted.values()].filter((state) => roleOf(state, this.user_id));
    return seen.map((state) => state.id).sort();
  }
  /** A list as it is when what is pending is done. */
  view(list: Id): View | undefined {
    return this.viewOf(this.predicted.get(list));
  }
  /** A list as the service told it. */
  confirmed(list: Id): View | undefined {
    return this.viewOf(this.held.get(list));
  }
  /** What is known of it besides the view, likewise when what is pending is done: trash, log. */
  state(list: Id): ListState | undefined {
    return this.predicted.get(list);
  }
  /** Ops without an answer, in the order they were made. */
  get pending(): readonly Op[] {
    return this.queue.filter((each) => !each.result).map((each) => each.op);
  }
  get notices(): readonly Notice[] {
    return this.told;
  }
  /** Whether there is nothing to send and nothing to ask for, as of the last answer. */
  get isSettled(): boolean {
    return !this.hasMore && this.wants.size === 0 && this.queue.length === 0;
  }
  /** Why there is nothing more to ask: `other_user`, this store is not the caller's. */
  get stopped(): string | undefined {
    return this.stop;
  }

  // ---- what is done to it

  /** Makes an op: it shows at once, and goes with the next request. */
  make({ list_id, kind, item_id, fields }: NewOp): Op {
    const base_revision = this.held.get(list_id)?.revision ?? 0;
    const inherited = this.queue
      .filter((each) => each.op.list_id === list_id && each.client_id !== this.client_id)
      .map((each) => each.op.op_id);
    const item = item_id ?? (kind === "add" ? this.around.newId() : undefined);
    const op: Op = {
      op_id: this.around.newId(),
      list_id,
      kind,
      ...(kind === "create-list" ? {} : { base_revision }),
      ...(item === undefined ? {} : { item_id: item }),
      ...(fields ? { fields } : {}),
    };
    const pending: Pending = {
      op,
      client_id: this.client_id,
      made_at: this.around.now(),
      sent: false,
      ...(inherited.length ? { inherited } : {}),
    };
    this.queue = [...this.queue, pending];
    if (this.predictions) this.predictions = predict(this.predictions, pending, this.user_id);
    return op;
  }

  /**
   * Makes an op anew that was overridden (only the values that were), came too late, or whose item
   * has moved to another list. Undefined where that does not help.
   */
  bringIn(opId: Id): Op | undefined {
    const notice = this.told.find((each) => each.op.op_id === opId);
    const again = notice && anew(notice);
    if (!again) return undefined;
    this.forget(opId);
    return this.make(again);
  }

  forget(opId: Id): void {
    this.told = this.told.filter((each) => each.op.op_id !== opId);
  }

  // ---- sync

  /** The body of the next `POST /v1/sync`. Its ops have then been sent, for all that is known. */
  request(opsMax = OPS_MAX): SyncBody {
    const ops: Op[] = [];
    let bytes = 0;
    let client_id: Id | undefined;
    for (const [n, { op, client_id: maker, result, inherited }] of this.queue.entries()) {
      if (result) continue;
      const waits = this.queue.slice(0, n).some((each) => inherited?.includes(each.op.op_id));
      bytes += utf8Bytes(JSON.stringify(op));
      const isMore = ops.length >= Math.min(opsMax, this.opsMax) || maker !== (client_id ?? maker);
      if (waits || isMore || (ops.length && bytes > OPS_BYTES_MAX)) break;
      client_id = maker;
      ops.push(op);
    }
    const ids = new Set(ops.map((op) => op.op_id));
    this.queue = this.queue.map((each) =>
      ids.has(each.op.op_id) ? { ...each, sent: true } : each,
    );
    const names = [...this.wants].map(([id, want]): [Id, number] => [
      id,
      want === "anew" ? NO_REVISION : (this.held.get(id)?.revision ?? 0),
    ]);
    return {
      user_id: this.user_id,
      client_id: client_id ?? this.client_id,
      ...(this.cursor === undefined ? {} : { cursor: this.cursor }),
      ...(names.length ? { lists: Object.fromEntries(names) } : {}),
      ...(ops.length ? { ops } : {}),
    };
  }

  /** The next answer is to tell all that the user sees, as the first did. */
  startAnew(): void {
    this.cursor = undefined;
    this.hasMore = true;
  }

  /** Takes in what was answered to a body that `request()` gave. */
  receive(body: SyncBody, answer: SyncAnswer | Problem): Received {
    if (!("results" in answer)) return this.receiveProblem(body, answer);
    this.opsMax = OPS_MAX;
    const before = new Map(this.held);
    const results = this.take(answer.results);
    // An answer to an older request goes back behind the cursor: of it only the results are news.
    if (body.cursor === this.cursor) this.read(body, answer);
    this.raiseBases();
    this.trim();
    this.predictions = undefined;
    const ids = new Set([...before.keys(), ...this.held.keys()]);
    return { results, changed: [...ids].filter((id) => before.get(id) !== this.held.get(id)) };
  }

  /** The store as a text, for `load`. */
  save(): string {
    const { user_id, client_id, cursor, held, wants, queue, told } = this;
    return save({ user_id, client_id, cursor, held, wants, queue, told });
  }

  /** `copied`: the text may go on in another place, too, or is older than what was sent. */
  static load(text: string, options: { copied?: boolean } & Surroundings): SyncClient {
    const { user_id, client_id: saved, ...rest }: Saved = load(text);
    const client_id = options.copied ? options.newId() : saved;
    return Object.assign(new SyncClient({ ...options, user_id, client_id }), rest);
  }

  private get predicted(): States {
    this.predictions ??= this.queue.reduce<States>(
      (states, pending) => predict(states, pending, this.user_id),
      this.held,
    );
    return this.predictions;
  }

  private viewOf(state: ListState | undefined): View | undefined {
    if (!state) return undefined;
    const view = this.views.get(state) ?? viewOf(state);
    this.views.set(state, view);
    return view;
  }

  private take(results: Record<Id, Result>): Notice[] {
    const taken: Notice[] = [];
    this.queue = this.queue.flatMap((each) => {
      const result = results[each.op.op_id];
      if (!result || each.result) return [each];
      // Two copies of a store may have sent it with different bases, when one of them was told the list
      // as a whole: whichever came first has done it.
      if (result.code === "op_id_reused" && each.inherited) return [];
      taken.push({ op: each.op, result });
      return result.status === "refused" ? [] : [{ ...each, result }];
    });
    const isNews = ({ result }: Notice) =>
      result.status === "refused" || (result.status === "overridden" && result.fields);
    this.told = [...this.told, ...taken.filter(isNews)];
    return taken;
  }

  private read(body: SyncBody, answer: SyncAnswer): void {
    const { granted, revoked, lists } = answer;
    const before = new Map(this.held);
    if (answer.reset || body.cursor === undefined) {
      const seen = new Set(granted.map((list) => list.id));
      for (const id of [...this.held.keys(), ...this.wants.keys()]) {
        if (!seen.has(id)) this.drop(id);
        else if (!this.wants.has(id)) this.wants.set(id, "more");
      }
    }
    for (const id of revoked) this.drop(id);
    for (const { id } of granted) if (!this.held.has(id)) this.wants.set(id, "more");
    const anew = new Set<Id>();
    for (const [id, entry] of Object.entries(lists)) {
      const held = this.held.get(id) ?? null;
      const { state, want } = afterEntry(held, id, entry, body.lists?.[id]);
      if (state) this.held.set(id, state);
      if (state && entry.reset && !want) anew.add(id);
      if (want) this.wants.set(id, want);
      else this.wants.delete(id);
    }
    const isNews = [...before].some(([id, state]) => this.held.get(id) !== state);
    this.turnPage(answer, isNews || before.size !== this.held.size);
    this.cursor = answer.cursor;
    this.settle(anew);
    this.told = this.told.map((notice) => (this.isPurged(notice) ? withoutValues(notice) : notice));
  }

  private isPurged({ op }: Notice): boolean {
    const gone = op.item_id && this.held.get(op.list_id)?.gone.get(op.item_id);
    return gone ? gone.how === "purged" : false;
  }

  /**
   * Whether to ask again at once. Several pages that end where they began and told nothing new are
   * all there is for now: something there is still under way, and would be asked for without end.
   */
  private turnPage(answer: SyncAnswer, isNews: boolean): void {
    if (isNews || !answer.has_more) this.seen.clear();
    this.hasMore = answer.has_more && !this.seen.has(answer.cursor);
    this.seen.add(answer.cursor);
  }

  /** Ops that are done leave when what is held shows them: until then they are predicted. */
  private settle(anew: Set<Id>): void {
    this.queue = this.queue.filter(({ op, result }) => {
      if (!result) return true;
      const lists = [op.list_id, ...(op.fields?.to_list ? [op.fields.to_list] : [])];
      if (!this.hasMore && !lists.some((id) => this.wants.has(id))) return false;
      const held = this.held.get(op.list_id);
      const shows = anew.has(op.list_id) || (held && held.revision >= (result.revision ?? 0));
      const to = op.fields?.to_list && this.held.get(op.fields.to_list);
      return !shows || (to && !to.log.some((change) => change.op_id === op.op_id));
    });
  }

  private drop(list: Id): void {
    this.held.delete(list);
    this.wants.delete(list);
    const isLost = ({ op }: Pending) => op.list_id === list && op.kind !== "create-list";
    const lost = this.queue.filter((each) => isLost(each) && !each.result);
    this.queue = this.queue.filter((each) => !isLost(each));
    const result: Result = { status: "refused", code: "not_found" };
    this.told = [...this.told, ...lost.map(({ op }) => ({ op, result }))];
  }

  /** Of ops that have not been sent. */
  private raiseBases(): void {
    this.queue = this.queue.map((each) => {
      const { op, sent, inherited } = each;
      const state = this.held.get(op.list_id);
      if (sent || !inherited || !state || op.base_revision === undefined) return each;
      return { ...each, op: { ...op, base_revision: baseOf(each, state) } };
    });
  }

  private trim(): void {
    for (const [id, state] of this.held) {
      const bases = this.queue
        .filter((each) => each.op.list_id === id)
        .map((each) => each.op.base_revision ?? 0);
      this.held.set(id, trimmed(state, Math.min(...bases, state.revision)));
    }
  }

  private receiveProblem(body: SyncBody, problem: Problem): Received {
    const results: Record<Id, Result> = {};
    if (problem.code === "other_user") this.stop = problem.code;
    if (problem.status === 413) this.opsMax = Math.max(1, (body.ops?.length ?? 0) >> 1);
    if (problem.status === 422) {
      for (const { pointer, code } of problem.errors ?? []) {
        const bad = /^\/ops\/(\d+)(\/|$)/.exec(pointer)?.[1];
        const op = bad === undefined ? undefined : body.ops?.[Number(bad)];
        if (op) results[op.op_id] = { status: "refused", code: problem.code, detail: code };
        if (pointer === "/cursor" && body.cursor === this.cursor) this.cursor = undefined;
      }
    }
    const taken = this.take(results);
    if (taken.length) this.predictions = undefined;
    return { results: taken, changed: [] };
  }
}
