import { useEffect, useRef, useState, useSyncExternalStore, type FormEvent } from "react";
import { request } from "../api/client";
import { navigate } from "../router";
import { Waiting } from "../waiting";
import { ItemRow } from "./item_row";
import { ListStore, sentenceOf } from "./store";

/** One list: add by Enter, tick, edit, delete. */
export function ListPage({ id }: { id: string }) {
  const [store] = useState(() => new ListStore(id));
  const view = useSyncExternalStore(store.subscribe, store.snapshot);
  const [problem, setProblem] = useState("");
  const adder = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const again = () => void store.load();
    again();
    window.addEventListener("focus", again);
    window.addEventListener("online", again);
    return () => {
      window.removeEventListener("focus", again);
      window.removeEventListener("online", again);
    };
  }, [store]);

  useEffect(() => {
    if (view.list) document.title = view.list.title;
  }, [view.list]);

  function add(event: FormEvent) {
    event.preventDefault();
    const input = adder.current;
    const text = input?.value.trim();
    if (!input || !text) return;
    store.add(text);
    input.value = "";
  }

  async function deleteList() {
    try {
      await request("DELETE", `/v1/lists/${id}`);
      navigate("/");
    } catch (error) {
      setProblem(sentenceOf(error));
    }
  }

  if (view.isGone) {
    return (
      <main className="page">
        <h1>There is no such list</h1>
        <p>It was deleted, or it is not shared with you.</p>
        <button type="button" className="main" onClick={() => navigate("/")}>
          My lists
        </button>
      </main>
    );
  }
  const list = view.list;
  if (!list) {
    return (
      <Waiting
        text={
          view.isOffline ? "There is no connection. The list comes when there is one." : undefined
        }
      />
    );
  }
  const message = problem || view.message;
  const done = list.items.filter((item) => item.done).length;
  return (
    <main className="page">
      <Title key={list.title} title={list.title} onChange={(title) => store.rename(title)} />
      <p className="quiet state" role="status">
        {view.pending > 0 && view.isOffline
          ? `Offline. ${view.pending} ${view.pending === 1 ? "change waits" : "changes wait"} to be sent.`
          : `${done} of ${list.items.length} done`}
      </p>
      {message && (
        <p className="banner" role="alert">
          {message}{" "}
          <button
            type="button"
            className="plain"
            onClick={() => {
              setProblem("");
              store.forgetMessage();
            }}
          >
            Close
          </button>
        </p>
      )}
      <ul className="items" aria-label={list.title}>
        {list.items.map((item) => (
          <ItemRow key={item.id} item={item} store={store} mayEdit={list.role !== "viewer"} />
        ))}
      </ul>
      {list.role !== "viewer" && (
        <form className="adder" onSubmit={add}>
          <input
            ref={adder}
            aria-label="A new item"
            placeholder="Add an item, then Enter"
            maxLength={500}
            autoFocus
          />
          <button type="submit" className="main">
            Add
          </button>
        </form>
      )}
      {view.removed && (
        <p className="undo" role="status">
          <span>“{view.removed.text}” is in the trash.</span>
          <button type="button" onClick={() => store.undo()}>
            Undo
          </button>
        </p>
      )}
      {list.role === "owner" && (
        <footer>
          <button type="button" className="plain danger" onClick={() => void deleteList()}>
            Move this list to the trash
          </button>
        </footer>
      )}
    </main>
  );
}

function Title({ title, onChange }: { title: string; onChange: (title: string) => void }) {
  const [text, setText] = useState(title);
  const finish = () => {
    const trimmed = text.trim();
    if (trimmed) onChange(trimmed);
    else setText(title);
  };
  return (
    <h1>
      <input
        className="heading"
        aria-label="Title of the list"
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setText(title);
        }}
      />
    </h1>
  );
}
