import { decide } from "./decide";
import { changesAfter, type ListState } from "./state";
import { epochOf } from "./types";
import type { Id, Op, Result, Time } from "./types";

/** An op that is made and whose effect the service has not shown yet. */
export interface Pending {
  readonly op: Op;
  /** The local store that it was made in. */
  readonly client_id: Id;
  readonly made_at: Time;
  /** It may have reached the service: it never changes again. */
  readonly sent: boolean;
  /** It is done; what is held does not show it yet. */
  readonly result?: Result;
  /** Ops of the store that this one was copied from, pending when this one was made. */
  readonly inherited?: readonly Id[];
}

/**
 * What is made in a copy comes after what the copied store made, and its maker had seen that: but for
 * the service it is another's. So the base follows, as long as nobody else has come between.
 */
export function baseOf({ op, inherited }: Pending, state: ListState | null): number {
  let base = op.base_revision ?? 0;
  if (!inherited || !state) return base;
  for (const change of changesAfter(state, base)) {
    if (!inherited.includes(change.op_id)) break;
    base = change.revision;
  }
  return base;
}

export type States = ReadonlyMap<Id, ListState>;

/**
 * The lists as they will be when the op is done: decided as the service does, with all that is known
 * of what others did since. What would be refused leaves them as they are.
 */
export function predict(states: States, pending: Pending, user: Id): States {
  const { op, client_id, made_at } = pending;
  const state = states.get(op.list_id) ?? null;
  if (state?.log.some((change) => change.op_id === op.op_id)) return states; // It shows already.
  const to = op.fields?.to_list;
  const base = Math.max(baseOf(pending, state), state?.cut.revision ?? 0);
  const outcome = decide(
    state,
    { ...op, base_revision: base, actor_id: user, client_id },
    {
      now: made_at,
      epoch: epochOf(state?.revision ?? 0),
      target: to === undefined ? null : (states.get(to) ?? null),
    },
  );
  if (outcome.refused !== undefined || !outcome.state) return states;
  const after = new Map(states).set(op.list_id, outcome.state);
  if (outcome.other) after.set(outcome.other.state.id, outcome.other.state);
  return after;
}
