// Going through dead records slice by slice: each answer names where to go on, until there is nothing
// more, somebody stops it, or a slice fails. What was done stays known, and it can go on from there.

/** One answer of a redrive, of a purge, or of a count of either. */
export interface Slice {
  scanned: number;
  matched: number;
  /** Redriven or purged. */
  done: number;
  /** Redriven or purged by somebody else meanwhile. */
  already: number;
  /** No room for them now: the next slice begins with them. */
  left: number;
  because: string | undefined;
  next: string | undefined;
}

/** All slices so far. */
export interface Tally {
  scanned: number;
  matched: number;
  done: number;
  already: number;
  /** Why the last slice had no room for all; nothing where it had. */
  waitsBecause: string | undefined;
  next: string | undefined;
  isComplete: boolean;
}

export const NOTHING_DONE: Tally = {
  scanned: 0,
  matched: 0,
  done: 0,
  already: 0,
  waitsBecause: undefined,
  next: undefined,
  isComplete: false,
};

/** Until a slice that had no room is asked for again. */
export const ROOM_MS = 1_500;

/** What there is after one more slice. Records without room are counted when their turn comes. */
export function after(tally: Tally, slice: Slice): Tally {
  if (slice.next !== undefined && slice.next === tally.next && slice.left === 0) {
    throw new Error("the server names the same place again");
  }
  return {
    scanned: tally.scanned + slice.scanned,
    matched: tally.matched + slice.matched - slice.left,
    done: tally.done + slice.done,
    already: tally.already + slice.already,
    waitsBecause: slice.left > 0 ? (slice.because ?? "there is no room for more") : undefined,
    next: slice.next,
    isComplete: slice.next === undefined,
  };
}

interface Sweep {
  ask: (cursor: string | undefined) => Promise<Slice>;
  onProgress: (tally: Tally) => void;
  /** Stops it after the slice that is under way: what became of that is then known, too. */
  stop: AbortSignal;
  from: Tally;
}

export async function sweep({ ask, onProgress, stop, from }: Sweep): Promise<Tally> {
  let tally = from;
  while (!tally.isComplete && !stop.aborted) {
    tally = after(tally, await ask(tally.next));
    onProgress(tally);
    if (tally.waitsBecause !== undefined) await pause(ROOM_MS, stop);
  }
  return tally;
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
    if (stop.aborted) resolve();
  });
}
