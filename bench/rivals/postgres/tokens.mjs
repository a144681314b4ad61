// Access tokens: each is verified once, and then known by its text until it expires.
import {
  KnownCallers,
  claimsOf,
  invalidToken,
  partsOf,
  tokenIn,
  unauthorized,
} from "../tokens.mjs";

const readKey = (id) => ({
  name: "keys.read",
  text: "SELECT modulus, exponent FROM signing_keys WHERE id = $1 AND expires_at > now()",
  values: [id],
});
const readSession = (id) => ({
  name: "sessions.read",
  text:
    "SELECT s.user_id, s.generation, s.used_at FROM sessions s JOIN users u ON u.id = s.user_id" +
    " WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > now() AND u.deleted_at IS NULL",
  values: [id],
});
const markUsed = (id, generation) => ({
  name: "sessions.used",
  text: "UPDATE sessions SET used_at = now() WHERE id = $1 AND generation = $2 AND used_at IS NULL",
  values: [id, generation],
});

export class Tokens {
  #database;
  #known = new KnownCallers();

  constructor(database) {
    this.#database = database;
  }

  /** The id of the user whose token the Authorization header holds, if it was seen before. */
  known(header) {
    return this.#known.find(header);
  }

  async callerOf(header) {
    const token = tokenIn(header);
    if (token === undefined) throw unauthorized();
    const parts = partsOf(token);
    const [{ rows: keys }] = await this.#database.run([readKey(parts.kid)]);
    const claims = claimsOf(parts, keys[0]);
    await this.#checkSession(claims);
    this.#known.keep(header, claims);
    return claims.sub;
  }

  /** The session must not have ended. The first use of its newest token is noted down. */
  async #checkSession({ sid, sub, gen }) {
    const [{ rows: sessions }] = await this.#database.run([readSession(sid)]);
    const session = sessions[0];
    if (session === undefined || session.user_id !== sub) throw invalidToken();
    if (session.generation !== gen || session.used_at !== null) return;
    await this.#database.run([markUsed(sid, gen)]);
  }
}
