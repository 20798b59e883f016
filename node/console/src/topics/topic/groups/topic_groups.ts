// The groups that read a topic, with what they have of it: found, summed up, and asked for again and
// again.
import { useEffect, useRef } from "preact/hooks";
import { atOnce } from "../../../api/at_once";
import {
  describeGroup,
  type GroupDescription,
  type GroupMember,
  type GroupPartition,
  listGroups,
} from "../../../api/groups";
import { detailsOf, Problem, type ProblemDetails } from "../../../api/problem";
import { type Live, useLive } from "../../../live/use_live";
import { afterRound, matching, NOTHING_SEEN, type Scan, toLookAt } from "./scan";

/** Each group asks its coordinator and the leaders of its partitions, so less often than a page. */
const EVERY_MS = 4_000;
const AT_ONCE = 6;

/** A group, and what it has of one topic. */
export interface TopicGroup {
  name: string;
  generation: number;
  members: GroupMember[];
  partitions: GroupPartition[];
  /** Over the partitions whose leader answered; nothing where none did. */
  lag: number | undefined;
  /** Partitions without a known lag. */
  unknown: number;
  inFlight: number;
  parked: number;
  dying: number;
}

export interface TopicGroups {
  groups: TopicGroup[];
  /** Groups found to read the topic; more than `groups` where there are too many, or some are silent. */
  readers: number;
  /** Groups looked at so far, and groups there are. */
  looked: number;
  all: number;
  /** Groups whose coordinator did not answer. */
  silent: string[];
}

export function useTopicGroups(topic: string, text: string): Live<TopicGroups> {
  const scan = useRef<Scan>(NOTHING_SEEN);
  const live = useLive(
    topic,
    async (signal) => {
      const round = await lookAt(topic, text, scan.current, signal);
      scan.current = round.scan;
      return round.found;
    },
    EVERY_MS,
  );
  const asked = useRef(text);
  useEffect(() => {
    if (asked.current === text) return;
    asked.current = text;
    void live.refresh();
  }, [text, live.refresh]);
  return live;
}

async function lookAt(topic: string, text: string, scan: Scan, signal: AbortSignal) {
  const all = (await listGroups(signal)).map(({ group }) => group);
  const names = toLookAt(scan, all, text);
  const answers = await atOnce(names, AT_ONCE, (name) => described(name, signal));
  const known = answers.flatMap(({ group }) => (group ? [topicGroup(group, topic)] : []));
  const readers = known.filter(({ partitions }) => partitions.length > 0);
  const silent = answers.flatMap(({ name, problem }) => (problem ? [{ name, problem }] : []));
  if (silent[0] && known.length === 0) throw new Problem(silent[0].problem);
  const isReader = new Map(known.map(({ name, partitions }) => [name, partitions.length > 0]));
  const after = afterRound(scan, all, isReader);
  const looked = matching([...after.seen.keys()], text);
  const found: TopicGroups = {
    groups: readers,
    readers: looked.filter((name) => after.seen.get(name)?.isReader).length,
    looked: looked.length,
    all: matching(all, text).length,
    silent: silent.map(({ name }) => name),
  };
  return { scan: after, found };
}

interface Answer {
  name: string;
  group?: GroupDescription;
  problem?: ProblemDetails;
}

async function described(name: string, signal: AbortSignal): Promise<Answer> {
  try {
    return { name, group: await describeGroup(name, signal) };
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = detailsOf(error);
    // Deleted since it was listed.
    return problem.code === "GROUP_NOT_FOUND" ? { name } : { name, problem };
  }
}

/** What a group has of a topic. */
export function topicGroup(group: GroupDescription, topic: string): TopicGroup {
  const partitions = group.partitions.filter((partition) => partition.topic === topic);
  const sum = (of: (partition: GroupPartition) => number) =>
    partitions.reduce((total, partition) => total + of(partition), 0);
  const unknown = partitions.filter(({ lag }) => lag === undefined || lag === null).length;
  return {
    name: group.group,
    generation: group.generation,
    members: group.members,
    partitions: partitions.toSorted((a, b) => a.partition - b.partition),
    lag: unknown === partitions.length ? undefined : sum(({ lag }) => lag ?? 0),
    unknown,
    inFlight: sum(({ in_flight }) => in_flight),
    parked: sum(({ parked }) => parked),
    dying: sum(({ dying }) => dying),
  };
}
