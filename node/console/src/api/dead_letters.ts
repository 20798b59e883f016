// The API's dead letters: the switch of a topic and of its groups, and the records that died.
import { call } from "./request";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type DeadLetterDescription = Schemas["DeadLetterDescription"];
export type DeadLetterSettings = Schemas["DeadLetterSettings"];
export type SetDeadLetterRequest = Schemas["SetDeadLetterRequest"];
export type SetDeadLetterResponse = Schemas["SetDeadLetterResponse"];
export type Backlog = Schemas["DeadLetterBacklog"];
export type DeadRecord = Schemas["DeadLetterRecord"];
export type DeadRecords = Schemas["DeadLetterRecords"];
export type RedriveTo = Schemas["RedriveTo"];
export type RedriveResponse = Schemas["RedriveResponse"];
export type PurgeResponse = Schemas["PurgeResponse"];

/** Which dead records are meant; without any field all of the group's. */
export interface DeadFilter {
  partition?: number;
  offset?: number;
  error?: string;
  key?: string;
  contains?: string;
}

/** One slice of a redrive or a purge. */
interface Wish extends DeadFilter {
  group: string;
  cursor?: string;
  dry_run: boolean;
}

/** What a request says where nothing is said. */
const NOTHING_SAID = {
  partition: null,
  offset: null,
  error: null,
  key: null,
  contains: null,
  max_records: null,
  cursor: null,
};

/** The topic's switch, and those that groups have of their own; what waits of each group. */
export function describeDeadLetters(
  topic: string,
  signal?: AbortSignal,
): Promise<DeadLetterDescription> {
  return call("get", "/v1/topics/{topic}/dead-letter", { path: { topic }, signal });
}

/** Replaces the switch of the topic, or of one group. */
export function setDeadLetters(
  topic: string,
  group: string | undefined,
  body: SetDeadLetterRequest,
): Promise<SetDeadLetterResponse> {
  return call("put", "/v1/topics/{topic}/dead-letter", { path: { topic }, query: { group }, body });
}

/** A slice of the records that a group gave up, values as the text that they are. */
export function deadRecords(
  topic: string,
  query: { group: string; max_records: number; cursor?: string } & DeadFilter,
  signal?: AbortSignal,
): Promise<DeadRecords> {
  return call("get", "/v1/topics/{topic}/dead-letter/records", {
    path: { topic },
    query: { ...query, encoding: "string" },
    signal,
  });
}

export function redrive(topic: string, wish: Wish & { to: RedriveTo }): Promise<RedriveResponse> {
  return call("post", "/v1/topics/{topic}/dead-letter:redrive", {
    path: { topic },
    body: { ...NOTHING_SAID, ...wish },
  });
}

export function purge(topic: string, wish: Wish): Promise<PurgeResponse> {
  return call("post", "/v1/topics/{topic}/dead-letter:purge", {
    path: { topic },
    body: { ...NOTHING_SAID, ...wish },
  });
}
