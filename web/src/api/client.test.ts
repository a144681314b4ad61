import { afterEach, expect, test, vi } from "vitest";
import { ApiError, mayRepeat, NetworkError, request, session } from "./client";
import { fakeService, problem } from "./testing";

afterEach(() => {
  vi.unstubAllGlobals();
  session.onEnd = () => {};
});

test("a refusal names its fields", async () => {
  fakeService(() => [
    422,
    problem(422, "invalid_request", [{ pointer: "/title", code: "too_long", detail: "Too long." }]),
  ]);
  const error = await request("POST", "/v1/lists", {}).catch((each: unknown) => each);
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).field("/title")).toBe("Too long.");
  expect((error as ApiError).field("/id")).toBeUndefined();
  expect(mayRepeat(error)).toBe(false);
});

test("requests that find the session stale at the same time refresh it once", async () => {
  let fresh = false;
  const calls = fakeService(({ path }) => {
    if (path === "/v1/auth/refresh") {
      fresh = true;
      return [200, { expires_in: 3600 }];
    }
    return fresh ? [200, { path }] : [401, problem(401, "invalid_token")];
  });
  const answers = await Promise.all([request("GET", "/v1/me"), request("GET", "/v1/lists")]);
  expect(answers).toEqual([{ path: "/v1/me" }, { path: "/v1/lists" }]);
  expect(calls.filter((call) => call.path === "/v1/auth/refresh")).toHaveLength(1);
});

test("a session that cannot be refreshed has ended", async () => {
  const ended = vi.fn();
  session.onEnd = ended;
  fakeService(() => [401, problem(401, "invalid_token")]);
  await expect(request("GET", "/v1/me")).rejects.toBeInstanceOf(ApiError);
  expect(ended).toHaveBeenCalledOnce();
});

test("a session is not ended because the refresh had no answer", async () => {
  const ended = vi.fn();
  session.onEnd = ended;
  fakeService(({ path }) =>
    path === "/v1/auth/refresh" ? "down" : [401, problem(401, "invalid_token")],
  );
  await expect(request("GET", "/v1/me")).rejects.toBeInstanceOf(NetworkError);
  expect(ended).not.toHaveBeenCalled();
});

test("a wrong password is not a stale session", async () => {
  const calls = fakeService(() => [401, problem(401, "invalid_credentials")]);
  await expect(request("POST", "/v1/auth/sign-in", {})).rejects.toBeInstanceOf(ApiError);
  expect(calls).toHaveLength(1);
});
