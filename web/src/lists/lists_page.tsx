import { useCallback, useEffect, useState, type FormEvent } from "react";
import { mayRepeat, request } from "../api/client";
import type { components } from "../api/schema";
import { navigate } from "../router";
import { newId } from "../uuid";
import { sentenceOf, type List } from "./store";

type Page = components["schemas"]["ListPage"];

/** My lists, and a field for a new one. */
export function ListsPage() {
  const [lists, setLists] = useState<List[]>();
  const [next, setNext] = useState<string | null>(null);
  const [message, setMessage] = useState("");
  const [made, setMade] = useState(newId);

  const load = useCallback(async (cursor?: string) => {
    try {
      const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
      const page = await request<Page>("GET", `/v1/lists${query}`);
      setLists((known) => (cursor && known ? [...known, ...page.data] : page.data));
      setNext(page.next_cursor);
      setMessage("");
    } catch (error) {
      setMessage(sentenceOf(error));
    }
  }, []);

  useEffect(() => {
    document.title = "Lists";
    void load();
    const again = () => void load();
    window.addEventListener("focus", again);
    return () => window.removeEventListener("focus", again);
  }, [load]);

  async function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const title = String(new FormData(form).get("title") ?? "").trim();
    if (!title) return;
    try {
      // The same id until there is an answer: a lost one makes no second list.
      await request("PUT", `/v1/lists/${made}`, { title });
      navigate(`/lists/${made}`);
    } catch (error) {
      setMessage(sentenceOf(error));
      if (!mayRepeat(error)) setMade(newId());
    }
  }

  return (
    <main className="page">
      <h1>My lists</h1>
      {message && (
        <p className="banner" role="alert">
          {message}{" "}
          <button type="button" className="plain" onClick={() => void load()}>
            Try again
          </button>
        </p>
      )}
      <form className="adder" onSubmit={(event) => void create(event)}>
        <input name="title" aria-label="Title of a new list" placeholder="A new list…" autoFocus />
        <button type="submit" className="main">
          Make
        </button>
      </form>
      {lists?.length === 0 && (
        <p className="quiet empty">No lists yet. Give the first one a title: Groceries, perhaps.</p>
      )}
      <ul className="cards">
        {lists?.map((list) => (
          <li key={list.id}>
            <a
              href={`/lists/${list.id}`}
              onClick={(event) => {
                event.preventDefault();
                navigate(`/lists/${list.id}`);
              }}
            >
              <span className="title">{list.title}</span>
              <span className="quiet">
                {list.item_count === 0 ? "empty" : `${list.done_count} of ${list.item_count} done`}
              </span>
            </a>
          </li>
        ))}
      </ul>
      {next && (
        <button type="button" onClick={() => void load(next)}>
          More
        </button>
      )}
    </main>
  );
}
