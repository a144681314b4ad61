// Access tokens: JWTs that the service has signed with RS256. Each is verified once, and then known
// by its text until it expires.
import { createPublicKey, verify } from "node:crypto";
import { bytesOf, isUuid7 } from "./ids.mjs";
import { Problem } from "./problems.mjs";

const KNOWN_MAX = 100_000;
const SKEW_SECONDS = 60;

export const unauthorized = () => new Problem(401, "unauthorized", "Sign in first.");
export const invalidToken = () =>
  new Problem(401, "invalid_token", "The token is not valid, or has expired. Sign in again.");

function objectOf(part) {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return null;
  }
}

function areInForce(claims, now) {
  return (
    claims?.iss === "lists" &&
    claims.aud === "lists" &&
    isUuid7(claims.sub) &&
    isUuid7(claims.sid) &&
    Number.isInteger(claims.gen) &&
    Number.isInteger(claims.exp) &&
    claims.exp * 1000 > now &&
    claims.iat <= now / 1000 + SKEW_SECONDS &&
    (claims.nbf === undefined || claims.nbf <= now / 1000 + SKEW_SECONDS)
  );
}

export const tokenIn = (authorization) => /^bearer +(\S+)\s*$/i.exec(authorization ?? "")?.[1];

/** A token's parts; `kid` names the key that has signed it. */
export function partsOf(token) {
  const [head, body, signature, rest] = token.split(".");
  if (signature === undefined || rest !== undefined) throw invalidToken();
  const header = objectOf(head);
  if (header?.alg !== "RS256" || header.typ !== "at+jwt" || "crit" in header) throw invalidToken();
  return { kid: String(header.kid), signed: `${head}.${body}`, body, signature };
}

/** What the token says, once its signature and times are found right. `row` is the key's. */
export function claimsOf({ signed, body, signature }, row) {
  if (row === undefined) throw invalidToken();
  const jwk = { kty: "RSA", n: row.modulus, e: row.exponent };
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (!verify("RSA-SHA256", Buffer.from(signed), key, Buffer.from(signature, "base64url"))) {
    throw invalidToken();
  }
  const claims = objectOf(body);
  if (!areInForce(claims, Date.now())) throw invalidToken();
  return claims;
}

/** Users by the whole header of their token, which saves a cut for each request. */
export class KnownCallers {
  #known = new Map();

  find(header) {
    const known = this.#known.get(header);
    return known !== undefined && known.expiresAt > Date.now() ? known.user : undefined;
  }

  keep(header, claims) {
    if (this.#known.size >= KNOWN_MAX) this.#known.delete(this.#known.keys().next().value);
    this.#known.set(header, { user: claims.sub, expiresAt: claims.exp * 1000 });
  }
}

export class Tokens {
  #database;
  #known = new KnownCallers();
  #readKey;
  #readSession;
  #markUsed;

  constructor(database) {
    this.#database = database;
    this.#readKey = database.prepare(
      "SELECT modulus, exponent FROM signing_keys WHERE id = ? AND expires_at > ?",
    );
    this.#readSession = database.prepare(
      "SELECT s.user_id, s.generation, s.used_at FROM sessions s JOIN users u ON u.id = s.user_id" +
        " WHERE s.id = ? AND s.ended_at IS NULL AND s.expires_at > ? AND u.deleted_at IS NULL",
    );
    this.#markUsed = database.prepare(
      "UPDATE sessions SET used_at = ? WHERE id = ? AND generation = ? AND used_at IS NULL",
    );
  }

  /** The id of the user whose token the Authorization header holds. */
  callerOf(header) {
    const known = this.#known.find(header);
    if (known !== undefined) return known;
    const token = tokenIn(header);
    if (token === undefined) throw unauthorized();
    const parts = partsOf(token);
    const claims = claimsOf(parts, this.#readKey.get(parts.kid, Date.now()));
    this.#checkSession(claims);
    this.#known.keep(header, claims);
    return claims.sub;
  }

  /** The session must not have ended. The first use of its newest token is noted down. */
  #checkSession(claims) {
    const id = bytesOf(claims.sid);
    const session = this.#readSession.get(id, Date.now());
    if (session === undefined || !session.user_id.equals(bytesOf(claims.sub))) throw invalidToken();
    if (session.generation !== claims.gen || session.used_at !== null) return;
    setImmediate(() => this.#noteUse(id, claims.gen));
  }

  #noteUse(session, generation) {
    try {
      this.#database.write(() => this.#markUsed.run(Date.now(), session, generation));
    } catch (error) {
      console.error(error); // The request itself does not depend on it.
    }
  }
}
