// The two routes, as those over SQLite.
import { isUuid7 } from "../ids.mjs";
import { itemSchema, listSchema } from "../lists.mjs";
import { notFound } from "../problems.mjs";
import { checkMayEdit, newItemSchema, opOf, sendItem, sendList } from "../routes.mjs";
import { roleIn } from "./lists.mjs";

export function addRoutes(app, { tokens, lists, writer }) {
  function authenticate(request, reply, done) {
    const { authorization } = request.headers;
    request.user = tokens.known(authorization);
    if (request.user !== undefined) return done();
    const take = (user) => {
      request.user = user;
      done();
    };
    tokens.callerOf(authorization).then(take, done);
  }

  /** Who asks must be a member of the list. */
  function take(list, request) {
    const role = list && roleIn(list, request.user);
    if (role === undefined) throw notFound();
    request.list = list;
    request.role = role;
  }

  app.get("/v1/lists/:id", {
    onRequest: authenticate,
    schema: { response: { 200: listSchema } },
    async handler(request, reply) {
      take(await lists.read(request.params.id), request);
      const { list, role } = request;
      sendList(request, reply, list.revision, () => ({ role, ...list }));
      return reply;
    },
  });

  app.post("/v1/lists/:id/items", {
    onRequest: authenticate,
    async preValidation(request) {
      const { id } = request.params;
      take(isUuid7(id) ? await lists.hold(id) : undefined, request);
      checkMayEdit(request);
    },
    schema: { body: newItemSchema, response: { 201: itemSchema } },
    async handler(request, reply) {
      const op = opOf(request);
      sendItem(op.listId, await writer.add(op), request, reply);
      return reply;
    },
  });
}
