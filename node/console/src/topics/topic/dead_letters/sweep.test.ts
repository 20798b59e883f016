// Slices one after the other.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NOTHING_DONE, ROOM_MS, type Slice, sweep, type Tally } from "./sweep";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const slice = (changed: Partial<Slice>): Slice => ({
  scanned: 10,
  matched: 4,
  done: 4,
  already: 0,
  left: 0,
  because: undefined,
  next: undefined,
  ...changed,
});

/** A server that answers with these, and what it was asked. */
function server(answers: (Slice | Error)[]) {
  const asked: (string | undefined)[] = [];
  const ask = async (cursor: string | undefined) => {
    asked.push(cursor);
    const answer = answers.shift();
    if (!answer || answer instanceof Error) throw answer ?? new Error("asked too often");
    return answer;
  };
  const stop = new AbortController();
  const seen: Tally[] = [];
  const run = (from = NOTHING_DONE) =>
    sweep({ ask, stop: stop.signal, from, onProgress: (tally) => void seen.push(tally) });
  return { asked, stop, seen, run };
}

test("it goes on until no more is named, and sums up", async () => {
  const { asked, seen, run } = server([
    slice({ next: "a", already: 1 }),
    slice({ matched: 0, done: 0, next: "b" }),
    slice({}),
  ]);
  const tally = await run();
  expect(asked).toEqual([undefined, "a", "b"]);
  expect(tally).toMatchObject({ scanned: 30, matched: 8, done: 8, already: 1, isComplete: true });
  expect(seen.map(({ scanned }) => scanned)).toEqual([10, 20, 30]);
});

test("what has no room is waited for, and counted once", async () => {
  const { asked, seen, run } = server([
    slice({ done: 3, left: 1, because: "1,000 are parked", next: "a" }),
    slice({ matched: 1, done: 0, left: 1, next: "a" }),
    slice({ matched: 1, done: 1 }),
  ]);
  const end = run();
  await vi.advanceTimersByTimeAsync(ROOM_MS - 1);
  expect(asked).toHaveLength(1);
  expect(seen.at(-1)?.waitsBecause).toBe("1,000 are parked");
  await vi.advanceTimersByTimeAsync(2 * ROOM_MS);
  expect(await end).toMatchObject({ matched: 4, done: 4, waitsBecause: undefined });
  expect(asked).toEqual([undefined, "a", "a"]);
});

test("stopped, it ends after the slice that is under way, and goes on from there", async () => {
  const { asked, stop, run } = server([slice({ next: "a" }), slice({})]);
  const end = run();
  stop.abort();
  const tally = await end;
  expect(tally).toMatchObject({ done: 4, next: "a", isComplete: false });
  expect(asked).toHaveLength(1);
  const { asked: later, run: again } = server([slice({})]);
  expect(await again(tally)).toMatchObject({ done: 8, isComplete: true });
  expect(later).toEqual(["a"]);
});

test("stopped while it waits for room, it does not wait any longer", async () => {
  const { stop, run } = server([slice({ left: 1, next: "a" })]);
  const end = run();
  await vi.advanceTimersByTimeAsync(1);
  stop.abort();
  expect((await end).isComplete).toBe(false);
});

test("a failure is thrown, and what was done before it was said", async () => {
  const { seen, run } = server([slice({ next: "a" }), new Error("no leader")]);
  await expect(run()).rejects.toThrow("no leader");
  expect(seen.at(-1)).toMatchObject({ done: 4, next: "a" });
});

test("a server that goes round in circles is not followed", async () => {
  const { run } = server([slice({ next: "a" }), slice({ next: "a" })]);
  await expect(run()).rejects.toThrow("same place again");
});
