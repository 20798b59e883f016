// The frame around every page: the cluster at the top, what was just done, and the page of the path.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ClusterHealth } from "./api/cluster";
import { ClientsPage } from "./castle/clients_page";
import { type ClusterLive, ClusterView, useCluster } from "./cluster";
import { Badge, type Tone } from "./components/badge";
import { Announce, DoneNotice } from "./components/notice";
import { plural } from "./format";
import { Link, pathOf, type Route, useRoute } from "./router";
import { ThemeChoice } from "./theme";
import { TopicPage } from "./topics/topic/topic_page";
import { TopicsPage } from "./topics/topics_page";

const HEALTH: Record<ClusterHealth["status"], { tone: Tone; word: string }> = {
  ok: { tone: "ok", word: "Healthy" },
  degraded: { tone: "warn", word: "Degraded" },
  unavailable: { tone: "bad", word: "Unavailable" },
};

export function App() {
  const route = useRoute();
  const cluster = useCluster();
  const [done, setDone] = useState("");
  return (
    <Announce.Provider value={setDone}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <TopBar cluster={cluster} />
      <main id="content" tabIndex={-1}>
        <DoneNotice text={done} onClose={() => setDone("")} />
        <ClusterView.Provider value={cluster}>
          <Page route={route} />
        </ClusterView.Provider>
      </main>
    </Announce.Provider>
  );
}

function Page({ route }: { route: Route }) {
  const isFirst = useRef(true);
  const place = pathOf(route);
  // Who goes to another page by keyboard begins at its top; the first page leaves the focus alone.
  useEffect(() => {
    if (!isFirst.current) document.getElementById("content")?.focus();
    isFirst.current = false;
  }, [place]);
  useEffect(() => {
    document.title = `${titleOf(route)} · Rampart`;
  }, [route]);
  if (route.page === "topics") return <TopicsPage />;
  if (route.page === "clients") return <ClientsPage />;
  if (route.page === "topic") return <TopicPage key={route.topic} topic={route.topic} />;
  return (
    <div class="empty">
      <h1>There is no such page</h1>
      <p>
        <Link to={{ page: "topics" }}>All topics</Link>
      </p>
    </div>
  );
}

function titleOf(route: Route): string {
  if (route.page === "topic") return route.topic;
  return route.page === "clients" ? "Clients" : "Topics";
}

function TopBar({ cluster }: { cluster: ClusterLive }) {
  const said = cluster.data;
  const health = said && HEALTH[said.health.status];
  return (
    <header class="top">
      <span class="brand">
        <img src="/console/favicon.svg" alt="" width="20" height="20" />
        Rampart
      </span>
      <nav aria-label="Pages">
        <Link to={{ page: "topics" }}>Topics</Link>
        <Link to={{ page: "clients" }}>Clients</Link>
      </nav>
      <div class="top-facts">
        {said && (
          <span class="muted">
            {plural(said.status.nodes.length, "node")} · answered by node {said.status.node} ·{" "}
            {said.status.version}
          </span>
        )}
        {cluster.problem ? (
          <Badge tone="bad">Not reachable</Badge>
        ) : (
          health && (
            <span title={said?.health.problems.join("\n") || undefined}>
              <Badge tone={health.tone}>{health.word}</Badge>
            </span>
          )
        )}
        <a href="/docs">API</a>
        <ThemeChoice />
      </div>
    </header>
  );
}
