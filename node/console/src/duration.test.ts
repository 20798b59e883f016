// Durations, written and read.
import { expect, test } from "vitest";
import { read, rough, written } from "./duration";

test("what is written is read as the same", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [1, "1 ms"],
    [1_000, "1 s"],
    [1_500, "1500 ms"],
    [90_000, "90 s"],
    [600_000, "10 min"],
    [7_200_000, "2 h"],
    [604_800_000, "7 d"],
  ];
  for (const [ms, text] of cases) {
    expect(written(ms)).toBe(text);
    expect(read(text)).toBe(ms);
  }
});

test("people leave out the space and the unit", () => {
  const cases: [string, number | undefined][] = [
    ["500", 500],
    ["500ms", 500],
    [" 10m ", 600_000],
    ["1H", 3_600_000],
    ["", undefined],
    ["s", undefined],
    ["1.5 s", undefined],
    ["-1 s", undefined],
    ["1 week", undefined],
    ["1 constructor", undefined],
  ];
  for (const [text, ms] of cases) expect(read(text), text).toBe(ms);
});

test("what is only read along may be rounded", () => {
  expect([300, 1_000, 1_240, 59_960, 61_000, 3_600_000].map(rough)).toEqual([
    "300 ms",
    "1 s",
    "1.2 s",
    "60 s",
    "1 min 1 s",
    "1 h",
  ]);
});
