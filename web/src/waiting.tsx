/** The page while there is nothing to show yet. */
export function Waiting({ text = "Loading…" }: { text?: string | undefined }) {
  return (
    <main className="page">
      <h1 className="unseen">Lists</h1>
      <p className="quiet" role="status">
        {text}
      </p>
    </main>
  );
}
