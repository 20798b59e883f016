// A component's view of what the server says, asked for while the page can be seen.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { emptyState, Poller, type PollerState } from "./poller";

export interface Live<T> extends PollerState<T> {
  refresh(): Promise<void>;
  setPaused(isPaused: boolean): void;
}

/** Loads again and again; `key` names what is loaded, and another key starts anew. */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs?: number,
): Live<T> {
  const [state, setState] = useState<{ key: string; of: PollerState<T> }>({
    key,
    of: emptyState(),
  });
  const poller = useRef<Poller<T> | undefined>(undefined);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const own = new Poller<T>(
      (signal) => latest.current(signal),
      (of) => setState({ key, of }),
      everyMs,
    );
    poller.current = own;
    void own.refresh();
    const look = () => own.setHidden(document.visibilityState === "hidden");
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      own.stop();
    };
  }, [key]);

  const refresh = useCallback(() => poller.current?.refresh() ?? Promise.resolve(), []);
  const setPaused = useCallback((value: boolean) => poller.current?.setPaused(value), []);
  const current = state.key === key ? state.of : emptyState<T>();
  return { ...current, refresh, setPaused };
}
