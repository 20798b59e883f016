// The API's consumer groups, with the names this console uses.
import { call } from "./request";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type GroupSummary = Schemas["GroupSummary"];
export type GroupDescription = Schemas["GroupDescription"];
export type GroupMember = Schemas["GroupMember"];
export type GroupPartition = Schemas["GroupPartitionDescription"];
export type ResetRequest = Schemas["ResetRequest"];
export type ResetResponse = Schemas["ResetResponse"];
export type ResetTo = Schemas["ResetTo"];

export async function listGroups(signal?: AbortSignal): Promise<GroupSummary[]> {
  return (await call("get", "/v1/groups", { signal })).groups;
}

export function describeGroup(group: string, signal?: AbortSignal): Promise<GroupDescription> {
  return call("get", "/v1/groups/{group}", { path: { group }, signal });
}

export function resetOffsets(group: string, body: ResetRequest): Promise<ResetResponse> {
  return call("post", "/v1/groups/{group}:reset-offsets", { path: { group }, body });
}
