import { ITEM_FIELDS, liveBefore, membersOf, NOTHING, viewOf } from "./state";
import type { Gone, ListState, View } from "./state";
import { countOf, KINDS, same } from "./types";
import type { Change, Effect, Id, Item, ItemEffect, ItemFields, Role, Time } from "./types";

/** The change does not belong to what it was applied to. */
export class Misfit extends Error {}

/** The view after the next change; throws a Misfit. */
export function apply(view: View | null, change: Change): View {
  const before = view ?? NOTHING;
  const draft = Draft.ofView(before);
  draft.run(change, before);
  return draft.view(change.revision, change.at);
}

/**
 * The view before its last change, null when that made the list; throws a Misfit. `before` is the
 * revision and time of the change before it, which the change does not tell; nor does it tell those
 * of the items that it touched.
 */
export function unapply(
  view: View,
  change: Change,
  before: { revision: number; updated_at: Time | null },
): View | null {
  need(view.revision === change.revision, "Not the last change.");
  const draft = Draft.ofView(view);
  for (const effect of [...change.effects].reverse()) {
    draft.step(turned(effect));
    draft.touch(effect, 0, null);
  }
  if (draft.list === null) {
    need(draft.members.size === 0 && draft.items.size === 0, "Something is left of no list.");
    return null;
  }
  return draft.view(before.revision, before.updated_at);
}

/** A list as it was at a revision that its log has, by running the log backwards. */
export function viewAt(state: ListState, revision: number): View | null {
  let view: View | null = viewOf(state);
  for (let n = state.log.length - 1; n >= 0 && state.log[n]!.revision > revision; n--) {
    const before = state.log[n - 1] ?? { revision: state.cut.revision, at: state.cut.at };
    need(view !== null, "There is a change before the list was made.");
    view = unapply(view, state.log[n]!, { revision: before.revision, updated_at: before.at });
  }
  return view;
}

/**
 * What a client knows of a list after the next changes (null: it knew nothing): besides the view the
 * trash, and the places of what is out of view, as far as changes tell them. Throws a Misfit.
 */
export function advance(
  state: ListState | null,
  changes: readonly Change[],
  listId: Id,
): ListState | null {
  const draft = state ? Draft.ofState(state) : new Draft(true);
  let { revision, updated_at }: Pick<View, "revision" | "updated_at"> = state ?? NOTHING;
  for (const change of changes) {
    draft.run(change, { revision, updated_at });
    ({ revision, at: updated_at } = change);
  }
  const { list, members, items, order, gone, trashedBy } = draft;
  if (!list) return null;
  const first = changes[0];
  const maker = first?.kind === "create-list" ? first.actor_id : null;
  return {
    id: listId,
    creator_id: state ? state.creator_id : maker,
    revision,
    updated_at,
    list,
    members,
    items,
    order,
    gone,
    trashedBy,
    log: [...(state?.log ?? []), ...changes],
    cut: state?.cut ?? { revision: 0, at: null },
    ops: new Map(),
  };
}

function need(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Misfit(otherwise);
}

/** The effect that takes one back. */
function turned(effect: Effect): Effect {
  const { set, previous, after, was_after, ...rest } = effect;
  return {
    ...rest,
    set: previous,
    previous: set,
    ...(was_after !== undefined ? { after: was_after } : {}),
    ...(after !== undefined ? { was_after: after } : {}),
  } as Effect;
}

/** Whether `have` is what `said` says; of what was purged nobody can tell. */
function agrees<Fields extends object>(have: Fields, said: Partial<Fields>): boolean {
  if ("purged" in have || "purged" in said) return true;
  return (Object.keys(said) as (keyof Fields)[]).every((key) => same(have[key], said[key]));
}

/** Something that changes are run on. With `keepsHidden` it holds what is out of view, too. */
class Draft {
  list: View["list"] = null;
  members = new Map<Id, Role>();
  items = new Map<Id, Item>();
  order: Id[] = [];
  gone = new Map<Id, Gone>();
  trashedBy = new Map<Id, number>();
  private change: Change | undefined;

  constructor(private readonly keepsHidden: boolean) {}

  static ofView(view: View): Draft {
    const draft = new Draft(false);
    draft.list = view.list;
    draft.members = new Map(view.members.map((member) => [member.user_id, member.role]));
    draft.items = new Map(view.items.map((item) => [item.id, item]));
    draft.order = view.items.map((item) => item.id);
    return draft;
  }

  static ofState(state: ListState): Draft {
    const draft = new Draft(true);
    draft.list = state.list;
    draft.members = new Map(state.members);
    draft.items = new Map(state.items);
    draft.order = [...state.order];
    draft.gone = new Map(state.gone);
    draft.trashedBy = new Map(state.trashedBy);
    return draft;
  }

