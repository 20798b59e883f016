// The cluster as the node that answers sees it: asked for once, at the top of every page, and shown
// wherever a page needs it.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import {
  type ClusterHealth,
  type ClusterStatus,
  clusterHealth,
  clusterStatus,
} from "./api/cluster";
import { type Live, useLive } from "./live/use_live";

/** The health asks every leader, so it is asked for less often than a page. */
const EVERY_MS = 5_000;

export type ClusterLive = Live<{ status: ClusterStatus; health: ClusterHealth }>;

export const ClusterView = createContext<ClusterLive | undefined>(undefined);

/** What the frame keeps. */
export function useCluster(): ClusterLive {
  return useLive(
    "cluster",
    async (signal) => {
      const [status, health] = await Promise.all([clusterStatus(signal), clusterHealth(signal)]);
      return { status, health };
    },
    EVERY_MS,
  );
}

/** What a page sees of it. */
export function useClusterView() {
  return useContext(ClusterView)?.data;
}
