// One topic: what it adds up to, what is moving, its partitions, the groups that read it, its dead
// letters and its configuration.
import { useState } from "preact/hooks";
import { movesOf } from "../../api/cluster";
import { describeDeadLetters } from "../../api/dead_letters";
import { describeTopic } from "../../api/topics";
import { Badge } from "../../components/badge";
import { ProblemNotice } from "../../components/problem_notice";
import { StaleNotice } from "../../components/stale_notice";
import { bytes, count, moment, plural, span } from "../../format";
import { RefreshState } from "../../live/refresh_state";
import { together } from "../../live/together";
import { useLive } from "../../live/use_live";
import { Link } from "../../router";
import { Actions } from "./actions";
import { Configuration } from "./configuration";
import { DeadLetters } from "./dead_letters/dead_letters";
import { type Figures, figuresOf } from "./figures";
import { Groups } from "./groups/groups";
import { useTopicGroups } from "./groups/topic_groups";
import { Moves } from "./moves";
import { Partitions } from "./partitions";

/** What coordinators and many leaders are asked for, less often than the topic itself. */
const SLOW_MS = 4_000;

export function TopicPage({ topic: name }: { topic: string }) {
  const live = useLive(name, async (signal) => {
    const [topic, moves] = await Promise.all([describeTopic(name, signal), movesOf(name, signal)]);
    return { topic, moves };
  });
  const [text, setText] = useState("");
  const groups = useTopicGroups(name, text);
  const deadLetters = useLive(name, (signal) => describeDeadLetters(name, signal), SLOW_MS);
  const [isLeaving, setLeaving] = useState(false);

  if (live.problem?.code === "TOPIC_NOT_FOUND" && !isLeaving) return <Gone name={name} />;
  if (!live.data) {
    return (
      <>
        <Head name={name} />
        {live.problem ? (
          <ProblemNotice problem={live.problem} onRetry={() => void live.refresh()} />
        ) : (
          <p class="loading">Loading {name}…</p>
        )}
      </>
    );
  }
  const { topic, moves } = live.data;
  const all = together(live, groups, deadLetters);
  const isStale = live.problem !== undefined || isLeaving;
  const figures = figuresOf(topic);
  return (
    <>
      <Head name={topic.name} />
      <div class="page-head">
        <h1 class="mono">{topic.name}</h1>
        {topic.internal && <Badge tone="info">internal</Badge>}
        <State figures={figures} />
        <RefreshState live={all} />
      </div>
      {!isLeaving && <StaleNotice live={live} />}
      <div class="page-sub">
        <p class="muted">
          {plural(topic.partitions.length, "partition")} ·{" "}
          {plural(topic.replication_factor, "replica")} each · created {moment(topic.created_ms)} ·
          id <code>{topic.id}</code>
        </p>
        <Actions topic={topic} onChanged={live.refresh} onLeaving={setLeaving} />
      </div>
      <Sums figures={figures} />
      <Moves moves={moves} />
      <Partitions topic={topic} />
      <Groups topic={topic} live={groups} text={text} onText={setText} isStale={isStale} />
      {!topic.internal && (
        <DeadLetters
          topic={topic}
          live={deadLetters}
          readers={groups.data?.groups.map((group) => group.name) ?? []}
          onChanged={all.refresh}
          isStale={isStale}
        />
      )}
      <Configuration key={topic.id} topic={topic} onChanged={all.refresh} />
    </>
  );
}

function Head({ name }: { name: string }) {
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <Link to={{ page: "topics" }}>Topics</Link>
      <span aria-hidden="true">/</span>
      <span aria-current="page">{name}</span>
    </nav>
  );
}

function State({ figures }: { figures: Figures }) {
  if (figures.leaderless > 0) {
    return <Badge tone="bad">{plural(figures.leaderless, "partition")} without a leader</Badge>;
  }
  if (figures.underReplicated > 0) {
    return (
      <Badge tone="warn">{plural(figures.underReplicated, "partition")} under-replicated</Badge>
    );
  }
  if (figures.unknown > 0) {
    return <Badge tone="warn">{plural(figures.unknown, "partition")} not answering</Badge>;
  }
  return <Badge tone="ok">in sync</Badge>;
}

function Sums({ figures }: { figures: Figures }) {
  const lacking = figures.unknown > 0 ? ` without ${plural(figures.unknown, "partition")}` : "";
  return (
    <dl class="sums">
      <Sum name={`Records${lacking}`} value={count(figures.records)} />
      <Sum name={`Size of the leaders' logs${lacking}`} value={bytes(figures.bytes)} />
      <Sum name="Furthest behind" value={plural(figures.lagRecordsMax, "record")} />
      <Sum name="For the longest" value={span(figures.lagMsMax)} />
    </dl>
  );
}

function Sum({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Gone({ name }: { name: string }) {
  return (
    <>
      <Head name={name} />
      <div class="empty">
        <h1>There is no topic {name}</h1>
        <p>It was deleted, or never made.</p>
        <p>
          <Link to={{ page: "topics" }}>All topics</Link>
        </p>
      </div>
    </>
  );
}
