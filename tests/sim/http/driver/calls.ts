/** Single calls, repeated with their key until they are answered. */
import type { SyncClient } from "../../../../web/src/sync/client";
import type { Change, Id } from "../../../../web/src/sync/types";
import type { Chance } from "./chance";
import type { Inventor } from "./ops";
import { need, type Record_ } from "./record";
import type { Reply } from "./wire";

export interface Call {
  user: Id;
  list: Id;
  kind: string;
  method: string;
  path: string;
  body?: unknown;
  headers: Record<string, string>;
  /** Of this call alone: so the log tells what it did. */
  client_id: Id;
  /** The first that was answered, whether or not anybody heard it. */
  first?: Reply;
  /** Those of who did it, which do not come from what is kept: one. */
  answers?: Reply[];
  refused?: Reply[];
  isOver: boolean;
}

const FINE = [200, 201, 204];
const REFUSED = [403, 404, 409, 410, 412, 422];

/** Kinds of calls; the last of them are for owners. */
const KINDS = [
  ["add", 20],
  ["put", 10],
  ["set", 20],
  ["move", 10],
  ["remove", 6],
  ["restore", 6],
  ["clear-done", 2],
  ["set-list", 3],
  ["transfer", 5],
  ["revert", 6],
  ["purge", 20],
  ["remove-list", 2],
  ["restore-list", 6],
] as const;
const OWNERS = 3;

export class Caller {
  readonly all: Call[] = [];

  constructor(
    private readonly chance: Chance,
    private readonly inventor: Inventor,
    private readonly record: Record_,
    private readonly lacking: readonly string[],
    private readonly tolerated: readonly string[],
  ) {}

  /** A call on what one of the user's clients shows, or on what it once showed. */
  invent(user: Id, client: SyncClient, known: readonly Id[]): Call | undefined {
    const { chance } = this;
    const seen = client.lists;
    const list = seen.length && chance.maybe(0.9) ? chance.any(seen) : chance.any(known);
    const items = client.confirmed(list)?.items.map((item) => item.id) ?? [];
    const state = client.state(list);
    const trash = [...(state?.items.values() ?? [])].flatMap((item) =>
      item.deleted_at ? [item.id] : [],
    );
    const isOwner = state?.members.get(user) === "owner";
    const kind = chance.weighted(isOwner || chance.maybe(0.2) ? KINDS : KINDS.slice(0, -OWNERS));
    if (this.lacking.includes(kind)) return undefined;
    const at = `/v1/lists/${list}`;
    const some = items.length ? chance.any(items) : undefined;
    const hidden = trash.length ? chance.any(trash) : undefined;
    const { inventor } = this;
    const make = (method: string, path: string, body?: unknown): Call => {
      const client_id = chance.id();
      const headers: Record<string, string> = { "Client-Id": client_id };
      if (method !== "PUT" || chance.maybe(0.5)) headers["Idempotency-Key"] = client_id;
      const call = {
        user,
        list,
        kind,
        method,
        path,
        body,
        headers,
        client_id,
        isOver: false,
      };
      this.all.push(call);
      return call;
    };
    switch (kind) {
      case "add":
        return make("POST", `${at}/items`, {
          text: inventor.text(),
          ...(chance.maybe(0.5) ? { id: chance.id() } : {}),
          ...inventor.place(items),
        });
      case "put":
        return make("PUT", `${at}/items/${chance.id()}`, {
          text: inventor.text(),
        });
      case "set":
        return some ? make("PATCH", `${at}/items/${some}`, inventor.someFields(items)) : undefined;
      case "move": {
        const place = inventor.place(items.filter((id) => id !== some));
        if (!some || Object.keys(place).length === 0) return undefined;
        return make("POST", `${at}/items/${some}/move`, place);
      }
      case "remove":
        return some ? make("DELETE", `${at}/items/${some}`) : undefined;
      case "restore":
        return hidden ? make("POST", `${at}/items/${hidden}/restore`) : undefined;
      case "clear-done":
        return make("POST", `${at}/items/clear-done`);
      case "set-list":
        return make("PATCH", at, { title: inventor.text() });
      case "transfer":
        return some
          ? make("POST", `${at}/items/${some}/move`, {
              to_list: chance.any(known),
            })
          : undefined;
      case "revert": {
        const ops = state?.log.slice(-10).map((change) => change.op_id) ?? [];
        const back = Math.max((state?.revision ?? 0) - chance.below(6), 0);
        if (chance.maybe(0.3) || !ops.length)
          return make("POST", `${at}/revert`, { to_revision: back });
        return make("POST", `${at}/revert`, { op_id: chance.any(ops) });
      }
      case "purge": {
        const one = chance.maybe(0.3) ? some : hidden;
        if (one) this.record.purged.add(one);
        return one ? make("DELETE", `${at}/items/${one}?purge=true`) : undefined;
      }
      case "remove-list":
        return make("DELETE", at);
      case "restore-list":
        return make("POST", `${at}/restore`);
    }
  }

