// The API's dead letters: the switch of a topic and of its groups, and the records that died.
import { call } from "./request";
import type { components as Published } from "./schema";
import type { components as Unpublished } from "./unpublished";

type Schemas = Published["schemas"] & Unpublished["schemas"];
export type DeadLetterDescription = Schemas["DeadLetterDescription"] &
  Schemas["DeadLetterBacklogs"];
export type DeadLetterSettings = Schemas["DeadLetterSettings"];
export type SetDeadLetterRequest = Schemas["SetDeadLetterRequest"];
export type SetDeadLetterResponse = Schemas["SetDeadLetterResponse"];
export type Backlog = Schemas["DeadLetterBacklog"];
export type DeadRecord = Schemas["DeadLetterRecord"];
export type DeadRecords = Schemas["DeadLetterRecords"];
export type RedriveRequest = Schemas["RedriveRequest"];
export type RedriveResponse = Schemas["RedriveResponse"];
export type PurgeRequest = Schemas["PurgeRequest"];
export type PurgeResponse = Schemas["PurgeResponse"];

/** Which dead records are meant; without any field all of the group's. */
export type DeadFilter = Pick<PurgeRequest, "partition" | "offset" | "error" | "key" | "contains">;

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

export function redrive(topic: string, body: RedriveRequest): Promise<RedriveResponse> {
  return call("post", "/v1/topics/{topic}/dead-letter:redrive", { path: { topic }, body });
}

export function purge(topic: string, body: PurgeRequest): Promise<PurgeResponse> {
  return call("post", "/v1/topics/{topic}/dead-letter:purge", { path: { topic }, body });
}
