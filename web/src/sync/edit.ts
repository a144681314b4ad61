import { childrenOf, FRESH, isLive, isParentFine, liveBefore, wholeOf } from "./state";
import type { Gone, ListState } from "./state";
import { same } from "./types";
import type { Effect, Id, Item, ItemFields, Kept, ListFields, Role, Time } from "./types";

/** A place among all items of a list, hidden ones too. */
export type Place =
  { side: "first" } | { side: "end" } | { side: "after" | "before"; neighbour: Id };

/** The members of `set` that differ from what is there. */
function differing<Fields extends object>(have: Fields, set: Partial<Fields>): Partial<Fields> {
  const keys = (Object.keys(set) as (keyof Fields)[]).filter((key) => !same(have[key], set[key]));
  return Object.fromEntries(keys.map((key) => [key, set[key]])) as Partial<Fields>;
}

function those<Fields extends object>(of: Fields, like: Partial<Fields>): Partial<Fields> {
  const keys = Object.keys(like) as (keyof Fields)[];
  return Object.fromEntries(keys.map((key) => [key, of[key]])) as Partial<Fields>;
}

/** One change in the making on a copy of a list, effect by effect. What does nothing leaves none. */
export class Edit {
  readonly effects: Effect[] = [];
  readonly kept: Kept[] = [];
  overridden: Partial<ItemFields & ListFields> = {};
  list: Partial<ListFields>;
  readonly members: Map<Id, Role>;
  readonly items: Map<Id, Item>;
  order: Id[];
  readonly gone: Map<Id, Gone>;
  readonly trashedBy: Map<Id, number>;

  constructor(
    private readonly id: Id,
    before: ListState | null,
    readonly revision: number,
    readonly at: Time,
  ) {
    this.list = before?.list ?? {};
    this.members = new Map(before?.members);
    this.items = new Map(before?.items);
    this.order = [...(before?.order ?? [])];
    this.gone = new Map(before?.gone);
    this.trashedBy = new Map(before?.trashedBy);
  }

  isLive = (id: Id): boolean => isLive(this, id);
  childrenOf = (id: Id): Id[] => childrenOf(this, id);
  isParentFine = (id: Id, parent: Id | null): boolean => isParentFine(this, id, parent);

  makeList(list: ListFields): void {
    this.list = list;
    this.effects.push({ entity: "list", id: this.id, set: list, previous: null });
  }

  setList(fields: Partial<ListFields>): void {
    const set = differing(this.list, fields);
    if (Object.keys(set).length === 0) return;
    this.effects.push({ entity: "list", id: this.id, set, previous: those(this.list, set) });
    this.list = { ...this.list, ...set };
  }

  addMember(user: Id, role: Role): void {
    this.members.set(user, role);
    this.effects.push({ entity: "member", id: user, set: { role }, previous: null });
  }

  makeItem(id: Id, fields: ItemFields, place: Place): void {
    this.items.set(id, { id, ...fields, revision: this.revision, updated_at: this.at });
    this.gone.delete(id);
    this.put(id, place);
    this.tell(id, fields, null, { after: liveBefore(this, id) });
  }

  /** Fields of an item; `deleted_at` takes it to trash, or brings it back to its place. */
  setItem(id: Id, fields: Partial<ItemFields>): void {
    const item = this.items.get(id)!;
    const set = differing<ItemFields>(item, fields);
    if (Object.keys(set).length === 0) return;
    const was_after = liveBefore(this, id);
    const row = { ...item, ...set, revision: this.revision, updated_at: this.at };
    this.items.set(id, row);
    if (item.deleted_at === null && row.deleted_at !== null) {
      this.trashedBy.set(id, this.revision);
      this.tell(id, set, wholeOf(item), { was_after });
    } else if (item.deleted_at !== null && row.deleted_at === null) {
      this.trashedBy.delete(id);
      this.tell(id, wholeOf(row), those<ItemFields>(item, set), { after: liveBefore(this, id) });
    } else {
      this.tell(id, set, those<ItemFields>(item, set), {});
    }
  }

  trash(id: Id, fields: Partial<ItemFields> = {}): void {
    this.setItem(id, { ...fields, deleted_at: this.at });
  }

  /** Back to its place, without a parent when that cannot be one any more. */
  restore(id: Id, fields: Partial<ItemFields> = {}): void {
    const parent =
      fields.parent_id === undefined ? this.items.get(id)!.parent_id : fields.parent_id;
    const parent_id = this.isParentFine(id, parent) ? parent : null;
    this.setItem(id, { ...fields, deleted_at: null, parent_id });
  }

  /** Nothing when its place among live items stays the same. */
  move(id: Id, place: Place): void {
    const was_after = liveBefore(this, id);
    const order = [...this.order];
    this.put(id, place);
    const after = liveBefore(this, id);
    if (after === was_after) {
      this.order = order;
      return;
    }
    this.items.set(id, { ...this.items.get(id)!, revision: this.revision, updated_at: this.at });
    this.tell(id, {}, {}, { after, was_after });
  }

  /** To another list: here the id and the place stay. */
  take(id: Id, to: Id): void {
    this.leave(id, wholeOf(this.items.get(id)!), { how: "moved", to });
  }

  purge(id: Id): void {
    const { deleted_at } = this.items.get(id)!;
    this.leave(id, { ...FRESH, deleted_at, purged: true }, { how: "purged" });
  }

  private leave(id: Id, previous: ItemFields, gone: Gone): void {
    this.tell(id, null, previous, this.isLive(id) ? { was_after: liveBefore(this, id) } : {});
    this.items.delete(id);
    this.trashedBy.delete(id);
    this.gone.set(id, gone);
  }

  private tell(
    id: Id,
    set: Partial<ItemFields> | null,
    previous: Partial<ItemFields> | null,
    places: { after?: Id | null; was_after?: Id | null },
  ): void {
    this.effects.push({ entity: "item", id, set, previous, ...places });
  }

  private put(id: Id, place: Place): void {
    const at = this.order.indexOf(id);
    if (at >= 0) this.order.splice(at, 1);
    let to = place.side === "first" ? 0 : this.order.length;
    if ("neighbour" in place) {
      to = this.order.indexOf(place.neighbour) + (place.side === "after" ? 1 : 0);
    }
    this.order.splice(to, 0, id);
  }
}
