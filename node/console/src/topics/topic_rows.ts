// The list of topics as rows: the API's list, what the cluster's health says of each topic, filtered
// and sorted. No requests, no page.
import type { ClusterHealth } from "../api/cluster";
import type { TopicSummary } from "../api/topics";
import type { Sorting } from "../components/sorted_column";

export type Column = "name" | "partitions" | "replicas" | "state";

export interface TopicRow extends TopicSummary {
  leaderless: number;
  underReplicated: number;
}

export interface Wish {
  text: string;
  isInternalShown: boolean;
  sorting: Sorting<Column>;
}

export function topicRows(
  topics: TopicSummary[],
  health: ClusterHealth | undefined,
  wish: Wish,
): TopicRow[] {
  const leaderless = countByTopic(health?.leaderless_partitions);
  const underReplicated = countByTopic(health?.under_replicated_partitions);
  const words = wish.text.toLowerCase().split(/\s+/).filter(Boolean);
  const isWanted = ({ name, internal }: TopicSummary) =>
    (wish.isInternalShown || !internal) && words.every((w) => name.toLowerCase().includes(w));
  const rows = topics.filter(isWanted).map((topic) => ({
    ...topic,
    leaderless: leaderless.get(topic.name) ?? 0,
    underReplicated: underReplicated.get(topic.name) ?? 0,
  }));
  const sign = wish.sorting.isDescending ? -1 : 1;
  const byName = (a: TopicRow, b: TopicRow) => a.name.localeCompare(b.name, "en");
  return rows.sort((a, b) => sign * order(wish.sorting.by, a, b) || byName(a, b));
}

function order(by: Column, a: TopicRow, b: TopicRow): number {
  if (by === "partitions") return a.partitions - b.partitions;
  if (by === "replicas") return a.replication_factor - b.replication_factor;
  if (by === "state") return severity(a) - severity(b);
  return a.name.localeCompare(b.name, "en");
}

/** A partition that nobody leads goes before any number of missing replicas. */
function severity(row: TopicRow): number {
  return row.leaderless * 1e6 + row.underReplicated;
}

function countByTopic(partitions: { topic: string }[] = []): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { topic } of partitions) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return counts;
}
