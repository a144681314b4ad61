// The two routes. The order in which an error is found is the service's: 401, what is no JSON, 404,
// 403, a list in trash, bad fields.
import { listHeadersOf, noneMatchNames, sendProblem } from "./answers.mjs";
import { itemSchema, listSchema } from "./lists.mjs";
import { Problem, invalid, notFound } from "./problems.mjs";

const TEXT_MAX = 500;

export const newItemSchema = {
  type: "object",
  required: ["text"],
  additionalProperties: false,
  properties: { text: { type: "string", minLength: 1, maxLength: TEXT_MAX } },
};

export function checkMayEdit(request) {
  if (request.role === "viewer") {
    throw new Problem(403, "forbidden", "Your role in this list does not allow that.");
  }
  if (request.list.isTrashed) {
    throw new Problem(409, "list_trashed", "The list is in the trash. Restore it first.");
  }
  request.body ??= {};
}

function mayEdit(request, reply, done) {
  checkMayEdit(request);
  done();
}

/** Answers with the list at that revision, or that the caller has it already. */
export function sendList(request, reply, revision, bodyOf) {
  const headers = listHeadersOf(request, revision);
  if (noneMatchNames(request.headers["if-none-match"], revision)) {
    reply.code(304).headers(headers).send();
    return;
  }
  headers["content-type"] = "application/json";
  reply.headers(headers).send(bodyOf());
}

function getList(request, reply) {
  const { list, role } = request;
  sendList(request, reply, list.state.revision, () => list.bodyFor(role));
}

export function opOf({ body: { text }, list, user }) {
  if (text.includes("\0") || !text.isWellFormed()) {
    const detail = "U+0000 and halves of a surrogate pair cannot be kept.";
    throw invalid({ pointer: "/text", code: "invalid_character", detail });
  }
  return { listId: list.id, user, text };
}

export function sendItem(listId, item, request, reply) {
  const headers = listHeadersOf(request, item.revision);
  headers.location = `/v1/lists/${listId}/items/${item.id}`;
  headers["content-type"] = "application/json";
  reply.code(201).headers(headers).send(item);
}

export function addRoutes(app, { mode, tokens, lists, addItem }) {
  function authenticate(request, reply, done) {
    request.user = tokens.callerOf(request.headers.authorization);
    done();
  }

  function findList(request, reply, done) {
    const list = lists.find(request.params.id);
    const role = list?.roleOf(request.user);
    if (role === undefined) throw notFound();
    request.list = list;
    request.role = role;
    done();
  }

  app.get("/v1/lists/:id", {
    onRequest: authenticate,
    preValidation: findList,
    schema: mode === "serialise" ? { response: { 200: listSchema } } : {},
    handler: getList,
  });

  app.post("/v1/lists/:id/items", {
    onRequest: authenticate,
    preValidation: [findList, mayEdit],
    schema: { body: newItemSchema, response: { 201: itemSchema } },
    handler(request, reply) {
      const op = opOf(request);
      addItem(op, (error, item) => {
        if (error === null) sendItem(op.listId, item, request, reply);
        else sendProblem(error, request, reply);
      });
    },
  });
}
