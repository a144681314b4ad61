/**
 * Clients of a few people against the service, in rounds: in each, ops are made, then all messages go
 * at once, while processes may be killed. What was drawn is the same for a seed; what the service then
 * does first is not.
 */
import { SyncClient } from "../../../../web/src/sync/client";
import type { Id, Problem, SyncAnswer, SyncBody, Time } from "../../../../web/src/sync/types";
import { advance } from "../../../../web/src/sync/apply";
import { Caller, type Call } from "./calls";
import { Chance } from "./chance";
import { settleAll } from "./ending";
import { liarOf, type Liar } from "./lies";
import { Inventor } from "./ops";
import { need, Record_ } from "./record";
import type { Harness, Reply } from "./wire";
import { Wire } from "./wire";

export interface Person {
  id: Id;
  email: string;
  password: string;
  token: string;
}

export interface Settings {
  seed: number;
  ops: number;
  people: Person[];
  /** Of each process. */
  ports: number[];
  /** Lists that there are already. */
  lists: Id[];
  /** Whether members can be changed while all processes run. */
  isShared: boolean;
  hasRetention: boolean;
  /** Of a round: that a process is killed in it. */
  kills: number;
  /** Kinds of calls that the service does not have. */
  lacking?: string[];
  /** What is wrong and known: it is counted, and the rest goes on. */
  tolerated?: string[];
  /** What is to be found out (lies.ts). */
  lie?: string;
}

/** One local store of somebody. */
interface Device {
  person: Person;
  client: SyncClient;
  now: () => Time;
  isOffline: boolean;
  copy?: string;
  /** What it sent, newest last. */
  sent: SyncBody[];
}

/** A message that is under way, and what is done with what comes back. */
interface Message {
  send: () => Promise<Reply | undefined>;
  take: (reply: Reply | undefined) => void;
}

const DEVICES = 8;
const HOURS = [0, 1, -1, 0, 1, 0, -1, 0];

export class Simulation {
  readonly record = new Record_();
  readonly devices: Device[];
  readonly chance: Chance;
  readonly wire: Wire;
  private readonly inventor: Inventor;
  readonly caller: Caller;
  private calls: Call[] = [];
  private round = 0;
  private made = 0;
  /** Messages that come to the service, or to the client, some rounds later. */
  private later: { round: number; message: Message }[] = [];
  private readonly down = new Set<number>();
  /** By list, for the judge: somebody who owns it. */
  ownedLists: Record<Id, Id> = {};
  private liar: Liar | undefined;

  constructor(
    readonly settings: Settings,
    readonly harness: Harness,
  ) {
    this.chance = new Chance(settings.seed);
    this.wire = new Wire(settings.ports);
    this.inventor = new Inventor(this.chance, settings.lists);
    const { lacking = [], tolerated = [] } = settings;
    this.caller = new Caller(this.chance, this.inventor, this.record, lacking, tolerated);
    if (settings.lie)
      this.liar = liarOf(settings.lie, this.unseen, (op) => this.record.first.has(op));
    this.devices = Array.from({ length: DEVICES }, (_, n) => {
      const person = settings.people[n % settings.people.length]!;
      const now = () => new Date(Date.now() + HOURS[n]! * 3_600_000).toISOString();
      const client = new SyncClient({
        user_id: person.id,
        newId: this.chance.id,
        now,
      });
      return { person, client, now, isOffline: false, sent: [] };
    });
  }

  close(): void {
    this.wire.close();
  }

  async run(): Promise<void> {
    while (this.made < this.settings.ops) await this.oneRound();
    for (const { message } of this.later.splice(0)) message.take(await message.send());
    for (const process of [...this.down]) await this.start(process);
    await settleAll(this);
  }

  // ---- a round

  private async oneRound(): Promise<void> {
    const { chance } = this;
    this.round++;
    this.record.count("rounds");
    for (const device of this.devices) this.live(device);
    const messages: Message[] = [];
    const due = this.later.filter((each) => each.round <= this.round);
    this.later = this.later.filter((each) => each.round > this.round);
    messages.push(...due.map((each) => each.message));
    for (const device of this.devices) {
      if (device.isOffline || chance.maybe(0.3)) continue;
      this.plan(messages, this.syncOf(device));
      if (device.sent.length && chance.maybe(0.2)) messages.push(...this.repeatsOf(device));
    }
    for (let n = chance.below(8); n > 0; n--) this.planCall(messages);
    for (const call of this.calls.filter((each) => !each.isOver)) {
      if (chance.maybe(0.5)) messages.push(this.messageOf(call));
    }
    this.calls = this.calls.filter((each) => !each.isOver);
    for (const process of [...this.down]) if (chance.maybe(0.6)) await this.start(process);
    const isKilled = this.down.size === 0 && chance.maybe(this.settings.kills);
    const victim = chance.below(this.settings.ports.length);
    const after = chance.below(60);
    const members = this.memberChanges(isKilled);
    const [replies] = await Promise.all([
      Promise.all(messages.map((message) => message.send())),
      isKilled ? this.kill(victim, after) : undefined,
      members.length && !isKilled
        ? this.harness.ask({ do: "members", changes: members })
        : undefined,
    ]);
    messages.forEach((message, n) => message.take(replies[n]));
    if (isKilled && members.length) await this.harness.ask({ do: "members", changes: members });
  }

