// Records as text.
import { expect, test } from "vitest";
import { cut, headersOf, shown } from "./shown";

test("text is as it is, bytes and nothing say what they are", () => {
  expect(shown('{"a":1}')).toEqual({ text: '{"a":1}', kind: "text" });
  expect(shown("")).toEqual({ text: "", kind: "text" });
  expect(shown({ $base64: "/w==" })).toEqual({ text: "/w==", kind: "bytes" });
  expect(shown(null)).toEqual({ text: "null", kind: "null" });
  expect(shown(undefined).kind).toBe("null");
  expect(shown({ a: [1] })).toEqual({ text: '{"a":[1]}', kind: "text" });
});

test("headers come in both forms", () => {
  const a = { text: "1", kind: "text" };
  expect(headersOf({ a: "1" })).toEqual([["a", a]]);
  expect(
    headersOf([
      ["a", "1"],
      ["a", null],
    ]),
  ).toEqual([
    ["a", a],
    ["a", { text: "null", kind: "null" }],
  ]);
  expect(headersOf(undefined)).toEqual([]);
});

test("long texts are cut", () => {
  expect(cut("abc", 3)).toBe("abc");
  expect(cut("abcd", 3)).toBe("abc…");
});
