// A group's share in a topic.
import { expect, test } from "vitest";
import type { GroupDescription, GroupPartition } from "../../../api/groups";
import { topicGroup } from "./topic_groups";

const partition = (topic: string, number: number, lag: number | null): GroupPartition => ({
  topic,
  partition: number,
  lag,
  committed: 5,
  in_flight: 2,
  parked: 1,
  dying: 3,
});

function group(partitions: GroupPartition[]): GroupDescription {
  const counters = {
    lost: 0,
    parked: 0,
    recovered: 0,
    dead: 0,
    redriven: 0,
    dropped: 0,
    expired: 0,
  };
  const about = { group: "billing", generation: 4, protocol: "server", created_ms: 0 };
  return { ...about, members: [], partitions, counters };
}

test("only the topic's partitions count, in their order", () => {
  const all = [partition("t", 3, 10), partition("other", 0, 99), partition("t", 1, 5)];
  expect(topicGroup(group(all), "t")).toMatchObject({
    name: "billing",
    generation: 4,
    lag: 15,
    unknown: 0,
    inFlight: 4,
    parked: 2,
    dying: 6,
    partitions: [{ partition: 1 }, { partition: 3 }],
  });
});

test("a lag that is not known is left out and counted", () => {
  const some = topicGroup(group([partition("t", 0, null), partition("t", 1, 5)]), "t");
  expect([some.lag, some.unknown]).toEqual([5, 1]);
  const none = topicGroup(group([partition("t", 0, null)]), "t");
  expect([none.lag, none.unknown]).toEqual([undefined, 1]);
});
