// What every rival's server has, whatever its database.
import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import { sendProblem } from "./answers.mjs";
import { Problem } from "./problems.mjs";

export function makeApp() {
  const app = Fastify({
    genReqId: () => randomUUID(),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
  });
  app.removeContentTypeParser("text/plain");
  app.decorateRequest("startedAt", 0);
  app.decorateRequest("user", null);
  app.decorateRequest("list", null);
  app.decorateRequest("role", null);
  app.addHook("onRequest", (request, reply, done) => {
    request.startedAt = performance.now();
    done();
  });
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => {
    const problem = new Problem(404, "no_such_route", "There is nothing at this address.");
    sendProblem(problem, request, reply);
  });
  return app;
}
