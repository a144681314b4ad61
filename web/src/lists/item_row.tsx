import { useRef, useState } from "react";
import type { Item, ListStore } from "./store";

interface Props {
  item: Item;
  store: ListStore;
  mayEdit: boolean;
}

/** One item: a box to tick, a text to edit in place, a button to delete. */
export function ItemRow({ item, store, mayEdit }: Props) {
  const [text, setText] = useState<string>();
  const given = useRef(false); // Up by Escape: leaving the field changes nothing then.

  const finish = () => {
    const trimmed = text?.trim();
    if (trimmed && !given.current) store.edit(item, trimmed);
    given.current = false;
    setText(undefined);
  };
  return (
    <li className={item.done ? "done" : undefined}>
      <input
        type="checkbox"
        checked={item.done}
        disabled={!mayEdit}
        aria-label={item.text}
        onChange={() => store.tick(item)}
      />
      {text === undefined ? (
        <button
          type="button"
          className="text"
          disabled={!mayEdit}
          aria-label={`Edit ${item.text}`}
          onClick={() => setText(item.text)}
        >
          {item.text}
        </button>
      ) : (
        <input
          className="text"
          aria-label={`Text of ${item.text}`}
          value={text}
          maxLength={500}
          autoFocus
          onChange={(event) => setText(event.target.value)}
          onBlur={finish}
          onKeyDown={(event) => {
            if (event.key === "Escape") given.current = true;
            if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
          }}
        />
      )}
      {mayEdit && (
        <button
          type="button"
          className="plain remove"
          aria-label={`Delete ${item.text}`}
          onClick={() => store.remove(item)}
        >
          ×
        </button>
      )}
    </li>
  );
}
