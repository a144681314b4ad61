// @vitest-environment node
import { describe, expect, test } from "vitest";
import { SyncClient } from "./client";
import { NO_REVISION } from "./held";
import type { NewOp } from "./notices";
import { viewOf, type View } from "./state";
import { idOf, Service } from "./testing";
import type { Change, Id, Op, OpFields, SyncAnswer, SyncBody } from "./types";

const ME = idOf("a", 1);
const YOU = idOf("a", 2);
const LIST = idOf("9", 1);
const OTHER = idOf("9", 2);

/** A service with a list of mine that you edit, and what is done to it. */
function world(pageMax = 2000, resetOver = 2000) {
  let n = 0;
  const newId = () => idOf("b", ++n);
  const service = new Service(pageMax, resetOver);
  const around = { newId, now: () => service.now };
  const client = (user_id = ME) => new SyncClient({ user_id, ...around });
  const send = (to: SyncClient, body: SyncBody): SyncAnswer => {
    service.ms += 1000;
    const answer = service.sync(to.user_id, JSON.parse(JSON.stringify(body)) as SyncBody);
    if (!("results" in answer)) throw new Error(answer.code);
    return JSON.parse(JSON.stringify(answer)) as SyncAnswer;
  };
  /** Once there and back. */
  const sync = (to: SyncClient) => {
    const body = to.request();
    return to.receive(body, send(to, body));
  };
  const settle = (to: SyncClient): SyncClient => {
    for (let tries = 0; tries < 50 && (tries === 0 || !to.isSettled); tries++) sync(to);
    expect(to.isSettled).toBe(true);
    return to;
  };
  const lose = (from: SyncClient) => send(from, from.request());
  const share = (list = LIST) => service.member(list, ME, YOU, "editor", newId());

  const mine = client();
  mine.make({ list_id: LIST, kind: "create-list", fields: { title: "Groceries" } });
  const [milk, eggs, bread] = ["milk", "eggs", "bread"].map(
    (text) => mine.make({ list_id: LIST, kind: "add", fields: { text } }).item_id!,
  ) as [Id, Id, Id];
  settle(mine);
  share();
  const yours = settle(client(YOU));
  settle(mine);
  return {
    service,
    around,
    newId,
    client,
    send,
    sync,
    settle,
    lose,
    share,
    mine,
    yours,
    milk,
    eggs,
    bread,
  };
}

const set = (item_id: Id, fields: OpFields): NewOp => ({
  list_id: LIST,
  kind: "set",
  item_id,
  fields,
});
const on = (kind: "remove" | "restore", item_id: Id): NewOp => ({ list_id: LIST, kind, item_id });
const texts = (view: View | undefined) => view?.items.map((item) => item.text);
const opIds = (body: SyncBody) => body.ops?.map((op) => op.op_id);

/** What is seen, without times and revisions. */
function shown(view: View | undefined): unknown {
  const untimed = (key: string, value: unknown) =>
    key.endsWith("_at") && typeof value === "string" ? "then" : key === "revision" ? 0 : value;
  return JSON.parse(JSON.stringify(view ?? null, untimed)) as unknown;
}