  /** What came; `isHeard`: and reached whoever called. */
  take(call: Call, reply: Reply | undefined, isHeard: boolean): void {
    if (!reply) return this.record.count("call: no answer");
    const { status } = reply;
    const code = (reply.json as { code?: string } | undefined)?.code;
    if (status === 503 || code === "in_progress") return this.record.count(`call: ${code}`);
    need([...FINE, ...REFUSED].includes(status), "call", call, "is answered", status, reply.text);
    this.record.count(FINE.includes(status) ? `call ${call.kind}` : `call refused ${code}`);
    if (isHeard) call.isOver = true;
    const isTolerated = this.tolerated.includes("two-answers");
    if (!FINE.includes(status)) {
      call.refused = [...(call.refused ?? []), reply];
      return;
    }
    need(reply.headers["list-revision"], "no List-Revision", call, reply.headers);
    const { first } = call;
    const isReplay = reply.headers["idempotent-replayed"] === "true";
    if (call.headers["Idempotency-Key"] && !isReplay) {
      call.answers = [...(call.answers ?? []), reply];
    }
    if (!first) {
      call.first = reply;
      return;
    }
    if (!call.headers["Idempotency-Key"]) return;
    const isErased = [...this.record.purged].some((id) => first.text.includes(id));
    need(
      isErased || isTolerated || first.text === reply.text,
      "the repeat of",
      call,
      reply.text,
      "first",
      first.text,
    );
    need(
      isTolerated || first.status === reply.status,
      "the repeat's status",
      call,
      reply.status,
      first.status,
    );
    this.record.count("calls repeated");
  }

  /** Each call did what it did once. */
  check(cuts: Map<Id, number>): void {
    const where = new Map<Id, Change[]>();
    for (const changes of this.record.changes.values()) {
      for (const change of changes.values()) {
        if (change.client_id) {
          where.set(change.client_id, [...(where.get(change.client_id) ?? []), change]);
        }
      }
    }
    for (const call of this.all) {
      const found = where.get(call.client_id) ?? [];
      const most = call.kind === "transfer" ? 2 : 1;
      need(found.length <= most, "a call was done", found.length, call, found);
      if (!call.first) continue;
      const { answers = [], first } = call;
      if (answers.length > 1) this.record.count("CALLS ANSWERED TWICE");
      const isTolerated = this.tolerated.includes("two-answers");
      need(
        answers.length < 2 || isTolerated,
        "a call was done",
        answers,
        "with one key",
        call,
        "did",
        found,
      );
      const refused = (call.refused ?? []).filter(
        ({ status, began }) => status !== 403 && status !== 404 && began > first.ended,
      );
      const isKeyed = "Idempotency-Key" in call.headers;
      need(!isKeyed || isTolerated || !refused.length, "done, and refused", refused, call, first);
      if (first.status === 200 && call.method === "PUT" && !call.headers["Idempotency-Key"]) {
        need(found.length === 1, "a repeated PUT", call, "is not in the log");
        continue;
      }
      const revision = Number(first.headers["list-revision"]);
      const change = this.record.changes.get(call.list)?.get(revision);
      if (!change) {
        need((cuts.get(call.list) ?? 0) >= revision, "a call's revision is not in the log", call);
        continue;
      }
      if (answers.length > 1) continue;
      const isDone = change.client_id === call.client_id;
      need(isDone === found.length > 0, "a call stands elsewhere", call, change, found);
      need(!/^(add|put)$/.test(call.kind) || isDone, "an add is not in the log", call, change);
      this.record.count(isDone ? "acknowledged calls in the log" : "calls without effect");
    }
  }
}
