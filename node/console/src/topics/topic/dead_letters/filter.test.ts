// Filters, typed and sent.
import { expect, test } from "vitest";
import { EVERYTHING, filterOf, inWords, objectionsOf } from "./filter";

test("what is empty does not filter", () => {
  expect(filterOf(EVERYTHING)).toEqual({});
  expect(inWords({})).toBe("");
});

test("numbers are numbers, texts are as they were typed", () => {
  const form = { partition: " 0 ", offset: "12", error: " time", key: "k", contains: "x" };
  expect(objectionsOf(form)).toEqual({});
  expect(filterOf(form)).toEqual({
    partition: 0,
    offset: 12,
    error: " time",
    key: "k",
    contains: "x",
  });
  expect(inWords(filterOf(form))).toBe(
    "partition 0, offset 12, error with “ time”, key “k”, value with “x”",
  );
});

test("what is no number is named before it could filter nothing", () => {
  const wrong = objectionsOf({ ...EVERYTHING, partition: "first", offset: "-1" });
  expect(Object.keys(wrong)).toEqual(["partition", "offset"]);
});
