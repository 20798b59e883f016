// Durations that people type and change: written so that nothing is lost, read with or without a unit.
import { span } from "./format";

const UNITS: [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
  ["ms", 1],
];
const FACTORS = new Map([...UNITS, ["m", 60_000], ["", 1]]);

/** In the largest unit that leaves a whole number: `10 min`, `1500 ms`. */
export function written(ms: number): string {
  const [unit, length] = UNITS.find(([, length]) => ms >= length && ms % length === 0) ?? ["ms", 1];
  return `${ms / length} ${unit}`;
}

/** Milliseconds, or nothing where the text is no duration; without a unit they are milliseconds. */
export function read(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,12})\s*([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [];
  const factor = FACTORS.get(unit ?? "");
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** For reading along: seconds with a tenth, more in two units. */
export function rough(ms: number): string {
  if (ms < 1_000 || ms >= 60_000) return span(ms);
  return `${Number((ms / 1_000).toFixed(1))} s`;
}
