// The service's PostgreSQL database: a pool of connections, statements that are prepared once on each.
import pg from "pg";

const POOL_SIZE = 16;
const BIGINT = 20;
const TIMESTAMPTZ = 1184;

/** `2027-03-01 08:00:00.12+00` as the API has it; to make a Date of each would cost more. */
function timeOf(text) {
  const fraction = text.length > 22 ? text.slice(20, -3).padEnd(3, "0") : "000";
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`;
}

pg.types.setTypeParser(BIGINT, Number);
pg.types.setTypeParser(TIMESTAMPTZ, timeOf);

export class Database {
  #pool;

  constructor(url) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: POOL_SIZE,
      pipeline: true, // What is asked on one connection is sent without waiting for answers.
      options: "-c TimeZone=UTC",
    });
    this.#pool.on("error", (error) => console.error(error));
  }

  /** Results of `queries`, in their order; they go to one connection at once. */
  async run(queries) {
    const client = await this.#pool.connect();
    try {
      const results = await Promise.all(queries.map((query) => client.query(query)));
      client.release();
      return results;
    } catch (error) {
      client.release(error);
      throw error;
    }
  }

  close() {
    return this.#pool.end();
  }
}
