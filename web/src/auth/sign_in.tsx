import { useState, type FormEvent } from "react";
import { ApiError, request } from "../api/client";
import type { User } from "../app";
import { sentenceOf } from "../lists/store";

/** Sign up and sign in: one form, two ways. */
export function SignIn({ onSignedIn }: { onSignedIn: (user: User) => void }) {
  const [isNew, setNew] = useState(true);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const wrong = (field: string) =>
    error instanceof ApiError ? error.field(`/${field}`) : undefined;
  const hasFieldError = ["name", "email", "password"].some(wrong);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "");
    setBusy(true);
    setError(undefined);
    try {
      const body = { email: text("email").trim(), password: text("password"), session: "cookie" };
      const { user } = isNew
        ? await request<{ user: User }>("POST", "/v1/auth/sign-up", {
            ...body,
            name: text("name").trim(),
          })
        : await request<{ user: User }>("POST", "/v1/auth/sign-in", body);
      onSignedIn(user);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  return (
    <main className="page narrow">
      <h1>Lists</h1>
      <p className="quiet">Write a list, tick it off. Nothing is lost.</p>
      <div className="tabs" role="group" aria-label="New here?">
        <button type="button" aria-pressed={isNew} onClick={() => setNew(true)}>
          Sign up
        </button>
        <button type="button" aria-pressed={!isNew} onClick={() => setNew(false)}>
          Sign in
        </button>
      </div>
      {error !== undefined && !hasFieldError && (
        <p className="banner" role="alert">
          {sentenceOf(error)}
        </p>
      )}
      <form onSubmit={(event) => void submit(event)} noValidate>
        {isNew && <Field name="name" label="Your name" autoComplete="name" error={wrong("name")} />}
        <Field
          name="email"
          label="E-mail address"
          type="email"
          autoComplete="email"
          error={wrong("email")}
        />
        <Field
          name="password"
          label="Password"
          type="password"
          autoComplete={isNew ? "new-password" : "current-password"}
          hint={isNew ? "At least 15 characters: a few words do well." : undefined}
          error={wrong("password")}
        />
        <button type="submit" className="main" disabled={busy}>
          {isNew ? "Make an account" : "Sign in"}
        </button>
      </form>
    </main>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: string;
  autoComplete: string;
  hint?: string | undefined;
  error: string | undefined;
}

function Field({ name, label, type = "text", autoComplete, hint, error }: FieldProps) {
  const about = error ? `${name}-error` : hint ? `${name}-hint` : undefined;
  return (
    <div className="field">
      <label htmlFor={name}>{label}</label>
      <input
        id={name}
        name={name}
        type={type}
        autoComplete={autoComplete}
        aria-invalid={error !== undefined}
        aria-describedby={about}
        required
      />
      {error ? (
        <p id={`${name}-error`} className="wrong">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${name}-hint`} className="quiet">
            {hint}
          </p>
        )
      )}
    </div>
  );
}
