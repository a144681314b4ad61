import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];

/** The service has refused: what is wrong, and where. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly retryAfter: number,
  ) {
    super(problem.detail);
  }

  /** What is wrong with one field, if anything. */
  field(pointer: string): string | undefined {
    return this.problem.errors?.find((each) => each.pointer === pointer)?.detail;
  }

  /** One sentence for a person. */
  get sentence(): string {
    return this.problem.errors?.[0]?.detail ?? this.problem.detail;
  }
}

/** No answer: the service may have done it or not. Repeating is safe. */
export class NetworkError extends Error {}

export const mayRepeat = (error: unknown): boolean =>
  error instanceof NetworkError ||
  (error instanceof ApiError && (error.status === 503 || error.status === 429));

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

async function send(method: Method, path: string, body?: unknown): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new NetworkError("The service does not answer.");
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
  try {
    return new ApiError(response.status, (await response.json()) as Problem, retryAfter);
  } catch {
    const problem = {
      type: "about:blank",
      title: "Error",
      status: response.status,
      detail: "The service has answered in a way that this page does not know. Load it anew.",
      code: "unknown",
      request_id: "-",
    };
    return new ApiError(response.status, problem, retryAfter);
  }
}

let refreshing: Promise<boolean> | undefined;

/** A new pair of cookies, asked for once however many requests need it. */
function refresh(): Promise<boolean> {
  refreshing ??= send("POST", "/v1/auth/refresh")
    .then((response) => {
      if (response.status >= 500 || response.status === 429) throw new NetworkError();
      return response.ok;
    })
    .finally(() => {
      refreshing = undefined;
    });
  return refreshing;
}

/** Called when the session has ended: there is nothing to do but to sign in again. */
export const session = { onEnd: () => {} };

/** The answer's JSON, or undefined where it has none. Throws ApiError or NetworkError. */
export async function request<T>(method: Method, path: string, body?: unknown): Promise<T> {
  let response = await send(method, path, body);
  const isAuth = path.startsWith("/v1/auth/") && path !== "/v1/auth/sign-out";
  if (response.status === 401 && !isAuth) {
    if (await refresh()) response = await send(method, path, body);
    if (response.status === 401) session.onEnd();
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new NetworkError("The answer broke off.");
  }
}
