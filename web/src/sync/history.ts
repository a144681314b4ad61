import { changesAfter, ITEM_FIELDS } from "./state";
import type { ListState } from "./state";
import { same } from "./types";
import type { Change, Effect, Id } from "./types";

/** Whose an op is: what the same person did on the same local store is no news to it. */
export interface Maker {
  actor_id: Id;
  client_id: Id | null;
}

/** The changes above `base` that the maker of an op may not have known. */
export function foreignSince(state: ListState, base: number, maker: Maker): Change[] {
  return changesAfter(state, base).filter(
    ({ actor_id, client_id }) => actor_id !== maker.actor_id || client_id !== maker.client_id,
  );
}

export function effectsOn(changes: readonly Change[], entity: string, id: Id): Effect[] {
  return changes.flatMap((change) =>
    change.effects.filter((effect) => effect.entity === entity && effect.id === id),
  );
}

/** The fields that an effect changed; all of an item for what was made or is gone. */
export function changedBy(effect: Effect): string[] {
  if (effect.set === null || effect.previous === null) return ITEM_FIELDS;
  const set = effect.set as Record<string, unknown>;
  const previous = effect.previous as Record<string, unknown>;
  return Object.keys(set).filter((key) => key in previous && !same(set[key], previous[key]));
}

/** Whether the effect's item comes into view, or is re-opened. */
export function bringsBack(effect: Effect): boolean {
  if (effect.entity !== "item") return false;
  const comes = effect.after !== undefined && effect.was_after === undefined;
  return comes || (effect.set?.done === false && effect.previous?.done === true);
}
