// Places to reset to, and what a plan comes to.
import { expect, test } from "vitest";
import { differences, type Kind, resetTo, sums } from "./reset";

test("what is typed becomes a place, or none", () => {
  const cases: [Kind, string, unknown][] = [
    ["earliest", "ignored", "earliest"],
    ["latest", "", "latest"],
    ["offset", " 12 ", { offset: 12 }],
    ["offset", "-1", undefined],
    ["offset", "", undefined],
    ["shift", "-100", { shift: -100 }],
    ["shift", "+5", { shift: 5 }],
    ["shift", "5", { shift: 5 }],
    ["shift", "0", undefined],
    ["shift", "--5", undefined],
    ["timestamp", "", undefined],
    ["timestamp", "yesterday", undefined],
    ["timestamp", "2026-01-02T03:04:05Z", { timestamp: Date.UTC(2026, 0, 2, 3, 4, 5) }],
  ];
  for (const [kind, text, expected] of cases) {
    expect(resetTo(kind, text), `${kind} ${text}`).toEqual(expected);
  }
});

test("a plan is a list of differences in order, and two sums", () => {
  const topic = "t";
  const all = differences({
    dry_run: true,
    offsets: [
      { topic, partition: 2, from: 10, to: 4 },
      { topic, partition: 0, from: 10, to: 13 },
      { topic, partition: 1, from: null, to: 7 },
    ],
  });
  expect(all).toEqual([
    { partition: 0, from: 10, to: 13, by: 3 },
    { partition: 1, from: undefined, to: 7, by: undefined },
    { partition: 2, from: 10, to: 4, by: -6 },
  ]);
  expect(sums(all)).toEqual({ again: 6, passed: 3 });
  expect(sums([])).toEqual({ again: 0, passed: 0 });
});
