// Pages out of slices.
import { expect, test } from "vitest";
import type { DeadRecord, DeadRecords } from "../../../api/dead_letters";
import { collect } from "./collect";

const record = (offset: number): DeadRecord => ({
  partition: 0,
  offset,
  timestamp: 0,
  headers: {},
  origin: { topic: "t", partition: 0, offset, timestamp: 0 },
  group: "g",
  attempts: 1,
  error: "",
});
const slice = (offsets: number[], next: string | null): DeadRecords => ({
  topic: "t.g.dlq",
  records: offsets.map(record),
  next_cursor: next,
});

function collecting(slices: DeadRecords[], want: number, from?: string) {
  const asked: (string | undefined)[] = [];
  const stop = new AbortController();
  const seen: number[] = [];
  const page = collect({
    ask: async (cursor) => {
      asked.push(cursor);
      return slices.shift() ?? slice([], null);
    },
    want,
    from,
    onProgress: ({ records }) => seen.push(records.length),
    signal: stop.signal,
  });
  return { page, asked, stop, seen };
}

test("slices without a match are passed until a page is full", async () => {
  const slices = [slice([], "a"), slice([1, 2], "b"), slice([3], "c"), slice([4], null)];
  const { page, asked, seen } = collecting(slices, 3);
  expect((await page).records.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  expect((await page).next).toBe("c");
  expect(asked).toEqual([undefined, "a", "b"]);
  expect(seen).toEqual([0, 2, 3]);
});

test("the last page is what there is", async () => {
  const { page, asked } = collecting([slice([7], null)], 50, "c");
  expect(await page).toMatchObject({ records: [{ offset: 7 }], next: undefined });
  expect(asked).toEqual(["c"]);
});

test("stopped, it asks no more and can go on", async () => {
  const { page, asked, stop } = collecting([slice([1], "a"), slice([2], null)], 50);
  stop.abort();
  expect((await page).next).toBe("a");
  expect(asked).toHaveLength(1);
});

test("a server that goes round in circles is not followed", async () => {
  const { page } = collecting([slice([], "a"), slice([], "a")], 50);
  await expect(page).rejects.toThrow("same place again");
});
