// Errors as RFC 9457 documents, with the service's words.
import { STATUS_CODES } from "node:http";

const TITLES = {
  400: "Bad request",
  401: "Not signed in",
  403: "Not allowed",
  404: "Not found",
  409: "Conflict",
  413: "Too large",
  415: "Unsupported media type",
  422: "Invalid request",
  503: "Unavailable",
};

export class Problem extends Error {
  constructor(status, code, detail, errors = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }

  json(requestId) {
    return JSON.stringify({
      type: `/problems/${this.code}`,
      title: TITLES[this.status] ?? STATUS_CODES[this.status],
      status: this.status,
      detail: this.message,
      code: this.code,
      request_id: requestId,
      errors: this.errors.length > 0 ? this.errors : undefined,
    });
  }
}

export const notFound = () =>
  new Problem(404, "not_found", "There is nothing here, or it is not yours to see.");

export const invalid = (...errors) =>
  new Problem(422, "invalid_request", "Some fields are not as they must be.", errors);

export const required = (name) => ({
  pointer: `/${name}`,
  code: "required",
  detail: "This is needed.",
});

/** What the validator of requests has found, as the service would tell it. */
export function fieldError({ keyword, instancePath, params }, body) {
  switch (keyword) {
    case "required":
      return required(params.missingProperty);
    case "additionalProperties":
      return {
        pointer: `/${params.additionalProperty}`,
        code: "unknown_field",
        detail: "There is no such field here.",
      };
    case "minLength":
      return { pointer: instancePath, code: "too_short", detail: "This cannot be empty." };
    case "maxLength": {
      const detail = `This can have at most ${params.limit} characters.`;
      return { pointer: instancePath, code: "too_long", detail };
    }
    default:
      break;
  }
  if (instancePath === "") {
    return { pointer: "", code: "wrong_type", detail: "The body must be an object." };
  }
  return body[instancePath.slice(1)] === null
    ? { pointer: instancePath, code: "null_not_allowed", detail: "This cannot be null." }
    : { pointer: instancePath, code: "wrong_type", detail: "This must be a text." };
}

/** The problem that an error of the framework, or of anything else, is told as. */
export function problemOf(error, body) {
  if (error instanceof Problem) return error;
  if (error.validation) return invalid(...error.validation.map((each) => fieldError(each, body)));
  if (error.code === "FST_ERR_CTP_EMPTY_JSON_BODY") return invalid(required("text"));
  if (error.statusCode === 413) {
    return new Problem(413, "too_large", "The body is larger than the service takes.");
  }
  if (error.statusCode === 415) {
    return new Problem(415, "unsupported_media_type", "Send the body as application/json.");
  }
  if (error.statusCode === 400) return new Problem(400, "malformed_json", "The body is not JSON.");
  console.error(error);
  return new Problem(503, "unavailable", "The service could not do that. Try again.");
}