  view(revision: number, updated_at: Time | null): View {
    return {
      revision,
      updated_at,
      list: this.list,
      members: membersOf(this.members),
      items: this.order.map((id) => this.items.get(id)!),
    };
  }

  run(change: Change, before: { revision: number; updated_at: Time | null }): void {
    const follows =
      countOf(change.revision) === countOf(before.revision) + 1 &&
      change.revision > before.revision;
    need(follows, `There is a gap: ${change.revision} after ${before.revision}.`);
    need(KINDS.includes(change.kind), `Nobody here knows the kind ${change.kind}.`);
    need(before.updated_at === null || change.at >= before.updated_at, "Time runs backwards.");
    this.change = change;
    for (const effect of change.effects) {
      this.step(effect);
      this.touch(effect, change.revision, change.at);
    }
  }

  /** An item's revision and time follow from the changes with an effect on it. */
  touch(effect: Effect, revision: number, updated_at: Time | null): void {
    const item = effect.entity === "item" ? this.items.get(effect.id) : undefined;
    if (item) this.items.set(item.id, { ...item, revision, updated_at });
  }

  step(effect: Effect): void {
    switch (effect.entity) {
      case "list": {
        const { set, previous } = effect;
        need((previous === null) === (this.list === null), "Made twice, or changed before.");
        need(this.list === null || agrees(this.list, previous!), "The list was not so.");
        this.list = set && ({ ...this.list, ...set } as View["list"]);
        break;
      }
      case "member": {
        const { id, set, previous } = effect;
        const have = this.members.get(id);
        need((previous === null) === (have === undefined), "Came twice, or went before coming.");
        need(previous === null || previous.role === have, "The role was not so.");
        if (set?.role) this.members.set(id, set.role);
        else this.members.delete(id);
        break;
      }
      case "item":
        this.stepItem(effect);
        break;
      case "link": // Not part of what a client holds.
        break;
      default:
        throw new Misfit("Nobody here knows that entity.");
    }
  }

  private stepItem(effect: ItemEffect): void {
    const { id, set, previous, after, was_after } = effect;
    const have = this.items.get(id);
    const comes = after !== undefined;
    if (have?.deleted_at !== null && !comes) {
      if (this.keepsHidden) this.stepHidden(effect, have);
      return;
    }
    if (have?.deleted_at === null) {
      need(previous !== null, "An item was made twice.");
      need(agrees<ItemFields>(have, previous), "The item was not so.");
      if (was_after === undefined) {
        need(!comes, "An item comes that is there.");
        need(set !== null, "An item goes from no place.");
        this.items.set(id, { ...have, ...set });
        return;
      }
      need(liveBefore(this, id) === was_after, "The item did not stand there.");
      if (!comes) {
        need(set === null || typeof set.deleted_at === "string", "An item leaves without reason.");
        this.leave(id, set && { ...have, ...set });
        return;
      }
      this.items.set(id, { ...have, ...set });
    } else {
      need(
        set !== null && set.deleted_at === null && ITEM_FIELDS.every((key) => key in set),
        "An item comes into view in parts, or in trash.",
      );
      this.items.set(id, { id, ...(set as ItemFields), revision: 0, updated_at: null });
      this.gone.delete(id);
      this.trashedBy.delete(id);
    }
    this.put(id, after!);
  }

  /** Nobody sees it; what is known of it may be in parts. */
  private stepHidden({ id, set }: ItemEffect, have: Item | undefined): void {
    if (set === null) this.leave(id, null);
    else if (have) this.items.set(id, { ...have, ...set });
  }

  private leave(id: Id, item: Item | null): void {
    if (item && this.keepsHidden) {
      this.items.set(id, item);
      this.trashedBy.set(id, this.change!.revision);
      return;
    }
    this.items.delete(id);
    this.trashedBy.delete(id);
    if (this.keepsHidden) {
      this.gone.set(id, { how: this.change!.kind === "purge" ? "purged" : "moved" });
    } else {
      this.order.splice(this.order.indexOf(id), 1);
    }
  }

  /**
   * After a live item, or first; where it stands when that is so. Among hidden ones nobody tells
   * where: behind the last live item it was most likely put at the end.
   */
  private put(id: Id, after: Id | null): void {
    need(after === null || this.items.get(after)?.deleted_at === null, "After one out of view.");
    const at = this.order.indexOf(id);
    if (at >= 0 && liveBefore(this, id) === after) return;
    if (at >= 0) this.order.splice(at, 1);
    const to = after === null ? 0 : this.order.indexOf(after) + 1;
    const isLast = !this.order.slice(to).some((each) => this.items.get(each)?.deleted_at === null);
    this.order.splice(isLast ? this.order.length : to, 0, id);
  }
}
