export { apply, Misfit, unapply } from "./apply";
export { OPS_MAX, SyncClient } from "./client";
export type { NewOp, Notice, Received, Surroundings } from "./client";
export { decide, resultOf } from "./decide";
export type { Context, Decision, Intent, Outcome, Refused } from "./decide";
export { viewOf } from "./state";
export type { ListState, View } from "./state";
export type * from "./types";
