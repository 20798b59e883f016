// Numbers, sizes and times.
import { expect, test } from "vitest";
import { bytes, count, meaning, plural, span } from "./format";

test("numbers are grouped, and unknown ones are a dash", () => {
  expect([count(0), count(1234567), count(null), count(undefined)]).toEqual([
    "0",
    "1,234,567",
    "–",
    "–",
  ]);
  expect([plural(1, "topic"), plural(0, "topic"), plural(1200, "topic")]).toEqual([
    "1 topic",
    "0 topics",
    "1,200 topics",
  ]);
});

test("sizes are in the largest unit that leaves a whole", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1048576 * 200, "200 MiB"],
  ];
  for (const [value, text] of cases) expect(bytes(value)).toBe(text);
});

test("spans are in their two largest units", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [999, "999 ms"],
    [1000, "1 s"],
    [61_500, "1 min 1 s"],
    [604_800_000, "7 d"],
    [90_000_000, "1 d 1 h"],
  ];
  for (const [value, text] of cases) expect(span(value)).toBe(text);
});

test("a configuration value is explained where its key has a unit", () => {
  expect(meaning("retention.ms", "604800000")).toBe("7 d");
  expect(meaning("retention.bytes", "-1")).toBe("never");
  expect(meaning("segment.bytes", "268435456")).toBe("256 MiB");
  expect(meaning("ack", "quorum")).toBe("");
  expect(meaning("min.insync.replicas", "2")).toBe("");
});
