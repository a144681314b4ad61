/** What people think of doing: ops of every kind, on what their client shows. */
import type { SyncClient } from "../../../../web/src/sync/client";
import type { NewOp } from "../../../../web/src/sync/notices";
import type { Id, OpFields, OpKind } from "../../../../web/src/sync/types";
import type { Chance } from "./chance";

const LISTS_MAX = 12;
const ITEMS_ENOUGH = 60;

const SHARES: [OpKind, number][] = [
  ["add", 24],
  ["set", 30],
  ["move", 14],
  ["remove", 8],
  ["restore", 7],
  ["clear-done", 3],
  ["transfer", 5],
  ["revert", 6],
  ["set-list", 2],
  ["remove-list", 1],
  ["restore-list", 0.5],
];

export class Inventor {
  /** Texts and titles are told apart: each is given once. */
  private n = 0;

  constructor(
    private readonly chance: Chance,
    /** Those that most work on. */
    private readonly shared: readonly Id[],
  ) {}

  text = (): string => `t${++this.n}`;

  invent(client: SyncClient): NewOp | undefined {
    const { chance } = this;
    const { lists } = client;
    if (lists.length < LISTS_MAX && chance.maybe(lists.length ? 0.01 : 0.1)) {
      return {
        list_id: chance.id(),
        kind: "create-list",
        fields: { title: this.text() },
      };
    }
    if (lists.length === 0) return undefined;
    const shared = lists.filter((id) => this.shared.includes(id));
    const list_id = chance.any(shared.length && chance.maybe(0.75) ? shared : lists);
    const state = client.state(list_id)!;
    const role = state.members.get(client.user_id);
    if (role === "viewer" && chance.maybe(0.8)) return undefined;
    const view = client.view(list_id)!;
    const live = view.items.map((item) => item.id);
    const trash = [...state.items.values()].flatMap((item) => (item.deleted_at ? [item.id] : []));
    const isHidden = state.list.deleted_at !== null;
    if (isHidden && chance.maybe(0.3)) return { list_id, kind: "restore-list" };
    if (isHidden && chance.maybe(0.8)) return undefined;
    const kind = chance.weighted(
      live.length > ITEMS_ENOUGH
        ? SHARES.map(
            ([each, share]) => [each, /remove$|clear/.test(each) ? share * 4 : share] as const,
          )
        : SHARES,
    );
    const item_id =
      live.length && chance.maybe(0.93) ? chance.any(live) : chance.any([...trash, ""]);
    const on = { list_id, kind };
    switch (kind) {
      case "add": {
        const parent = live.length && chance.maybe(0.3) ? { parent_id: chance.any(live) } : {};
        return {
          ...on,
          fields: { text: this.text(), ...parent, ...this.place(live) },
        };
      }
      case "set-list":
        return {
          ...on,
          fields: chance.maybe(0.7) ? { title: this.text() } : { archived: chance.maybe(0.5) },
        };
      case "clear-done":
      case "remove-list":
      case "restore-list":
        return on;
      case "restore":
        return trash.length ? { ...on, item_id: chance.any(trash) } : undefined;
      case "revert": {
        if (chance.maybe(0.3)) {
          return {
            ...on,
            fields: {
              to_revision: Math.max(state.revision - chance.below(10), 0),
            },
          };
        }
        const ops = state.log.slice(-20).map((change) => change.op_id);
        return ops.length ? { ...on, fields: { revert_op: chance.any(ops) } } : undefined;
      }
    }
    if (!item_id) return undefined;
    if (kind === "set") return { ...on, item_id, fields: this.someFields(live) };
    if (kind === "move") {
      const others = [...live.filter((id) => id !== item_id), ...trash.slice(-2)];
      const place = this.place(others);
      return {
        ...on,
        item_id,
        fields: Object.keys(place).length ? place : { before: null },
      };
    }
    if (kind === "transfer") {
      return {
        ...on,
        item_id,
        fields: { to_list: chance.any(lists), ...this.place(live) },
      };
    }
    return { ...on, item_id };
  }

  place(ids: Id[]): OpFields {
    if (ids.length === 0 || this.chance.maybe(0.3)) return {};
    const neighbour = this.chance.any([...ids, null]);
    return this.chance.maybe(0.5) ? { after: neighbour } : { before: neighbour };
  }

  someFields(live: Id[]): OpFields {
    const { chance } = this;
    const fields: OpFields = {};
    for (let n = chance.any([1, 1, 2, 3]); n > 0; n--) {
      const parent = live.length && chance.maybe(0.6) ? chance.any(live) : null;
      Object.assign(
        fields,
        chance.any([
          { text: this.text() },
          { done: chance.maybe(0.7) },
          { done: chance.maybe(0.7) },
          { note: chance.any(["", "n", "ein längerer Text, 漢字 😀"]) },
          {
            due: chance.any([
              null,
              { date: "2026-02-03" },
              { local: "2026-03-29T02:30:00" },
              { at: "2026-02-03T04:05:06.789Z", tz: "Europe/Berlin" },
            ]),
          },
          { labels: chance.any([[], ["a"], ["a", "b"]]) },
          { parent_id: parent },
        ]),
      );
    }
    return fields;
  }
}