describe("making and sending", () => {
  test("an op shows at once and is sent as api.md has it", () => {
    const { mine, milk, eggs, service, settle } = world();
    const { revision } = mine.confirmed(LIST)!;
    const op = mine.make({ list_id: LIST, kind: "move", item_id: eggs, fields: { before: milk } });
    expect(texts(mine.view(LIST))).toEqual(["eggs", "milk", "bread"]);
    expect(texts(mine.confirmed(LIST))).toEqual(["milk", "eggs", "bread"]);
    const body = mine.request();
    expect(body).toEqual({
      user_id: ME,
      client_id: mine.client_id,
      cursor: expect.any(String) as string,
      ops: [
        {
          op_id: op.op_id,
          list_id: LIST,
          kind: "move",
          base_revision: revision,
          item_id: eggs,
          fields: { before: milk },
        },
      ],
    });
    settle(mine);
    expect(mine.confirmed(LIST)).toEqual(viewOf(service.lists.get(LIST)!));
    expect(mine.view(LIST)).toBe(mine.confirmed(LIST));
  });

  test("a new list has no base, and what is put in it before any answer has 0", () => {
    const { client, settle } = world();
    const mine = client();
    const list_id = idOf("9", 7);
    mine.make({ list_id, kind: "create-list", fields: { title: "Packing" } });
    mine.make({ list_id, kind: "add", fields: { text: "socks" } });
    expect(mine.request().ops?.map((op) => op.base_revision)).toEqual([undefined, 0]);
    expect(mine.lists).toEqual([list_id]);
    expect(texts(mine.view(list_id))).toEqual(["socks"]);
    expect(texts(settle(mine).confirmed(list_id))).toEqual(["socks"]);
  });

  test("an op that has been sent never changes, whatever comes in", () => {
    const { mine, yours, milk, eggs, lose, settle, send, sync } = world();
    mine.make(set(milk, { text: "oat milk" }));
    const first = mine.request().ops!;
    yours.make(set(eggs, { text: "six eggs" }));
    settle(yours);
    const reading = { ...mine.request(), ops: [] };
    mine.receive(reading, send(mine, reading));
    expect(texts(mine.view(LIST))).toEqual(["oat milk", "six eggs", "bread"]);
    expect(mine.request().ops).toEqual(first);
    lose(mine);
    expect(mine.request().ops).toEqual(first);
    sync(mine);
    expect(mine.pending).toEqual([]);
  });

  test("at most 100 ops and less than a MiB go at once, in the order they were made", () => {
    const { mine, settle } = world();
    const made: Op[] = [];
    for (let n = 0; n < 150; n++) {
      made.push(mine.make({ list_id: LIST, kind: "add", fields: { text: `${n}` } }));
    }
    expect(opIds(mine.request())).toEqual(made.slice(0, 100).map((op) => op.op_id));
    expect(opIds(mine.request(3))).toEqual(made.slice(0, 3).map((op) => op.op_id));
    const big = "é".repeat(8 * 1024);
    settle(mine);
    for (let n = 0; n < 90; n++) mine.make(set(made[n]!.item_id!, { note: big }));
    const body = mine.request();
    expect(new TextEncoder().encode(JSON.stringify(body)).length).toBeLessThan(1024 * 1024);
    expect(body.ops!.length).toBeGreaterThan(30);
    settle(mine);
    expect(mine.confirmed(LIST)!.items.filter((item) => item.note === big)).toHaveLength(90);
  });

  test("a view stays the same object until there is another", () => {
    const { mine, milk, sync } = world();
    const view = mine.view(LIST);
    expect(mine.view(LIST)).toBe(view);
    sync(mine);
    expect(mine.view(LIST)).toBe(view);
    mine.make(set(milk, { done: true }));
    expect(mine.view(LIST)).not.toBe(view);
    expect(view?.items[0]?.done).toBe(false);
  });
});

