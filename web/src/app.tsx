import { useEffect, useState } from "react";
import { ApiError, request, session } from "./api/client";
import type { components } from "./api/schema";
import { SignIn } from "./auth/sign_in";
import { ListPage } from "./lists/list_page";
import { ListsPage } from "./lists/lists_page";
import { navigate, usePath } from "./router";
import { Waiting } from "./waiting";

export type User = components["schemas"]["User"];

export function App() {
  const path = usePath();
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const [message, setMessage] = useState("");

  useEffect(() => {
    session.onEnd = () => setUser(null);
    request<User>("GET", "/v1/me")
      .then(setUser)
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 401) setUser(null);
        else setMessage("The service does not answer. Load the page again in a moment.");
      });
  }, []);

  async function signOut() {
    try {
      await request("POST", "/v1/auth/sign-out", {});
      setUser(null);
      navigate("/");
    } catch {
      setMessage("You are still signed in: the service does not answer. Try again.");
    }
  }

  if (user === undefined) return <Waiting text={message || undefined} />;
  if (user === null) return <SignIn onSignedIn={setUser} />;
  const id = /^\/lists\/([0-9a-f-]{36})$/.exec(path)?.[1];
  return (
    <>
      <header className="top">
        <a
          href="/"
          className="brand"
          onClick={(event) => {
            event.preventDefault();
            navigate("/");
          }}
        >
          Lists
        </a>
        <span className="who">{user.name}</span>
        <button type="button" className="plain" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      {message && (
        <p className="banner" role="alert">
          {message}
        </p>
      )}
      {id ? <ListPage key={id} id={id} /> : path === "/" ? <ListsPage /> : <NotFound />}
    </>
  );
}

function NotFound() {
  return (
    <main className="page">
      <h1>There is nothing at this address</h1>
      <button type="button" className="main" onClick={() => navigate("/")}>
        My lists
      </button>
    </main>
  );
}
