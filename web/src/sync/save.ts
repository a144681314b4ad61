import type { Want } from "./held";
import type { Notice } from "./notices";
import type { Pending } from "./predict";
import type { ListState } from "./state";
import type { Id } from "./types";

const VERSION = 1;

/** All that a client is. */
export interface Saved {
  user_id: Id;
  client_id: Id;
  cursor: string | undefined;
  held: Map<Id, ListState>;
  wants: Map<Id, Want>;
  queue: readonly Pending[];
  told: readonly Notice[];
}

/** A list in JSON: maps are arrays of their entries. */
type Stored = {
  [Key in keyof ListState]: ListState[Key] extends ReadonlyMap<infer K, infer V>
    ? [K, V][]
    : ListState[Key];
};

interface Text extends Omit<Saved, "held" | "wants"> {
  version: number;
  held: Stored[];
  wants: [Id, Want][];
}

export function save({ held, wants, ...rest }: Saved): string {
  const stored = [...held.values()].map((state): Stored => ({
    ...state,
    members: [...state.members],
    items: [...state.items],
    gone: [...state.gone],
    trashedBy: [...state.trashedBy],
    ops: [],
  }));
  const text: Text = { ...rest, version: VERSION, held: stored, wants: [...wants] };
  return JSON.stringify(text);
}

/** Throws when the text is none that `save` made. */
export function load(text: string): Saved {
  const { version, held, wants, cursor, ...rest } = JSON.parse(text) as Text;
  if (version !== VERSION) throw new Error(`A store of version ${version} cannot be read.`);
  const states = held.map((state): [Id, ListState] => [
    state.id,
    {
      ...state,
      members: new Map(state.members),
      items: new Map(state.items),
      gone: new Map(state.gone),
      trashedBy: new Map(state.trashedBy),
      ops: new Map(),
    },
  ]);
  return { ...rest, cursor, held: new Map(states), wants: new Map(wants) };
}