describe("answers that are lost, late, or repeated", () => {
  test("without an answer the same op goes again, and is done once", () => {
    const { mine, service, lose, settle } = world();
    const op = mine.make({ list_id: LIST, kind: "add", fields: { text: "butter" } });
    lose(mine);
    lose(mine);
    expect(mine.pending).toEqual([op]);
    settle(mine);
    expect(texts(mine.view(LIST))).toEqual(["milk", "eggs", "bread", "butter"]);
    expect(service.lists.get(LIST)!.log.filter((change) => change.op_id === op.op_id)).toHaveLength(
      1,
    );
  });

  test("the same answer twice changes nothing", () => {
    const { mine, milk, send } = world();
    mine.make(set(milk, { done: true }));
    const body = mine.request();
    const answer = send(mine, body);
    expect(mine.receive(body, answer).results).toHaveLength(1);
    const before = mine.save();
    expect(mine.receive(body, answer)).toEqual({ results: [], changed: [] });
    expect(mine.save()).toBe(before);
  });

  test("an answer that is late tells results, but takes nothing back", () => {
    const { mine, yours, milk, eggs, send, settle } = world();
    const op = mine.make(set(milk, { text: "oat milk" }));
    const late = mine.request();
    const lateAnswer = send(mine, late);
    yours.make(set(eggs, { text: "six eggs" }));
    settle(yours);
    const reading = { ...late, ops: [] };
    mine.receive(reading, send(mine, reading));
    const view = mine.view(LIST);
    expect(mine.pending).toEqual([op]);
    const { results } = mine.receive(late, lateAnswer);
    expect(results.map((each) => each.op.op_id)).toEqual([op.op_id]);
    expect(mine.pending).toEqual([]);
    expect(mine.view(LIST)).toEqual(view);
  });

  test("a late answer does not take away a list that has come back, nor what was made for it", () => {
    const { yours, milk, service, newId, send, settle, share } = world();
    service.member(LIST, ME, YOU, null, newId());
    const late = yours.request();
    const lateAnswer = send(yours, late);
    expect(lateAnswer.revoked).toEqual([LIST]);
    share();
    settle(yours);
    const op = yours.make(set(milk, { text: "oat milk" }));
    yours.receive(late, lateAnswer);
    expect(yours.pending).toEqual([op]);
    expect(texts(settle(yours).view(LIST))![0]).toBe("oat milk");
  });

  test("an op that shows already is not done twice in what is seen", () => {
    const { mine, milk, bread, lose, send, sync } = world();
    mine.make({ list_id: LIST, kind: "move", item_id: milk, fields: { after: bread } });
    mine.make({ list_id: LIST, kind: "revert", fields: { revert_op: mine.pending[0]!.op_id } });
    lose(mine);
    const reading = { ...mine.request(), ops: [] };
    mine.receive(reading, send(mine, reading));
    expect(mine.pending).toHaveLength(2);
    expect(texts(mine.view(LIST))).toEqual(["milk", "eggs", "bread"]);
    sync(mine);
    expect(mine.pending).toHaveLength(0);
  });
});

