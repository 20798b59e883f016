// Asks the server again and again, one question at a time, and hands out what it last said together
// with how old that is. It never shows anything that the server did not say.
import { detailsOf, type ProblemDetails } from "../api/problem";

/** Between an answer and the next question, unless told otherwise. */
export const EVERY_MS = 2_000;
/** The longest wait after failures. */
const RETRY_MS_MAX = 15_000;

export interface PollerState<T> {
  /** What the server last said. */
  data: T | undefined;
  /** When it said so. */
  at: number | undefined;
  /** Why the last question has no answer. */
  problem: ProblemDetails | undefined;
  isAsking: boolean;
  isPaused: boolean;
  /** When it is asked again after a failure. */
  retryAt: number | undefined;
}

export class Poller<T> {
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #listener: (state: PollerState<T>) => void;
  #state: PollerState<T> = emptyState();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;
  #failures = 0;
  #isStopped = false;
  #isHidden = false;
  readonly #everyMs: number;

  constructor(
    load: (signal: AbortSignal) => Promise<T>,
    listener: (state: PollerState<T>) => void,
    everyMs = EVERY_MS,
  ) {
    this.#load = load;
    this.#listener = listener;
    this.#everyMs = everyMs;
  }

  /** Asks now. A question under way is given up: its answer may be older than what the user did. */
  async refresh(): Promise<void> {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#change({ isAsking: true, retryAt: undefined });
    try {
      const data = await this.#load(asking.signal);
      if (asking.signal.aborted) return;
      this.#failures = 0;
      this.#change({ data, at: Date.now(), problem: undefined, isAsking: false });
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#failures += 1;
      this.#change({ problem: detailsOf(error), isAsking: false });
    }
    this.#schedule();
  }

  /** Stops asking by itself until resumed; `refresh` still asks. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.#state.isPaused) return;
    clearTimeout(this.#timer);
    this.#change({ isPaused, retryAt: undefined });
    if (!isPaused) void this.refresh();
  }

  /** Nobody sees the page: it is not asked for until somebody does. */
  setHidden(isHidden: boolean): void {
    if (isHidden === this.#isHidden) return;
    this.#isHidden = isHidden;
    clearTimeout(this.#timer);
    if (!isHidden && !this.#state.isPaused) void this.refresh();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  #schedule() {
    if (this.#state.isPaused || this.#isHidden || this.#isStopped) return;
    const wait = waitAfter(this.#failures, this.#state.problem?.retry_after_ms, this.#everyMs);
    if (this.#failures > 0) this.#change({ retryAt: Date.now() + wait });
    this.#timer = setTimeout(() => void this.refresh(), wait);
  }

  #change(change: Partial<PollerState<T>>) {
    this.#state = { ...this.#state, ...change };
    if (!this.#isStopped) this.#listener(this.#state);
  }
}

export function emptyState<T>(): PollerState<T> {
  return {
    data: undefined,
    at: undefined,
    problem: undefined,
    isAsking: false,
    isPaused: false,
    retryAt: undefined,
  };
}

/** Milliseconds until the next question: longer after each failure, never before the server's word. */
export function waitAfter(
  failures: number,
  retryAfterMs: number | null | undefined,
  everyMs = EVERY_MS,
): number {
  const wait = Math.min(everyMs * 2 ** Math.max(0, failures - 1), RETRY_MS_MAX);
  return Math.max(wait, retryAfterMs ?? 0);
}
