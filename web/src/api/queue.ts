import { ApiError, mayRepeat } from "./client";

interface Task {
  run: () => Promise<void>;
  failed: (error: unknown) => void;
}

/**
 * Writes, one after the other in the order they were made. Without an answer a write is repeated
 * until there is one (its id makes that safe); when it is refused, those behind it go on.
 */
export class WriteQueue {
  private tasks: Task[] = [];
  private running = false;
  private waits = 0;
  private wake: (() => void) | undefined;
  private listeners = new Set<() => void>();

  constructor(private readonly wait = (ms: number) => ms) {
    if (typeof window !== "undefined") window.addEventListener("online", () => this.wake?.());
  }

  /** Writes that have no answer yet. */
  get length(): number {
    return this.tasks.length;
  }

  /** Whether the last try had no answer. */
  get isOffline(): boolean {
    return this.waits > 0;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  push(run: () => Promise<void>, failed: (error: unknown) => void): void {
    this.tasks.push({ run, failed });
    this.tell();
    if (!this.running) void this.work();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private async work(): Promise<void> {
    this.running = true;
    for (let task = this.tasks[0]; task; task = this.tasks[0]) {
      try {
        await task.run();
        this.waits = 0;
        this.tasks.shift();
      } catch (error) {
        if (mayRepeat(error)) {
          const told = error instanceof ApiError ? error.retryAfter * 1000 : 0;
          await this.pause(Math.max(told, Math.min(30_000, 500 * 2 ** this.waits++)));
          continue;
        }
        this.waits = 0;
        this.tasks.shift();
        task.failed(error);
      }
      this.tell();
    }
    this.running = false;
  }

  /** Until the time is over, or the browser is online again. */
  private pause(ms: number): Promise<void> {
    this.tell();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.wait(ms));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
