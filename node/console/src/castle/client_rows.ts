// Castle's clients as rows: found by words, sorted. No requests, no page.
import type { CastleClient } from "../api/castle";
import type { Sorting } from "../components/sorted_column";

export type Column = "client" | "host" | "lag" | "in_flight" | "errors" | "silent";

export function clientRows(
  clients: CastleClient[],
  text: string,
  sorting: Sorting<Column>,
): CastleClient[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = clients.filter((client) => {
    const said = wordsOf(client);
    return words.every((word) => said.includes(word));
  });
  const sign = sorting.isDescending ? -1 : 1;
  const byName = (a: CastleClient, b: CastleClient) => compare(nameOf(a), nameOf(b));
  return rows.sort((a, b) => sign * order(sorting.by, a, b) || byName(a, b));
}

/** Everything that a client can be found by. */
function wordsOf(client: CastleClient): string {
  const { client_id, instance_id, app, sdk, host, rack, subscriptions } = client;
  const topics = subscriptions.flatMap(({ role, topic, group }) => [role, topic, group ?? ""]);
  return [client_id, instance_id, app, sdk, host, rack, ...topics].join("\n").toLowerCase();
}

function order(by: Column, a: CastleClient, b: CastleClient): number {
  if (by === "host") return compare(a.host, b.host);
  if (by === "lag") return a.stats.lag - b.stats.lag;
  if (by === "in_flight") return a.stats.in_flight - b.stats.in_flight;
  if (by === "errors") return a.stats.errors - b.stats.errors;
  if (by === "silent") return a.silent_ms - b.silent_ms;
  return compare(nameOf(a), nameOf(b));
}

function nameOf({ client_id, instance_id }: CastleClient): string {
  return `${client_id} ${instance_id}`;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en");
}