describe("reading", () => {
  /** A body without ops, and its answer, which the test spoils. */
  function reading(to: SyncClient, send: ReturnType<typeof world>["send"]) {
    const body = { ...to.request(), ops: [] };
    return { body, answer: send(to, body) };
  }
  function changesOf(answer: SyncAnswer): Change[] {
    const entry = answer.lists[LIST]!;
    return entry.reset ? [] : (entry.changes as Change[]);
  }

  test("where there is a gap the list is named with what is held of it", () => {
    const { mine, yours, milk, settle, send } = world();
    const { revision } = mine.confirmed(LIST)!;
    yours.make(set(milk, { text: "oat milk" }));
    yours.make(set(milk, { done: true }));
    settle(yours);
    const { body, answer } = reading(mine, send);
    changesOf(answer).shift();
    mine.receive(body, answer);
    expect(mine.confirmed(LIST)!.revision).toBe(revision);
    expect(mine.isSettled).toBe(false);
    expect(mine.request().lists).toEqual({ [LIST]: revision });
    settle(mine);
    expect(mine.view(LIST)).toEqual(yours.view(LIST));
  });

  test("what an entry that ends early leaves out is asked for", () => {
    const { mine, yours, milk, settle, send } = world();
    const { revision } = mine.confirmed(LIST)!;
    yours.make(set(milk, { text: "oat milk" }));
    yours.make(set(milk, { done: true }));
    settle(yours);
    const { body, answer } = reading(mine, send);
    changesOf(answer).pop();
    mine.receive(body, answer);
    expect(texts(mine.view(LIST))![0]).toBe("oat milk");
    expect(mine.request().lists).toEqual({ [LIST]: revision + 1 });
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
  });

  test.each([
    ["a kind", (change: Change) => ({ ...change, kind: "bless" })],
    [
      "an entity",
      (change: Change) => ({ ...change, effects: [{ ...change.effects[0], entity: "shop" }] }),
    ],
    [
      "a previous value",
      (change: Change) => ({
        ...change,
        effects: [{ ...change.effects[0], previous: { text: "beer" } }],
      }),
    ],
  ])("%s that does not fit: the list is loaded anew, whole", (_, spoil) => {
    const { mine, yours, milk, settle, send } = world();
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    const { body, answer } = reading(mine, send);
    const [change] = changesOf(answer);
    answer.lists[LIST] = { ...answer.lists[LIST]!, changes: [spoil(change!) as Change] } as never;
    mine.receive(body, answer);
    expect(texts(mine.view(LIST))![0]).toBe("milk");
    expect(mine.request().lists).toEqual({ [LIST]: NO_REVISION });
    const next = reading(mine, send);
    expect(next.answer.lists[LIST]!.reset).toBe(true);
    mine.receive(next.body, next.answer);
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
  });

  test("several pages give the same as one", () => {
    const { mine, yours, milk, settle, sync } = world(3);
    for (let n = 0; n < 20; n++) yours.make(set(milk, { text: `milk ${n}` }));
    settle(yours);
    let pages = 0;
    do sync(mine);
    while (++pages < 30 && !mine.isSettled);
    expect(pages).toBeGreaterThan(5);
    expect(mine.view(LIST)).toEqual(yours.view(LIST));
  });

  test("while something is under way there, pages that tell nothing new are not asked for without end", () => {
    const { mine, yours, milk, service, settle } = world(3);
    const tx = service.begin();
    for (let n = 0; n < 10; n++) yours.make(set(milk, { text: `milk ${n}` }));
    settle(yours);
    settle(mine);
    expect(mine.view(LIST)).toEqual(yours.view(LIST));
    const op = { op_id: idOf("d", 1), list_id: LIST, actor_id: YOU, client_id: null };
    service.execute({ ...op, kind: "set", item_id: milk, fields: { text: "late" } }, tx);
    service.close(tx);
    expect(texts(settle(mine).view(LIST))![0]).toBe("late");
  });

  test("a list whose log is too long, or no longer there, comes whole", () => {
    const { mine, yours, milk, service, settle, send } = world(2000, 5);
    for (let n = 0; n < 10; n++) yours.make(set(milk, { text: `milk ${n}` }));
    settle(yours);
    const { body, answer } = reading(mine, send);
    expect(answer.lists[LIST]!.reset).toBe(true);
    // It was not asked for: what is older than what is held could be a mistake of the past.
    mine.receive(body, answer);
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
    service.retain(1);
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
  });

  test("a whole list that nobody asked for and that is older is not taken", () => {
    const { mine, yours, milk, settle, send } = world();
    const old = reading(mine, send);
    const { title, archived, created_at, deleted_at } = mine.confirmed(LIST)!.list!;
    const { revision, updated_at, members, items } = mine.confirmed(LIST)!;
    const row = {
      id: LIST,
      title,
      archived,
      created_at,
      deleted_at,
      revision,
      updated_at: updated_at!,
    };
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    settle(mine);
    const body = { ...old.body, cursor: mine.request().cursor };
    const list = { ...row, members, items };
    mine.receive(body, { ...old.answer, lists: { [LIST]: { revision, reset: true, list } } });
    expect(texts(mine.view(LIST))![0]).toBe("oat milk");
    expect(mine.request().lists).toEqual({ [LIST]: revision + 1 });
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
  });

  test("a list that is no longer seen goes, and what was made for it is told", () => {
    const { mine, yours, milk, service, settle, newId } = world();
    const op = yours.make(set(milk, { text: "oat milk" }));
    const created = yours.make({
      list_id: OTHER,
      kind: "create-list",
      fields: { title: "My own" },
    });
    service.member(LIST, ME, YOU, null, newId());
    settle(yours);
    expect(yours.lists).toEqual([OTHER]);
    expect(yours.view(LIST)).toBeUndefined();
    expect(yours.notices).toEqual([{ op, result: { status: "refused", code: "not_found" } }]);
    expect(service.lists.get(OTHER)!.log[0]!.op_id).toBe(created.op_id);
    service.member(LIST, ME, YOU, "viewer", newId());
    expect(settle(yours).view(LIST)).toEqual(settle(mine).view(LIST));
  });

  test("a list in trash is gone for others, and seen by its owner", () => {
    const { mine, yours, settle } = world();
    mine.make({ list_id: LIST, kind: "remove-list" });
    settle(mine);
    expect(settle(yours).lists).toEqual([]);
    expect(mine.view(LIST)!.list!.deleted_at).not.toBeNull();
    mine.make({ list_id: LIST, kind: "restore-list" });
    settle(mine);
    expect(settle(yours).view(LIST)).toEqual(mine.view(LIST));
  });

  test("after an older copy was put in place, what is lost goes and the rest is loaded anew", () => {
    const { mine, yours, milk, eggs, service, settle, sync } = world();
    const restore = service.backup();
    mine.make({ list_id: OTHER, kind: "create-list", fields: { title: "Lost" } });
    mine.make(set(milk, { text: "lost, too" }));
    settle(mine);
    restore();
    yours.make(set(eggs, { text: "six eggs" }));
    settle(yours);
    const kept = mine.make(set(eggs, { done: true }));
    sync(mine);
    expect(mine.lists).toEqual([LIST]);
    settle(mine);
    expect(texts(mine.view(LIST))).toEqual(["milk", "six eggs", "bread"]);
    expect(mine.view(LIST)!.items[1]!.done).toBe(true);
    expect(mine.view(LIST)).toEqual(viewOf(service.lists.get(LIST)!));
    expect(mine.notices.map((notice) => notice.op.op_id)).not.toContain(kept.op_id);
  });

  test("with the list as it was in the older copy, what is held of the lost history goes", () => {
    const { mine, milk, service, settle } = world();
    const restore = service.backup();
    mine.make(set(milk, { text: "lost" }));
    settle(mine);
    restore();
    expect(texts(settle(mine).view(LIST))).toEqual(["milk", "eggs", "bread"]);
  });

  test("starting anew loads what is missing and drops what is not seen", () => {
    const { mine, yours, milk, settle } = world();
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    mine.startAnew();
    expect(mine.request().cursor).toBeUndefined();
    expect(settle(mine).view(LIST)).toEqual(yours.view(LIST));
  });

  test("what was purged is nowhere in the store", () => {
    const { mine, yours, eggs, service, settle, newId } = world();
    yours.make(set(eggs, { note: "my secret" }));
    settle(yours);
    settle(mine);
    mine.make(set(eggs, { note: "secret of mine" }));
    mine.make(on("remove", eggs));
    settle(mine);
    expect(mine.save()).toContain("secret");
    service.execute({
      op_id: newId(),
      list_id: LIST,
      kind: "purge",
      item_id: eggs,
      actor_id: ME,
      client_id: null,
    });
    expect(settle(mine).save()).not.toContain("secret");
    expect(settle(yours).save()).not.toContain("secret");
    mine.make(on("restore", eggs));
    settle(mine);
    expect(mine.notices.map((notice) => notice.result.code)).toEqual(["purged"]);
  });
});

