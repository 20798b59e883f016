// Paths and queries as they are sent.
import { expect, test } from "vitest";
import { fill, queryOf } from "./request";

test("a path's variables are filled in, whatever is in them", () => {
  expect(fill("/v1/groups/{group}:reset-offsets", { group: "a/b c:d" })).toBe(
    "/v1/groups/a%2Fb%20c%3Ad:reset-offsets",
  );
  expect(() => fill("/v1/groups/{group}", {})).toThrow("needs group");
});

test("a query has what has a value", () => {
  expect(queryOf({})).toBe("");
  expect(queryOf({ group: undefined, cursor: null })).toBe("");
  expect(queryOf({ group: "a&b", partition: 0, contains: "" })).toBe(
    "?group=a%26b&partition=0&contains=",
  );
});
