// Which groups read a topic? The API lists groups by name only, so they are looked at, a few in each
// round and never all of thousands at once: those that were found to read the topic in every round,
// unknown ones next, the others again now and then. No requests, no page.

/** Groups shown of those that read the topic. */
export const READERS_MAX = 40;
/** Groups looked at for the first time, in one round. */
export const NEW_MAX = 40;
/** Once all are known: groups that did not read the topic, looked at again, in one round. */
const AGAIN_MAX = 5;

interface Seen {
  round: number;
  isReader: boolean;
}

/** What was found so far. */
export interface Scan {
  readonly round: number;
  readonly seen: ReadonlyMap<string, Seen>;
}

export const NOTHING_SEEN: Scan = { round: 0, seen: new Map() };

/** The groups to look at in the next round, out of all whose name has `text` in it. */
export function toLookAt(scan: Scan, all: readonly string[], text: string): string[] {
  const wanted = matching(all, text);
  const readers = wanted.filter((name) => scan.seen.get(name)?.isReader).slice(0, READERS_MAX);
  const unknown = wanted.filter((name) => !scan.seen.has(name)).slice(0, NEW_MAX);
  return [...readers, ...(unknown.length > 0 ? unknown : longestAgo(scan, wanted))];
}

/** What is known after a round; groups that are gone are forgotten. */
export function afterRound(
  scan: Scan,
  all: readonly string[],
  found: ReadonlyMap<string, boolean>,
): Scan {
  const round = scan.round + 1;
  const seen = new Map<string, Seen>();
  for (const name of all) {
    const isReader = found.get(name);
    const before = scan.seen.get(name);
    if (isReader !== undefined) seen.set(name, { round, isReader });
    else if (before) seen.set(name, before);
  }
  return { round, seen };
}

/** Names with the text in them, in any case. */
export function matching(names: readonly string[], text: string): string[] {
  const wanted = text.trim().toLowerCase();
  return names.filter((name) => name.toLowerCase().includes(wanted));
}

function longestAgo(scan: Scan, wanted: string[]): string[] {
  const rest = wanted.flatMap((name) => {
    const seen = scan.seen.get(name);
    return seen && !seen.isReader ? [{ name, round: seen.round }] : [];
  });
  rest.sort((a, b) => a.round - b.round);
  return rest.slice(0, AGAIN_MAX).map(({ name }) => name);
}
