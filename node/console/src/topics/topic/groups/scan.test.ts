// How groups are gone through.
import { expect, test } from "vitest";
import { afterRound, NEW_MAX, NOTHING_SEEN, READERS_MAX, type Scan, toLookAt } from "./scan";

const names = (count: number) => Array.from({ length: count }, (_, n) => `g${n}`);

/** Rounds with the groups that `reads` names as readers. */
function rounds(all: string[], count: number, reads: (name: string) => boolean): Scan {
  let scan = NOTHING_SEEN;
  for (let round = 0; round < count; round += 1) {
    const asked = toLookAt(scan, all, "");
    scan = afterRound(scan, all, new Map(asked.map((name) => [name, reads(name)])));
  }
  return scan;
}

test("a few groups are all looked at in the first round", () => {
  expect(toLookAt(NOTHING_SEEN, ["b", "a"], "")).toEqual(["b", "a"]);
});

test("many are gone through in parts, each once", () => {
  const all = names(NEW_MAX * 2 + 3);
  const scan = rounds(all, 3, () => false);
  expect(scan.seen.size).toBe(all.length);
  expect(rounds(all, 2, () => false).seen.size).toBe(NEW_MAX * 2);
});

test("readers are looked at in every round, the others again in turn", () => {
  const all = names(10);
  const isReader = (name: string) => name === "g4";
  const once = rounds(all, 1, isReader);
  expect(toLookAt(once, all, "")).toEqual(["g4", "g0", "g1", "g2", "g3", "g5"]);
  expect(toLookAt(rounds(all, 2, isReader), all, "")).toEqual(["g4", "g6", "g7", "g8", "g9", "g0"]);
});

test("however many read the topic, a round has its limit", () => {
  const all = names(READERS_MAX * 5);
  const scan = rounds(all, 4, () => true);
  expect(toLookAt(scan, all, "").length).toBeLessThanOrEqual(READERS_MAX + NEW_MAX);
});

test("a part of a name leads to a group at once", () => {
  const all = [...names(NEW_MAX * 3), "Billing"];
  expect(toLookAt(NOTHING_SEEN, all, " bill ")).toEqual(["Billing"]);
});

test("a group that is gone is forgotten, one that did not answer is still to be looked at", () => {
  const scan = afterRound(NOTHING_SEEN, ["a", "b", "silent"], new Map([["a", true]]));
  expect([...scan.seen.keys()]).toEqual(["a"]);
  expect(toLookAt(scan, ["b", "silent"], "")).toEqual(["b", "silent"]);
  expect(afterRound(scan, ["b"], new Map()).seen.size).toBe(0);
});