describe("what does not do what was meant", () => {
  test("a value that another client changed first stands; bringing in is a new set", () => {
    const { mine, yours, milk, settle } = world();
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    const op = mine.make(set(milk, { text: "soy milk", done: true }));
    settle(mine);
    expect(mine.view(LIST)!.items[0]).toMatchObject({ text: "oat milk", done: true });
    expect(mine.notices).toEqual([
      {
        op,
        result: expect.objectContaining({
          status: "overridden",
          fields: { text: "oat milk" },
        }) as object,
      },
    ]);
    const again = mine.bringIn(op.op_id)!;
    expect(again.op_id).not.toBe(op.op_id);
    expect(again).toMatchObject({ kind: "set", item_id: milk, fields: { text: "soy milk" } });
    expect(again.base_revision).toBe(mine.confirmed(LIST)!.revision);
    expect(mine.notices).toEqual([]);
    settle(mine);
    expect(mine.view(LIST)!.items[0]!.text).toBe("soy milk");
    expect(mine.bringIn(op.op_id)).toBeUndefined();
  });

  test("a parent that cannot be one is not brought in again", () => {
    const { mine, yours, milk, eggs, settle } = world();
    yours.make(on("remove", milk));
    settle(yours);
    const op = mine.make(set(eggs, { parent_id: milk }));
    settle(mine);
    expect(mine.notices[0]!.result).toMatchObject({ status: "overridden", code: "invalid_parent" });
    expect(mine.bringIn(op.op_id)).toBeUndefined();
    mine.forget(op.op_id);
    expect(mine.notices).toEqual([]);
  });

  test("an op past retention is told, and can be made anew", () => {
    const { mine, yours, milk, service, settle } = world();
    const op = mine.make(set(milk, { text: "soy milk" }));
    for (let n = 0; n < 5; n++) yours.make(set(milk, { note: `${n}` }));
    settle(yours);
    service.retain(2);
    settle(mine);
    expect(mine.notices).toEqual([{ op, result: { status: "refused", code: "op_expired" } }]);
    expect(mine.view(LIST)!.items[0]!.text).toBe("milk");
    mine.bringIn(op.op_id);
    settle(mine);
    expect(mine.view(LIST)!.items[0]).toMatchObject({ text: "soy milk", note: "4" });
  });

  test("an edit of an item that was moved away follows it where the list is seen", () => {
    const { mine, yours, milk, share, settle } = world();
    mine.make({ list_id: OTHER, kind: "create-list", fields: { title: "Later" } });
    settle(mine);
    share(OTHER);
    settle(yours);
    mine.make({ list_id: LIST, kind: "transfer", item_id: milk, fields: { to_list: OTHER } });
    expect([texts(mine.view(LIST)), texts(mine.view(OTHER))]).toEqual([
      ["eggs", "bread"],
      ["milk"],
    ]);
    settle(mine);
    const op = yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    expect(yours.notices[0]!.result).toEqual({
      status: "refused",
      code: "item_moved",
      fields: { to_list: OTHER },
    });
    expect(yours.bringIn(op.op_id)).toMatchObject({ list_id: OTHER, item_id: milk });
    settle(yours);
    expect(texts(yours.view(OTHER))).toEqual(["oat milk"]);
  });

  test("a viewer's ops are refused, and show nothing", () => {
    const { service, yours, milk, settle, newId } = world();
    service.member(LIST, ME, YOU, "viewer", newId());
    settle(yours);
    yours.make(set(milk, { text: "oat milk" }));
    expect(texts(yours.view(LIST))![0]).toBe("milk");
    settle(yours);
    expect(yours.notices.map((notice) => notice.result.code)).toEqual(["forbidden"]);
  });

  test("another user's store stops, and keeps all it has", () => {
    const { mine, milk } = world();
    const op = mine.make(set(milk, { text: "oat milk" }));
    mine.receive(mine.request(), { status: 409, code: "other_user" });
    expect(mine.stopped).toBe("other_user");
    expect(mine.pending).toEqual([op]);
  });

  test("a body that was too large goes in smaller ones", () => {
    const { mine, settle } = world();
    for (let n = 0; n < 10; n++)
      mine.make({ list_id: LIST, kind: "add", fields: { text: `${n}` } });
    mine.receive(mine.request(), { status: 413, code: "too_large" });
    expect(mine.request().ops).toHaveLength(5);
    settle(mine);
    expect(mine.view(LIST)!.items).toHaveLength(13);
  });

  test("an op that the service finds malformed does not hold up the others", () => {
    const { mine, milk, eggs, settle } = world();
    const bad = mine.make(set(milk, { text: "" }));
    mine.make(set(eggs, { text: "six eggs" }));
    const errors = [{ pointer: "/ops/0/fields/text", code: "too_short" }];
    mine.receive(mine.request(), { status: 422, code: "invalid_request", errors });
    expect(mine.notices.map((notice) => notice.op.op_id)).toEqual([bad.op_id]);
    expect(texts(settle(mine).view(LIST))).toEqual(["milk", "six eggs", "bread"]);
  });

  test("a service that cannot answer changes nothing", () => {
    const { mine, milk } = world();
    mine.make(set(milk, { text: "oat milk" }));
    const body = mine.request();
    const before = mine.save();
    expect(mine.receive(body, { status: 503, code: "outcome_unknown" }).results).toEqual([]);
    expect(mine.save()).toBe(before);
  });
});

