// Keys, values and headers as text: what is text as it is, bytes as base64 that says so.

export interface Shown {
  text: string;
  kind: "text" | "bytes" | "null";
}

export function shown(value: unknown): Shown {
  if (value === null || value === undefined) return { text: "null", kind: "null" };
  if (typeof value === "string") return { text: value, kind: "text" };
  const bytes = (value as { $base64?: unknown }).$base64;
  if (typeof bytes === "string") return { text: bytes, kind: "bytes" };
  return { text: JSON.stringify(value), kind: "text" };
}

/** Headers in their order; the API has an object, or pairs where a name repeats. */
export function headersOf(headers: unknown): [string, Shown][] {
  const pairs: [string, unknown][] = Array.isArray(headers)
    ? headers.map((pair: unknown) => pair as [string, unknown])
    : Object.entries(headers ?? {});
  return pairs.map(([name, value]) => [name, shown(value)]);
}

/** A text cut to a length, with a mark where it was. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
