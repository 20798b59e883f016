// Several views of a page as one: what is held still or asked for again, is so for all of them. How
// fresh the page is, the first one says.
import type { Live } from "./use_live";

export function together<T>(first: Live<T>, ...others: Live<unknown>[]): Live<T> {
  return {
    ...first,
    refresh: async () => {
      await Promise.all([first, ...others].map((live) => live.refresh()));
    },
    setPaused: (isPaused) => {
      for (const live of [first, ...others]) live.setPaused(isPaused);
    },
  };
}
