// Sums over partitions, also where some are silent.
import { expect, test } from "vitest";
import type { PartitionDescription, ReplicaDescription, TopicDescription } from "../../api/topics";
import { figuresOf, hasTrouble, worstLag } from "./figures";

const replica = (node: number, role: string, lag: number, in_sync = true): ReplicaDescription => ({
  node,
  role,
  in_sync,
  replica: node,
  alive: true,
  lag_records: lag,
  lag_ms: lag * 10,
});
const SOUND: PartitionDescription = {
  partition: 0,
  leader: 1,
  leader_epoch: 4,
  log_start_offset: 10,
  high_watermark: 110,
  log_end_offset: 112,
  size_bytes: 2_000,
  replicas: [replica(1, "leader", 0), replica(2, "follower", 2), replica(3, "follower", 7)],
};
const BEHIND = {
  ...SOUND,
  replicas: [replica(1, "leader", 0), replica(2, "follower", 900, false)],
};
const SILENT: PartitionDescription = {
  partition: 2,
  leader: null,
  leader_epoch: 4,
  problem: "nobody leads it",
  replicas: [{ replica: 5, node: 2, role: "follower", alive: false }],
};
const topic = (partitions: PartitionDescription[], replication_factor: number) =>
  ({ partitions, replication_factor }) as TopicDescription;

test("what is known is added up, and what is not is counted", () => {
  expect(figuresOf(topic([SOUND, BEHIND, SILENT], 3))).toEqual({
    records: 200,
    bytes: 4_000,
    unknown: 1,
    leaderless: 1,
    underReplicated: 1,
    lagRecordsMax: 900,
    lagMsMax: 9_000,
  });
});

test("a partition is sound with as many replicas in sync as the topic wants", () => {
  expect(hasTrouble(SOUND, 3)).toBe(false);
  expect(hasTrouble(BEHIND, 1)).toBe(false);
  expect(hasTrouble(BEHIND, 2)).toBe(true);
  expect(hasTrouble(SILENT, 1)).toBe(true);
});

test("without followers there is no lag to speak of", () => {
  expect(worstLag({ ...SOUND, replicas: [replica(1, "leader", 0)] })).toEqual({
    records: undefined,
    ms: undefined,
  });
});

test("a topic without partitions adds up to nothing", () => {
  expect(figuresOf(topic([], 3))).toMatchObject({ records: 0, lagRecordsMax: 0, unknown: 0 });
});
