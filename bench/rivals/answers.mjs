// Headers of answers, problems, and the conditions of reads.
import { problemOf } from "./problems.mjs";

/** What every answer has. */
function headersOf(request) {
  const took = performance.now() - request.startedAt;
  return {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-request-id": request.id,
    "server-timing": `app;dur=${took.toFixed(2)}`,
  };
}

/** What answers about a list have: it is at `revision`. */
export function listHeadersOf(request, revision) {
  const headers = headersOf(request);
  headers.etag = `"${revision}"`;
  headers["list-revision"] = String(revision);
  headers["cache-control"] = "private, no-cache";
  headers.vary = "Authorization, Cookie, Accept-Encoding";
  return headers;
}

export function sendProblem(error, request, reply) {
  const problem = problemOf(error, request.body);
  const headers = headersOf(request);
  headers["cache-control"] = "no-store";
  headers["content-type"] = "application/problem+json";
  if (problem.status === 401) headers["www-authenticate"] = "Bearer";
  if (problem.status === 503) headers["retry-after"] = "1";
  reply
    .code(problem.status)
    .headers(headers)
    .send(Buffer.from(problem.json(request.id)));
}

/** Whether If-None-Match names the revision; tags with a suffix stand for the same list. */
export function noneMatchNames(header, revision) {
  if (header === undefined) return false;
  if (header === `"${revision}"` || header.trim() === "*") return true;
  const tags = header.matchAll(/"([1-9]\d*)(?:-[^"]*)?"/g);
  return [...tags].some((tag) => Number(tag[1]) === revision);
}
