// Numbers, sizes and times as people read them.
const NUMBER = new Intl.NumberFormat("en-US");
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SPANS: [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** What stands where a number is not known. */
export const UNKNOWN = "–";

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : NUMBER.format(value);
}

/** `1 topic`, `2 topics`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

/** A span of milliseconds in its two largest units: `1 d 4 h`. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const first = SPANS.findIndex(([, length]) => ms >= length);
  let left = ms;
  const parts = SPANS.slice(first, first + 2).map(([unit, length]) => {
    const whole = Math.floor(left / length);
    left -= whole * length;
    return whole > 0 ? `${whole} ${unit}` : "";
  });
  return parts.filter(Boolean).join(" ");
}

/** A moment in this browser's time zone, always in the same form. */
export function moment(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** What a configuration value means, where the key's unit is in its name; nothing where not. */
export function meaning(key: string, value: string): string {
  if (!/^-?\d+$/.test(value)) return "";
  const number = Number(value);
  if (number === -1 && key.startsWith("retention.")) return "never";
  if (key.endsWith(".ms") && number >= 1_000) return span(number);
  if (key.endsWith(".bytes") && number >= 1_024) return bytes(number);
  return "";
}
