// A reset of a group's offsets: what was typed as a request, and the server's plan as differences.
import type { ResetResponse, ResetTo } from "../../../api/groups";
import { wholeNumber } from "../../../components/field";

export const KINDS = ["earliest", "latest", "timestamp", "offset", "shift"] as const;
export type Kind = (typeof KINDS)[number];

/** Where to, or nothing where what was typed is no such place. */
export function resetTo(kind: Kind, text: string): ResetTo | undefined {
  if (kind === "earliest" || kind === "latest") return kind;
  if (kind === "timestamp") {
    const timestamp = new Date(text.trim()).getTime();
    return text.trim() === "" || Number.isNaN(timestamp) ? undefined : { timestamp };
  }
  if (kind === "offset") {
    const offset = wholeNumber(text, 0);
    return offset === undefined ? undefined : { offset };
  }
  const shift = signed(text);
  return shift === undefined ? undefined : { shift };
}

function signed(text: string): number | undefined {
  const [, sign, digits] = /^([+-]?)(\d{1,15})$/.exec(text.trim()) ?? [];
  const number = wholeNumber(digits ?? "", 1);
  return number === undefined ? undefined : sign === "-" ? -number : number;
}

export interface Difference {
  partition: number;
  from: number | undefined;
  to: number;
  /** Records that come again (negative) or are passed over. */
  by: number | undefined;
}

export function differences(plan: ResetResponse): Difference[] {
  const all = plan.offsets.map(({ partition, from, to }) => {
    const known = from ?? undefined;
    return { partition, from: known, to, by: known === undefined ? undefined : to - known };
  });
  return all.sort((a, b) => a.partition - b.partition);
}

/** Records that come again and records that are passed over, in all. */
export function sums(all: Difference[]): { again: number; passed: number } {
  const by = all.map((difference) => difference.by ?? 0);
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    again: Math.abs(sum(by.filter((number) => number < 0))),
    passed: sum(by.filter((number) => number > 0)),
  };
}
