import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
if (typeof window !== "undefined") window.addEventListener("popstate", tell);

function tell() {
  for (const listener of listeners) listener();
}

export function navigate(path: string): void {
  window.history.pushState(null, "", path);
  tell();
}

export function usePath(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => window.location.pathname,
  );
}
