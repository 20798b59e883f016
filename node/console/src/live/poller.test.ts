// The poller's promises, with a clock that stands still until told.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem, unreachable } from "../api/problem";
import { Poller, type PollerState, waitAfter } from "./poller";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(load: (signal: AbortSignal) => Promise<number>) {
  const states: PollerState<number>[] = [];
  const poller = new Poller<number>(load, (state) => states.push(state));
  return { poller, last: () => states.at(-1) as PollerState<number> };
}

test("it asks again two seconds after each answer", async () => {
  let asked = 0;
  const { poller, last } = watched(async () => ++asked);
  await poller.refresh();
  expect(last().data).toBe(1);
  await vi.advanceTimersByTimeAsync(1_999);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(last()).toMatchObject({ data: 2, isAsking: false, problem: undefined });
  poller.stop();
});

test("a failure keeps what was last said, and waits longer each time", async () => {
  let asked = 0;
  const { poller, last } = watched(async () => {
    asked += 1;
    if (asked > 1 && asked < 5) throw new Problem(unreachable(true, false));
    return asked;
  });
  await poller.refresh();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(last()).toMatchObject({ data: 1, retryAt: Date.now() + 2_000 });
  expect(last().problem?.code).toBe("UNREACHABLE");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(last().retryAt).toBe(Date.now() + 4_000);
  await vi.advanceTimersByTimeAsync(4_000 + 8_000);
  expect(last()).toMatchObject({ data: 5, problem: undefined, retryAt: undefined });
  poller.stop();
});

test("an answer that was overtaken is not shown", async () => {
  const answers: ((value: number) => void)[] = [];
  const { poller, last } = watched(() => new Promise((resolve) => answers.push(resolve)));
  const first = poller.refresh();
  const second = poller.refresh();
  answers[1]?.(2);
  await second;
  answers[0]?.(1);
  await first;
  expect(last().data).toBe(2);
  poller.stop();
});

test("paused it asks only when told", async () => {
  let asked = 0;
  const { poller, last } = watched(async () => ++asked);
  await poller.refresh();
  poller.setPaused(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  await poller.refresh();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(last()).toMatchObject({ data: 2, isPaused: true });
  poller.setPaused(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toBe(3);
  poller.stop();
});

test("hidden it asks nobody, and at once when it is seen again", async () => {
  let asked = 0;
  const { poller } = watched(async () => ++asked);
  await poller.refresh();
  poller.setHidden(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  poller.setHidden(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toBe(2);
  poller.stop();
});

test("the wait grows to a limit and respects the server's own", () => {
  expect([0, 1, 2, 3, 4, 9].map((failures) => waitAfter(failures, null))).toEqual([
    2_000, 2_000, 4_000, 8_000, 15_000, 15_000,
  ]);
  expect(waitAfter(1, 30_000)).toBe(30_000);
});