describe("nothing jumps", () => {
  test("when nobody interferes, what was seen is what comes back", () => {
    const { mine, milk, eggs, bread, settle } = world();
    mine.make({ list_id: OTHER, kind: "create-list", fields: { title: "Later" } });
    settle(mine);
    const steps: (NewOp | (() => NewOp))[] = [
      set(milk, { done: true, labels: ["dairy"], due: { date: "2026-02-03" } }),
      {
        list_id: LIST,
        kind: "add",
        item_id: idOf("e", 1),
        fields: { text: "oat", parent_id: milk },
      },
      { list_id: LIST, kind: "add", item_id: idOf("e", 2), fields: { text: "jam", before: eggs } },
      on("remove", milk),
      { list_id: LIST, kind: "move", item_id: bread, fields: { after: null } },
      on("restore", milk),
      set(eggs, { done: true }),
      { list_id: LIST, kind: "clear-done" },
      () => ({ list_id: LIST, kind: "revert", fields: { revert_op: mine.pending.at(-1)!.op_id } }),
      { list_id: LIST, kind: "transfer", item_id: milk, fields: { to_list: OTHER } },
      { list_id: LIST, kind: "set-list", fields: { title: "Shopping", archived: true } },
      { list_id: LIST, kind: "revert", fields: { to_revision: mine.confirmed(LIST)!.revision } },
      { list_id: OTHER, kind: "remove-list" },
    ];
    for (const step of steps) mine.make(typeof step === "function" ? step() : step);
    const before = [shown(mine.view(LIST)), shown(mine.view(OTHER))];
    expect(texts(mine.view(OTHER))).toEqual(["milk", "oat"]);
    settle(mine);
    expect(mine.notices).toEqual([]);
    expect([shown(mine.view(LIST)), shown(mine.view(OTHER))]).toEqual(before);
  });

  test("nor when the answer comes in pages: what is done stays to be seen until it is told", () => {
    const { mine, yours, milk, bread, settle, sync } = world(2);
    for (let n = 0; n < 7; n++) yours.make(set(milk, { text: `milk ${n}` }));
    settle(yours);
    mine.make({ list_id: LIST, kind: "move", item_id: bread, fields: { after: null } });
    mine.make(set(bread, { done: true }));
    const rows = () => mine.view(LIST)!.items.map((item) => [item.id, item.done]);
    const before = rows();
    sync(mine);
    expect(mine.pending).toEqual([]);
    expect(mine.isSettled).toBe(false);
    expect(rows()).toEqual(before);
    for (let tries = 0; tries < 20 && !mine.isSettled; tries++) {
      sync(mine);
      expect(rows()).toEqual(before);
    }
    expect(mine.isSettled).toBe(true);
  });

  test("what is known of others counts: a value that will lose is not shown", () => {
    const { mine, yours, milk, settle, send } = world();
    mine.make(set(milk, { text: "soy milk", note: "two" }));
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    expect(texts(mine.view(LIST))![0]).toBe("soy milk");
    const reading = { ...mine.request(), ops: [] };
    mine.receive(reading, send(mine, reading));
    const before = shown(mine.view(LIST));
    expect(mine.view(LIST)!.items[0]).toMatchObject({ text: "oat milk", note: "two" });
    settle(mine);
    expect(shown(mine.view(LIST))).toEqual(before);
  });

  test("the last item that was removed comes back before what was added since", () => {
    const { mine, bread, settle } = world();
    mine.make(on("remove", bread));
    mine.make({ list_id: LIST, kind: "add", fields: { text: "jam" } });
    settle(mine);
    mine.make(on("restore", bread));
    expect(texts(mine.view(LIST))).toEqual(["milk", "eggs", "bread", "jam"]);
    expect(texts(settle(mine).view(LIST))).toEqual(["milk", "eggs", "bread", "jam"]);
  });
});

