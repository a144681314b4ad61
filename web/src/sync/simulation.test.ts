// @vitest-environment node
import { expect, test } from "vitest";
import { apply, unapply } from "./apply";
import { SyncClient } from "./client";
import type { Intent } from "./decide";
import type { NewOp } from "./notices";
import { NOTHING, viewOf, type ListState, type View } from "./state";
import { below, idOf, oneOf, randomOf, Service, timeOf, type Random } from "./testing";
import type { Change, Id, Op, OpFields, OpKind, Result, SyncAnswer, SyncBody } from "./types";

// Clients of a few people against a service: ops of all kinds, lost and late messages, repeats, pages,
// members who come and go, copies of stores, retention, an older copy of the database. It is checked
// throughout that changes tell all, forwards and backwards, that nothing predicted jumps, and at the
// end that all hold what the service holds and that each op was done once.

const SEEDS = Number(process.env.SYNC_SEEDS ?? 40);
const FROM = Number(process.env.SYNC_FROM ?? 1);
const STEPS = 250;
const USERS = 3;
const CLIENTS = 6;

interface Late {
  tx: number;
  ops: Intent[];
}

/** What two views must agree in when nobody interfered: not times, which the service tells. */
function shown(view: View | undefined): unknown {
  const untimed = (key: string, value: unknown) =>
    key.endsWith("_at") && typeof value === "string" ? "then" : key === "revision" ? 0 : value;
  return JSON.parse(JSON.stringify(view ?? null, untimed)) as unknown;
}

