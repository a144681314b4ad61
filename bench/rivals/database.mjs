// The service's own database, opened as the service opens it: the same file, durability and caches.
import path from "node:path";
import Sqlite from "better-sqlite3";

const FILE = "lists.db";
const APPLICATION_ID = 0x4c495354;
const SCHEMA = 5; // The number of the last migration of the product.

function configure(sql) {
  sql.pragma("journal_mode = WAL");
  sql.pragma("synchronous = FULL");
  sql.pragma("foreign_keys = ON");
  sql.pragma("cache_size = -32768");
  sql.pragma("temp_store = MEMORY");
  sql.pragma("journal_size_limit = 67108864");
  sql.pragma("wal_autocheckpoint = 16000");
}

export class Database {
  #tx = 0;
  #readTx;
  #transaction;

  constructor(folder) {
    this.sql = new Sqlite(path.join(folder, FILE), { fileMustExist: true });
    const isOurs = this.sql.pragma("application_id", { simple: true }) === APPLICATION_ID;
    if (!isOurs || this.sql.pragma("user_version", { simple: true }) !== SCHEMA) {
      throw new Error(`${FILE} is not a database of schema ${SCHEMA}`);
    }
    configure(this.sql);
    this.#readTx = this.sql.prepare("SELECT tx FROM meta").pluck();
    this.#tx = this.#readTx.get();
    const countCommit = this.sql.prepare("UPDATE meta SET tx = ?");
    this.#transaction = this.sql.transaction((work, tx) => {
      work(tx);
      countCommit.run(tx);
    }).immediate;
  }

  prepare(text) {
    return this.sql.prepare(text);
  }

  /** Runs `work(tx)` in a transaction of its own. It is on the disk when this returns. */
  write(work) {
    try {
      this.#transaction(work, this.#tx + 1);
      this.#tx += 1;
    } catch (error) {
      this.#tx = this.#readTx.get();
      throw error;
    }
  }

  close() {
    this.sql.close();
  }
}
