// The API's cluster: who is in it, whether it is well, what is moving.
import { call } from "./request";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type ClusterStatus = Schemas["ClusterStatus"];
export type ClusterHealth = Schemas["ClusterHealth"];
export type MoveDescription = Schemas["MoveDescription"];

export function clusterStatus(signal?: AbortSignal): Promise<ClusterStatus> {
  return call("get", "/v1/cluster", { signal });
}

export function clusterHealth(signal?: AbortSignal): Promise<ClusterHealth> {
  return call("get", "/v1/cluster/health", { signal });
}

/** The moves of one topic that have not finished. */
export async function movesOf(topic: string, signal?: AbortSignal): Promise<MoveDescription[]> {
  const { moves } = await call("get", "/v1/cluster/moves", { signal });
  return moves.filter((move) => move.topic === topic);
}