class Simulation {
  private readonly random: Random;
  private readonly service: Service;
  private clients: SyncClient[] = [];
  private n = 0;
  private late: Late[] = [];
  private offline = new Set<number>();
  private copies = new Map<number, string>();
  private restore: (() => void) | undefined;
  /** Ops of which a client was told that they are done. */
  private done = new Map<string, { op: Op; result: Result }>();
  readonly count = new Map<string, number>();

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.service = new Service(this.any([5, 15, 2000]), this.any([12, 60, 2000]));
    this.service.watch = (before, after, change) => this.checkChange(before, after, change);
    for (let n = 0; n < CLIENTS; n++) {
      const user_id = idOf("a", n % USERS);
      this.clients.push(
        new SyncClient({ user_id, newId: this.newId, now: () => this.service.now }),
      );
    }
  }

  private any = <T>(from: readonly T[]): T => oneOf(this.random, from);
  private maybe = (share: number): boolean => this.random() < share;
  private newId = (): Id => idOf("b", ++this.n);
  private tally = (what: string): void => {
    this.count.set(what, (this.count.get(what) ?? 0) + 1);
  };

  private checkChange(before: ListState | null, after: ListState, change: Change): void {
    this.tally(change.status);
    const was = before && viewOf(before);
    const now = apply(was, change);
    expect(now).toEqual(viewOf(after));
    const touched = new Set(change.effects.map((effect) => effect.id));
    const back = unapply(now, change, was ?? NOTHING);
    if (change.kind === "purge") return; // Its content is nowhere.
    expect(back).toEqual(
      was && {
        ...was,
        items: was.items.map((item) =>
          touched.has(item.id) ? { ...item, revision: 0, updated_at: null } : item,
        ),
      },
    );
    const ids = new Set(now.items.filter((item) => item.parent_id === null).map((item) => item.id));
    for (const { parent_id } of now.items)
      expect(parent_id === null || ids.has(parent_id)).toBe(true);
  }

  // ---- ops

  private invent(client: SyncClient): NewOp | undefined {
    const lists = client.lists;
    if (this.maybe(lists.length ? 0.02 : 0.3)) {
      return { list_id: this.newId(), kind: "create-list", fields: { title: this.text() } };
    }
    if (lists.length === 0) return undefined;
    const list_id = this.any(lists.slice(0, 3));
    const state = client.state(list_id)!;
    const live = client.view(list_id)!.items.map((item) => item.id);
    const trash = [...state.items.values()]
      .filter((item) => item.deleted_at)
      .map((item) => item.id);
    const kind = this.anyKind();
    const item_id = live.length && this.maybe(0.93) ? this.any(live) : this.any([...trash, ""]);
    if (kind === "add") {
      const parent = live.length && this.maybe(0.3) ? { parent_id: this.any(live) } : {};
      return { list_id, kind, fields: { text: this.text(), ...parent, ...this.place(live) } };
    }
    if (kind === "set-list") {
      const fields = this.maybe(0.7) ? { title: this.text() } : { archived: this.maybe(0.5) };
      return { list_id, kind, fields };
    }
    if (kind === "clear-done" || kind === "remove-list" || kind === "restore-list") {
      return { list_id, kind };
    }
    if (kind === "restore")
      return trash.length ? { list_id, kind, item_id: this.any(trash) } : undefined;
    if (kind === "revert") {
      const back = Math.max(state.revision - below(this.random, 10), 0);
      if (this.maybe(0.3)) return { list_id, kind, fields: { to_revision: back } };
      const ops = state.log.slice(-20).map((change) => change.op_id);
      return ops.length ? { list_id, kind, fields: { revert_op: this.any(ops) } } : undefined;
    }
    if (!item_id) return undefined;
    if (kind === "set") return { list_id, kind, item_id, fields: this.someFields(live) };
    if (kind === "move") {
      const others = [...live.filter((id) => id !== item_id), ...trash.slice(-2)];
      return { list_id, kind, item_id, fields: { before: null, ...this.place(others) } };
    }
    if (kind === "transfer") {
      return { list_id, kind, item_id, fields: { to_list: this.any(lists), ...this.place(live) } };
    }
    return { list_id, kind, item_id };
  }

  private anyKind(): OpKind {
    const shares: [OpKind, number][] = [
      ["add", 24],
      ["set", 30],
      ["move", 14],
      ["remove", 8],
      ["restore", 7],
      ["clear-done", 3],
      ["transfer", 5],
      ["revert", 6],
      ["set-list", 2],
      ["remove-list", 0.6],
      ["restore-list", 1.5],
    ];
    let at = this.random() * shares.reduce((sum, [, share]) => sum + share, 0);
    return (shares.find(([, share]) => (at -= share) < 0) ?? shares[0]!)[0];
  }

  private text = (): string => `t${++this.n}`;

  private place(ids: Id[]): OpFields {
    if (ids.length === 0 || this.maybe(0.3)) return {};
    const neighbour = this.any([...ids, null]);
    return this.maybe(0.5) ? { after: neighbour, before: undefined } : { before: neighbour };
  }

  private someFields(live: Id[]): OpFields {
    const fields: OpFields = {};
    for (let n = this.any([1, 1, 2, 3]); n > 0; n--) {
      const parent = live.length && this.maybe(0.6) ? this.any(live) : null;
      Object.assign(
        fields,
        this.any([
          { text: this.text() },
          { done: this.maybe(0.7) },
          { done: this.maybe(0.7) },
          { note: this.any(["", "n"]) },
          { due: this.any([null, { date: "2026-02-03" }]) },
          { labels: this.any([[], ["a"], ["a", "b"]]) },
          { parent_id: parent },
        ]),
      );
    }
    return fields;
  }

  // ---- talking

  private ask(client: SyncClient, opsMax: number): SyncBody {
    // As over the wire: undefined members are none, and nothing is shared.
    const body = JSON.parse(JSON.stringify(client.request(opsMax))) as SyncBody;
    const old = [...this.done.values()].filter((each) => each.op.op_id in this.made(client));
    if (old.length && this.maybe(0.2)) body.ops = [this.any(old).op, ...(body.ops ?? [])];
    return body;
  }
  /** Ops are repeated by whoever made them. */
  private makers = new Map<SyncClient, Record<Id, true>>();
  private made(client: SyncClient): Record<Id, true> {
    const made = this.makers.get(client) ?? {};
    this.makers.set(client, made);
    return made;
  }

  private sync(client: SyncClient): void {
    const body = this.ask(client, this.any([0, 1, 3, 100, 100]));
    const how = this.random();
    if (how < 0.08) return;
    if (how < 0.16) {
      const { client_id } = body;
      const ops = (body.ops ?? []).map((op): Intent => ({
        ...op,
        sync: true,
        actor_id: client.user_id,
        client_id,
      }));
      this.late.push({ tx: this.service.begin(), ops });
      return;
    }
    const answer = this.answer(client, body);
    if (how > 0.3) this.receive(client, body, answer);
  }

  private answer(client: SyncClient, body: SyncBody): SyncAnswer {
    const answer = this.service.sync(client.user_id, body);
    if (!("results" in answer)) throw new Error(answer.code);
    for (const id of [...Object.keys(answer.lists), ...answer.granted.map((list) => list.id)]) {
      expect(this.service.sees(client.user_id, id)).toBeDefined();
    }
    return JSON.parse(JSON.stringify(answer)) as SyncAnswer;
  }

  private receive(client: SyncClient, body: SyncBody, answer: SyncAnswer): void {
    const expected = this.expectedOf(client, body, answer);
    const { results } = client.receive(body, answer);
    for (const { op, result } of results) {
      this.tally(result.status === "refused" ? result.code! : `told ${result.status}`);
      expect(result.code).not.toBe("op_id_reused");
      if (result.status === "refused") continue;
      this.done.set(`${op.list_id} ${op.op_id}`, { op, result });
      this.made(client)[op.op_id] = true;
    }
    for (const [list, view] of expected) {
      this.tally("predictions");
      expect(shown(client.view(list))).toEqual(view);
    }
  }

  /** What is to be seen after an answer: where all that is new is the client's own, the same. */
  private expectedOf(client: SyncClient, body: SyncBody, answer: SyncAnswer): [Id, unknown][] {
    if (answer.reset || answer.has_more || body.cursor === undefined) return [];
    if (Object.values(answer.results).some(({ status }) => status === "refused")) return [];
    return Object.entries(answer.lists).flatMap(([list, entry]): [Id, unknown][] => {
      const held = client.confirmed(list);
      if (entry.reset || !held) return [];
      const news = entry.changes.filter((change) => change.revision > held.revision);
      const own = client.pending.filter((op) => op.list_id === list).map((op) => op.op_id);
      const sent = own.filter((op) => op in answer.results);
      const isOwn =
        news.every((change, n) => change.op_id === sent[n]) &&
        news.length === sent.length &&
        news.at(-1)?.revision === entry.revision;
      return isOwn && this.canPredict(client, list) ? [[list, shown(client.view(list))]] : [];
    });
  }

  /** Not where it depends on what a client does not know: hidden places, trash it never saw. */
  private canPredict(client: SyncClient, list: Id): boolean {
    const live = new Set(client.confirmed(list)!.items.map((item) => item.id));
    const made = new Set<Id>();
    return client.pending
      .filter((op) => op.list_id === list || op.fields?.to_list === list)
      .every(({ kind, item_id, fields, base_revision }) => {
        if (kind === "add" && item_id) made.add(item_id);
        const isKnown = (id?: Id | null) => !id || live.has(id) || made.has(id);
        return (
          kind !== "transfer" &&
          kind !== "revert" &&
          kind !== "restore" &&
          base_revision! >= client.state(list)!.cut.revision &&
          [item_id, fields?.after, fields?.before, fields?.parent_id].every(isKnown)
        );
      });
  }

  /** Syncs until there is nothing left; then both hold the same. */
  private settle(client: SyncClient): void {
    for (let n = 0; n < 400; n++) {
      const body = this.ask(client, 100);
      this.receive(client, body, this.answer(client, body));
      if (client.isSettled) break;
    }
    expect(client.isSettled).toBe(true);
    const seen = [...this.service.lists.keys()].filter((id) =>
      this.service.sees(client.user_id, id),
    );
    expect(client.lists).toEqual(seen.sort());
    for (const id of seen) {
      const view = viewOf(this.service.lists.get(id)!);
      expect(client.confirmed(id)).toEqual(view);
      expect(client.view(id)).toEqual(view);
    }
    this.tally("settled");
  }

  // ---- one step

  private step(): void {
    const { random, service } = this;
    service.ms += this.any([1, 5, 50, 700, 20_000]);
    const n = below(random, CLIENTS);
    const client = this.clients[n]!;
    for (const late of this.late.filter(() => this.maybe(0.12))) this.commit(late);
    const what = random();
    if (what < 0.55) {
      const op = this.invent(client);
      if (op) client.make(op);
    } else if (what < 0.8) {
      if (!this.offline.has(n)) this.sync(client);
    } else if (what < 0.85) {
      if (!this.offline.delete(n)) this.offline.add(n);
    } else if (what < 0.91) {
      this.ownerCall();
    } else if (what < 0.94) {
      this.settle(client);
    } else if (what < 0.95) {
      const notice = client.notices[0];
      if (notice && !client.bringIn(notice.op.op_id)) client.forget(notice.op.op_id);
      else if (notice) this.tally("brought in");
    } else if (what < 0.97) {
      this.copy(n, client);
    } else if (what < 0.975) {
      service.retain(this.any([3, 25, 60, 150]));
    } else if (what < 0.98) {
      client.startAnew();
    } else if (what < 0.99) {
      this.backupOrRestore();
    }
  }

  private commit(late: Late): void {
    this.late = this.late.filter((each) => each !== late);
    for (const intent of late.ops) this.service.execute(intent, late.tx);
    this.service.close(late.tx);
  }

  private ownerCall(): void {
    const { service } = this;
    if (service.lists.size === 0) return;
    const state = this.any([...service.lists.values()].slice(0, 3));
    const [owner] = [...state.members].find(([, role]) => role === "owner")!;
    const kind = this.any([
      "grant",
      "grant",
      "grant",
      "revoke",
      "purge",
      "restore-list",
      "move",
    ] as const);
    if (kind === "grant" || kind === "revoke") {
      const role = kind === "revoke" ? null : this.any(["editor", "editor", "viewer"] as const);
      service.member(state.id, owner, idOf("a", below(this.random, USERS)), role, this.newId());
      return;
    }
    const item = this.any([...state.items.keys()]);
    const op = { op_id: this.newId(), list_id: state.id, actor_id: owner, client_id: null };
    if (kind === "restore-list") service.execute({ ...op, kind });
    else if (kind === "purge" && this.maybe(0.3)) service.execute({ ...op, kind, item_id: item });
    else if (item) service.execute({ ...op, kind: "move", item_id: item, fields: { after: null } });
  }

  private copy(n: number, client: SyncClient): void {
    const copy = this.copies.get(n);
    this.copies.delete(n);
    if (copy === undefined) {
      this.copies.set(n, client.save());
    } else {
      const around = { newId: this.newId, now: () => this.service.now };
      const isCopied = this.maybe(0.5);
      const text = isCopied ? copy : client.save();
      this.clients[n] = SyncClient.load(text, { ...around, copied: isCopied });
      this.tally("copies");
    }
  }

  private backupOrRestore(): void {
    if (!this.restore) {
      this.restore = this.service.backup();
    } else if (this.maybe(0.4)) {
      this.restore();
      this.restore = undefined;
      this.late = [];
      this.service.replayPurges(this.newId);
      const isLost = ({ op }: { op: Op }) => {
        const log = this.service.lists.get(op.list_id)?.log ?? [];
        return !log.some((change) => change.op_id === op.op_id);
      };
      for (const [key, each] of this.done) if (isLost(each)) this.done.delete(key);
      this.tally("older copies");
    }
  }

  run(): void {
    for (let n = 0; n < 3; n++) {
      const list = idOf("9", n);
      const owner = idOf("a", n);
      const op = { op_id: this.newId(), list_id: list, kind: "create-list" as const };
      const fields = { title: this.text() };
      this.service.execute({ ...op, fields, actor_id: owner, client_id: null });
      for (let m = 0; m < USERS; m++) {
        const role = m + n === 3 ? "viewer" : "editor";
        if (m !== n) this.service.member(list, owner, idOf("a", m), role, this.newId());
      }
    }
    for (let n = 0; n < STEPS; n++) this.step();
    for (const late of this.late) this.commit(late);
    for (const client of this.clients) this.settle(client);
    for (const client of this.clients) this.settle(client);
    for (const { op, result } of this.done.values()) {
      const state = this.service.lists.get(op.list_id);
      if (!state || state.cut.revision >= result.revision!) continue;
      expect(state.log.filter((change) => change.op_id === op.op_id)).toHaveLength(1);
    }
    expect(timeOf(this.service.ms)).toBe(this.service.now);
  }
}

const counts = new Map<string, number>();

test.each(Array.from({ length: SEEDS }, (_, n) => FROM + n))("seed %i", (seed) => {
  const simulation = new Simulation(seed);
  try {
    simulation.run();
  } finally {
    for (const [what, n] of simulation.count) counts.set(what, (counts.get(what) ?? 0) + n);
  }
});

test("everything has been met", () => {
  for (const what of ["applied", "merged", "overridden", "skipped", "predictions", "copies"]) {
    expect(counts.get(what) ?? 0, what).toBeGreaterThan(0);
  }
  if (process.env.SYNC_SEEDS) console.log(Object.fromEntries([...counts].sort()));
});
