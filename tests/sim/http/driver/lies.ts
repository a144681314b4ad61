/** What a service that is wrong would answer, once in a run: for tests of the judge. */
import type { Id, SyncAnswer, SyncBody } from "../../../../web/src/sync/types";

export interface Liar {
  /** Whether this answer is now a lie. */
  spoil: (body: SyncBody, answer: SyncAnswer) => boolean;
  /** Whether this op is kept from the service; it will be told as done. */
  swallows?: boolean;
}

/** `unseen`: lists that the one who asks does not see. */
export function liarOf(
  kind: string,
  unseen: (user: Id) => Id[],
  isRepeat: (op: Id) => boolean,
): Liar {
  const changesOf = (answer: SyncAnswer) =>
    Object.values(answer.lists).flatMap((entry) => (entry.reset ? [] : [entry.changes]));
  switch (kind) {
    case "lost op":
      return { swallows: true, spoil: () => true };
    case "another result":
      return {
        spoil: (body, { results }) => {
          const op = body.ops?.find(({ op_id }) => isRepeat(op_id) && results[op_id]?.revision);
          if (op) results[op.op_id]!.revision! += 1;
          return op !== undefined;
        },
      };
    case "a gap":
      return {
        spoil: (_, answer) => {
          const changes = changesOf(answer).find((each) => each.length > 2);
          if (changes) (changes as unknown[]).splice(1, 1);
          return changes !== undefined;
        },
      };
    case "another value":
      return {
        spoil: (_, answer) => {
          const effects = changesOf(answer).flatMap((each) =>
            each.flatMap(({ effects }) => effects),
          );
          const effect = effects.find(
            (each) => each.entity === "item" && each.set && "text" in each.set,
          );
          if (effect?.entity === "item" && effect.set) effect.set.text = "a lie";
          return effect !== undefined;
        },
      };
    case "somebody else's":
      return {
        spoil: (body, answer) => {
          const list = unseen(body.user_id).find((id) => !(id in answer.lists));
          if (list) answer.lists[list] = { revision: 1, changes: [] };
          return list !== undefined;
        },
      };
    default:
      throw new Error(`nobody lies by ${kind}`);
  }
}