describe("the store as a text", () => {
  test("what was saved goes on as it was", () => {
    const { mine, around, yours, milk, eggs, settle, lose } = world();
    yours.make(on("remove", eggs));
    settle(yours);
    settle(mine);
    mine.make(set(milk, { text: "oat milk" }));
    mine.make(on("restore", eggs));
    lose(mine);
    const again = SyncClient.load(mine.save(), around);
    expect(again.save()).toBe(mine.save());
    expect(again.client_id).toBe(mine.client_id);
    expect(again.view(LIST)).toEqual(mine.view(LIST));
    expect(again.request()).toEqual(mine.request());
    settle(again);
    settle(yours);
    expect(again.view(LIST)).toEqual(yours.view(LIST));
  });

  test("another version's text is refused", () => {
    const { around } = world();
    expect(() => SyncClient.load('{"version":0}', around)).toThrow("version 0");
  });

  test("a copy has a client_id of its own; earlier ops keep theirs and go first", () => {
    const { mine, around, milk, settle, service, sync } = world();
    const old = mine.make(set(milk, { text: "oat milk" }));
    const copy = SyncClient.load(mine.save(), { ...around, copied: true });
    expect(copy.client_id).not.toBe(mine.client_id);
    const young = copy.make(set(milk, { text: "soy milk" }));
    expect(texts(copy.view(LIST))![0]).toBe("soy milk");
    const body = copy.request();
    expect([body.client_id, opIds(body)]).toEqual([mine.client_id, [old.op_id]]);
    sync(copy);
    const next = copy.request();
    expect([next.client_id, opIds(next)]).toEqual([copy.client_id, [young.op_id]]);
    settle(copy);
    // Its maker had seen the earlier op: it does not lose against it.
    expect(texts(copy.view(LIST))![0]).toBe("soy milk");
    expect(copy.notices).toEqual([]);
    settle(mine);
    expect(mine.view(LIST)).toEqual(copy.view(LIST));
    const makers = service.lists
      .get(LIST)!
      .log.slice(-2)
      .map((change) => change.client_id);
    expect(makers).toEqual([mine.client_id, copy.client_id]);
  });

  test("an older copy that is put in place sends again what was sent, and catches up", () => {
    const { mine, around, milk, eggs, bread, settle, service } = world();
    mine.make(set(milk, { text: "oat milk" }));
    const text = mine.save();
    mine.make(set(eggs, { text: "six eggs" }));
    mine.make(on("remove", bread));
    settle(mine);
    const copy = settle(SyncClient.load(text, { ...around, copied: true }));
    expect(copy.view(LIST)).toEqual(viewOf(service.lists.get(LIST)!));
    expect(copy.notices).toEqual([]);
  });

  test("what a copy has made and sent, an older text of it sends again as it was", () => {
    const { mine, yours, around, milk, eggs, settle, service } = world();
    mine.make(set(milk, { text: "oat milk" }));
    const copy = SyncClient.load(mine.save(), { ...around, copied: true });
    copy.make(set(milk, { text: "soy milk" }));
    const text = copy.save();
    settle(copy);
    yours.make(set(eggs, { text: "six eggs" }));
    settle(yours);
    const older = settle(SyncClient.load(text, { ...around, copied: true }));
    expect(older.notices).toEqual([]);
    expect(older.view(LIST)).toEqual(viewOf(service.lists.get(LIST)!));
  });

  test("what two copies sent with two bases was done by one of them", () => {
    const { mine, around, milk } = world();
    mine.make(set(milk, { text: "oat milk" }));
    const copy = SyncClient.load(mine.save(), { ...around, copied: true });
    const young = copy.make(set(milk, { text: "soy milk" }));
    const refused = (op: Op) => {
      const body = { ...copy.request(), ops: [op] };
      const result = { status: "refused" as const, code: "op_id_reused" };
      const answer = {
        cursor: "c",
        results: { [op.op_id]: result },
        lists: {},
        granted: [],
        revoked: [],
      };
      copy.receive(body, { ...answer, has_more: false });
    };
    refused(young);
    expect(copy.notices).toEqual([]);
    expect(texts(copy.view(LIST))![0]).toBe("oat milk");
    const plain = mine.make(set(milk, { text: "no milk" }));
    mine.receive(mine.request(), {
      cursor: "c",
      results: { [plain.op_id]: { status: "refused", code: "op_id_reused" } },
      lists: {},
      granted: [],
      revoked: [],
      has_more: false,
    });
    expect(mine.notices.map((notice) => notice.op.op_id)).toEqual([plain.op_id]);
  });

  test("in a copy, what another did between is not run over", () => {
    const { mine, yours, around, milk, settle } = world();
    mine.make(set(milk, { note: "two" }));
    const copy = SyncClient.load(mine.save(), { ...around, copied: true });
    yours.make(set(milk, { text: "oat milk" }));
    settle(yours);
    const young = copy.make(set(milk, { text: "soy milk" }));
    settle(copy);
    expect(texts(copy.view(LIST))![0]).toBe("oat milk");
    expect(copy.notices.map((notice) => notice.op.op_id)).toEqual([young.op_id]);
  });
});
