import { vi } from "vitest";
import type { Problem } from "./client";

export interface Call {
  method: string;
  path: string;
  body: unknown;
}

/** A service that answers as `answer` says: a status and a body, or "down" for no answer at all. */
export function fakeService(answer: (call: Call, n: number) => [number, unknown] | "down"): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const body = init.body ? (JSON.parse(String(init.body)) as unknown) : undefined;
    const call = { method: init.method ?? "GET", path, body };
    calls.push(call);
    const answered = answer(call, calls.length);
    if (answered === "down") return Promise.reject(new TypeError("failed to fetch"));
    const [status, json] = answered;
    const text = json === undefined ? null : JSON.stringify(json);
    return Promise.resolve(new Response(text, { status }));
  });
  return calls;
}

export const problem = (status: number, code: string, errors?: Problem["errors"]): Problem => ({
  type: `/problems/${code}`,
  title: "No",
  status,
  detail: `It is ${code}.`,
  code,
  request_id: "r",
  ...(errors ? { errors } : {}),
});
