// What a topic's partitions add up to. Numbers that a leader did not give are left out, and counted.
import type { PartitionDescription, TopicDescription } from "../../api/topics";

export interface Figures {
  /** Records that can be read. */
  records: number;
  bytes: number;
  /** Partitions without their leader's numbers: the sums lack them. */
  unknown: number;
  leaderless: number;
  /** Partitions with fewer replicas in sync than the topic should have. */
  underReplicated: number;
  lagRecordsMax: number;
  lagMsMax: number;
}

export function figuresOf(topic: TopicDescription): Figures {
  const all = topic.partitions;
  const sum = (of: (partition: PartitionDescription) => number) =>
    all.reduce((total, partition) => total + of(partition), 0);
  const max = (of: (partition: PartitionDescription) => number) => Math.max(0, ...all.map(of));
  return {
    records: sum(recordsOf),
    bytes: sum((partition) => partition.size_bytes ?? 0),
    unknown: all.filter((partition) => partition.problem).length,
    leaderless: all.filter((partition) => isNone(partition.leader)).length,
    underReplicated: all.filter((p) => isUnderReplicated(p, topic.replication_factor)).length,
    lagRecordsMax: max((partition) => worstLag(partition).records ?? 0),
    lagMsMax: max((partition) => worstLag(partition).ms ?? 0),
  };
}

export function recordsOf({ log_start_offset, high_watermark }: PartitionDescription): number {
  if (isNone(log_start_offset) || isNone(high_watermark)) return 0;
  return Math.max(0, high_watermark - log_start_offset);
}

export function inSync(partition: PartitionDescription): number {
  return partition.replicas.filter((replica) => replica.in_sync).length;
}

/** Whether replicas are missing; of a partition whose leader is silent that is not known. */
export function isUnderReplicated(partition: PartitionDescription, factor: number): boolean {
  return !partition.problem && inSync(partition) < factor;
}

export function hasTrouble(partition: PartitionDescription, factor: number): boolean {
  return (
    Boolean(partition.problem) || isNone(partition.leader) || isUnderReplicated(partition, factor)
  );
}

/** Of the follower that is furthest behind; nothing where no follower is known. */
export function worstLag(partition: PartitionDescription): {
  records: number | undefined;
  ms: number | undefined;
} {
  const followers = partition.replicas.filter((replica) => replica.role !== "leader");
  const worst = (values: (number | null | undefined)[]) => {
    const known = values.filter((value) => !isNone(value));
    return known.length > 0 ? Math.max(...known) : undefined;
  };
  return {
    records: worst(followers.map((replica) => replica.lag_records)),
    ms: worst(followers.map((replica) => replica.lag_ms)),
  };
}

function isNone<T>(value: T | null | undefined): value is null | undefined {
  return value === null || value === undefined;
}
