export { apply, Misfit, unapply } from "./apply";
export { OPS_MAX, SyncClient } from "./client";
export type { Received, Surroundings } from "./client";
export { decide, resultOf } from "./decide";
export type { Context, Decision, Intent, Outcome, Refused } from "./decide";
export type { NewOp, Notice } from "./notices";
export { viewOf } from "./state";
export type { ListState, View } from "./state";
export type * from "./types";
