// The API's topics, with the names this console uses.
import { call } from "./request";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type TopicSummary = Schemas["TopicSummary"];
export type TopicDescription = Schemas["TopicDescription"];
export type PartitionDescription = Schemas["PartitionDescription"];
export type ReplicaDescription = Schemas["ReplicaDescription"];
export type CreateTopicRequest = Schemas["CreateTopicRequest"];
export type CreateTopicResponse = Schemas["CreateTopicResponse"];
export type AlterTopicRequest = Schemas["AlterTopicRequest"];
export type TruncateRequest = Schemas["TruncateRequest"];
export type TruncateResponse = Schemas["TruncateResponse"];

export async function listTopics(signal?: AbortSignal): Promise<TopicSummary[]> {
  return (await call("get", "/v1/topics", { signal })).topics;
}

export function describeTopic(topic: string, signal?: AbortSignal): Promise<TopicDescription> {
  return call("get", "/v1/topics/{topic}", { path: { topic }, signal });
}

export function createTopic(body: CreateTopicRequest): Promise<CreateTopicResponse> {
  return call("post", "/v1/topics", { body });
}

export function alterTopic(topic: string, body: AlterTopicRequest) {
  return call("patch", "/v1/topics/{topic}", { path: { topic }, body });
}

export function addPartitions(topic: string, partitions: number) {
  return call("post", "/v1/topics/{topic}/partitions", { path: { topic }, body: { partitions } });
}

export function truncateTopic(topic: string, body: TruncateRequest): Promise<TruncateResponse> {
  return call("post", "/v1/topics/{topic}/truncate", { path: { topic }, body });
}

export function deleteTopic(topic: string) {
  return call("delete", "/v1/topics/{topic}", { path: { topic } });
}