  private async kill(process: number, after: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, after));
    this.down.add(process);
    await this.harness.ask({ do: "kill", process });
    this.record.count("kills");
  }

  private async start(process: number): Promise<void> {
    await this.harness.ask({ do: "start", process });
    this.down.delete(process);
  }

  /** Where nobody else may write while the service runs, they wait for it to be killed. */
  private memberChanges(isKilled: boolean): unknown[] {
    const { chance, settings } = this;
    const few = settings.isShared ? (chance.maybe(0.15) ? 1 : 0) : isKilled ? chance.below(4) : 0;
    const changes = Array.from({ length: few }, () => ({
      list: chance.any(this.knownLists()),
      user: chance.any(settings.people).id,
      role: chance.any(["editor", "editor", "viewer", null]),
    }));
    this.record.count("member changes", changes.length);
    return changes;
  }

  knownLists(): Id[] {
    const { lists } = this.settings;
    const more = this.devices.flatMap((device) => device.client.lists);
    return [...new Set([...lists, ...lists, ...more])];
  }

  /** What a device does on its own in a round. */
  private live(device: Device): void {
    const { chance } = this;
    if (chance.maybe(device.isOffline ? 0.25 : 0.06)) device.isOffline = !device.isOffline;
    for (let n = chance.any([0, 1, 2, 5, 9]); n > 0; n--) {
      const op = this.inventor.invent(device.client);
      if (!op) continue;
      device.client.make(op);
      this.made++;
      this.record.count(`op ${op.kind}`);
    }
    for (const { op } of device.client.notices.slice(0, 3)) {
      if (!chance.maybe(0.5)) continue;
      if (device.client.bringIn(op.op_id)) this.record.count("brought in");
      else device.client.forget(op.op_id);
    }
    if (chance.maybe(0.01)) device.client.startAnew();
    if (chance.maybe(0.05)) this.copyOrRestore(device);
  }

  private copyOrRestore(device: Device): void {
    const { chance } = this;
    const { copy } = device;
    if (copy === undefined) {
      device.copy = device.client.save();
      return;
    }
    const isCopied = chance.maybe(0.6);
    const text = isCopied ? copy : device.client.save();
    const around = { newId: chance.id, now: device.now };
    device.client = SyncClient.load(text, { ...around, copied: isCopied });
    device.copy = undefined;
    this.record.count(isCopied ? "restored from an old copy" : "saved and loaded");
  }

  // ---- messages

  process(): number {
    return this.chance.below(this.settings.ports.length);
  }

  private syncOf(device: Device): Message {
    const { chance } = this;
    const body = device.client.request(chance.any([0, 1, 3, 100, 100]));
    device.sent = [...device.sent, body].slice(-6);
    return this.messageOfSync(device, body);
  }

  /** On its way: well, or not at all, too late, heard late, or not heard. */
  private plan(messages: Message[], message: Message): void {
    const { chance } = this;
    const round = this.round + 1 + chance.below(6);
    const { send, take } = message;
    const how = chance.weighted([
      ["well", 70],
      ["not sent", 6],
      ["sent late", 6],
      ["answer lost", 10],
      ["answer late", 8],
    ] as const);
    this.record.count(`message ${how}`);
    if (how === "well") messages.push(message);
    if (how === "sent late") this.later.push({ round, message });
    if (how === "answer lost") messages.push({ send, take: () => undefined });
    if (how === "answer late") {
      const late = (reply: Reply | undefined) => {
        this.later.push({ round, message: { send: async () => reply, take } });
      };
      messages.push({ send, take: late });
    }
  }

  /** The same again; or the same ops, in other parts. */
  private repeatsOf(device: Device): Message[] {
    const { chance } = this;
    const body = chance.any(device.sent);
    const deaf = (again: SyncBody): Message => ({
      ...this.messageOfSync(device, again),
      take: () => undefined,
    });
    const { ops } = body;
    if (!ops || chance.maybe(0.4)) return [deaf(body)];
    const from = chance.below(ops.length);
    const { lists: _, ...bare } = body;
    return [
      deaf({ ...bare, ops: ops.slice(from) }),
      deaf({ ...bare, ops: ops.slice(0, from + 1) }),
    ];
  }

  messageOfSync(device: Device, asked: SyncBody): Message {
    const body = structuredClone(asked);
    const { person, client } = device;
    const process = this.process();
    return {
      send: async () => {
        const reply = await this.ask(person, process, body);
        if (reply) this.judge(person, body, reply);
        return reply;
      },
      take: (reply) => {
        if (!reply || device.client !== client) return;
        this.checkFit(client, asked, reply.json as SyncAnswer);
        client.receive(asked, structuredClone(reply.json) as SyncAnswer | Problem);
      },
    };
  }

  /** Changes that follow what a client holds fit it: it needs no list anew. */
  private checkFit(client: SyncClient, body: SyncBody, answer: SyncAnswer): void {
    for (const [id, entry] of Object.entries(answer.lists ?? {})) {
      const held = client["held"].get(id);
      if (!held || entry.reset || body.cursor !== client["cursor"]) continue;
      const next = entry.changes.filter((change) => change.revision > held.revision);
      if (next[0]?.revision !== held.revision + 1) continue;
      try {
        advance(held, next, id);
      } catch (error) {
        need(false, String(error), "of", id, "at", held.revision, "told", next);
      }
      this.record.count("entries that fit");
    }
  }

  private async ask(person: Person, process: number, body: SyncBody): Promise<Reply | undefined> {
    const { liar } = this;
    const op =
      this.round > 3 ? body.ops?.find(({ op_id }) => !this.record.first.has(op_id)) : undefined;
    const isSwallowed = liar?.swallows && op;
    if (isSwallowed) this.liar = undefined;
    const ops = isSwallowed ? body.ops?.filter((each) => each !== op) : body.ops;
    for (const each of ops ?? []) {
      if (!this.record.sent.has(each.op_id)) this.record.sent.set(each.op_id, each);
    }
    const reply = await this.send(person, process, "POST", "/v1/sync", {}, { ...body, ops });
    if (!liar || this.round < 4 || reply?.status !== 200) return reply;
    const answer = reply.json as SyncAnswer;
    if (isSwallowed) answer.results[op.op_id] = { status: "applied", revision: 1_000_000 };
    else if (this.liar && !liar.swallows && liar.spoil(body, answer)) this.liar = undefined;
    else return reply;
    this.record.count("lies");
    return reply;
  }

  private unseen = (user: Id): Id[] => {
    const seen = this.devices.filter(({ person }) => person.id === user);
    const ids = new Set(seen.flatMap(({ client }) => client.lists));
    return this.devices.flatMap(({ client }) => client.lists.filter((id) => !ids.has(id)));
  };

  private judge(person: Person, body: SyncBody, reply: Reply): void {
    if (reply.status === 200) {
      this.record.takeSync(person.id, body, reply.json as SyncAnswer, reply);
      return;
    }
    need(reply.status === 503, "sync is answered", reply.status, reply.text, body);
    this.record.count(`sync: ${(reply.json as Problem).code}`);
  }

  private planCall(messages: Message[]): void {
    const device = this.chance.any(this.devices);
    const call = this.caller.invent(device.person.id, device.client, this.knownLists());
    if (!call) return;
    this.made++;
    this.calls.push(call);
    this.plan(messages, this.messageOf(call));
  }

  messageOf(call: Call): Message {
    const person = this.settings.people.find(({ id }) => id === call.user)!;
    const process = this.process();
    const isHeard = this.chance.maybe(0.85);
    const { method, path, headers, body } = call;
    return {
      send: async () => {
        const reply = await this.send(person, process, method, path, headers, body);
        this.caller.take(call, reply, isHeard);
        return reply;
      },
      take: () => undefined,
    };
  }

  /** With the person's token, a new one where that has ended; asking for gzip now and then. */
  async send(
    person: Person,
    process: number,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: unknown,
  ): Promise<Reply | undefined> {
    const zip: Record<string, string> = process % 2 ? { "Accept-Encoding": "gzip" } : {};
    const ask = () => {
      const sent = {
        ...headers,
        ...zip,
        Authorization: `Bearer ${person.token}`,
      };
      return this.wire.call(process, method, path, sent, body);
    };
    const reply = await ask();
    if (reply?.status !== 401) return reply;
    const { email, password } = person;
    const signIn = await this.wire.call(
      process,
      "POST",
      "/v1/auth/sign-in",
      {},
      { email, password },
    );
    if (signIn?.status !== 200) return undefined;
    person.token = (signIn.json as { access_token: string }).access_token;
    return ask();
  }
}
