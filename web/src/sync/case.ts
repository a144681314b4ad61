import type { FieldError, Intent } from "./decide";
import type { Edit, Place } from "./edit";
import { isLive, type ListState } from "./state";
import type { Id, Item, OpFields, Result, Status } from "./types";

/** Thrown by rules, told by decide(). */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly errors?: readonly FieldError[],
    readonly told?: Result["fields"],
  ) {
    super(code);
  }
}

/** What a rule comes to, besides the effects in `edit`. */
export interface Ruling {
  status: Status;
  edit: Edit;
  code?: string;
  told?: Result["fields"];
  cleared?: number;
  other?: { before: ListState; edit: Edit };
}

/** What a rule is given. It has been checked that its maker may do this to the list. */
export interface Case {
  state: ListState;
  intent: Intent;
  isSync: boolean;
  /** What the maker had seen. */
  base: number;
  target: ListState | null;
  open: (list: ListState) => Edit;
  sees: (list: Id) => boolean;
  ruling: Ruling;
}

export type Rule = (given: Case) => void;

/** What is wrong with the request's fields, all at once. */
export function checkFields({ intent }: Case, ...more: (FieldError | undefined)[]): void {
  const errors = [...(intent.errors ?? []), ...more.filter((error) => error !== undefined)];
  if (errors.length) throw new Refusal("invalid_request", errors);
}

/** The item that is meant, live or in trash. */
export function itemOf({ state, intent, isSync, sees }: Case): Item {
  const id = intent.item_id!;
  const gone = state.gone.get(id);
  const item = state.items.get(id);
  if (gone && isSync) {
    if (gone.how === "purged") throw new Refusal("purged");
    const to = gone.to !== undefined && sees(gone.to) ? { to_list: gone.to } : undefined;
    throw new Refusal("item_moved", undefined, to);
  }
  if (gone || !item) throw new Refusal("not_found");
  return item;
}

const SIDES = ["after", "before"] as const;

/** The place that fields name in `list`: a fault of it, or, by sync, where it is not known. */
export function placeIn(
  list: ListState,
  fields: OpFields,
  isSync: boolean,
  itself?: Id,
): { place: Place; isUnknown?: true; error?: FieldError } {
  const side = SIDES.find((each) => fields[each] !== undefined);
  const neighbour = side && fields[side];
  if (!side) return { place: { side: "end" } };
  if (typeof neighbour !== "string") return { place: { side: side === "after" ? "first" : "end" } };
  if (isSync) {
    // Gone or not: beside where it stands or stood.
    const isKnown = neighbour !== itself && list.order.includes(neighbour);
    return isKnown ? { place: { side, neighbour } } : { place: { side: "end" }, isUnknown: true };
  }
  if (isLive(list, neighbour)) return { place: { side, neighbour } };
  const error = { pointer: `/${side}`, code: "invalid_neighbour" };
  return { place: { side: "end" }, isUnknown: true, error };
}
