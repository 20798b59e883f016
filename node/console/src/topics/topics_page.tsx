// All topics: found by name, sorted, and made.
import { useEffect, useRef, useState } from "preact/hooks";
import { listTopics, type TopicSummary } from "../api/topics";
import { useClusterView } from "../cluster";
import { Badge } from "../components/badge";
import { ProblemNotice } from "../components/problem_notice";
import { SortedColumn, type Sorting } from "../components/sorted_column";
import { StaleNotice } from "../components/stale_notice";
import { count, plural } from "../format";
import { RefreshState } from "../live/refresh_state";
import { useLive } from "../live/use_live";
import { Link } from "../router";
import { CreateDialog } from "./create_dialog";
import { type Column, type TopicRow, topicRows } from "./topic_rows";

export function TopicsPage() {
  const live = useLive("topics", listTopics);
  const health = useClusterView()?.health;
  const [text, setText] = useState("");
  const [isInternalShown, setInternalShown] = useState(false);
  const [sorting, setSorting] = useState<Sorting<Column>>({ by: "name", isDescending: false });
  const [isCreating, setCreating] = useState(false);
  const topics = live.data;
  // Every cluster has internal ones: they are no topics of anybody's.
  const isListed = (topic: TopicSummary) => isInternalShown || !topic.internal;
  const rows = topics && topicRows(topics, health, { text, isInternalShown, sorting });

  return (
    <>
      <div class="page-head">
        <h1>Topics</h1>
        <RefreshState live={live} />
      </div>
      <StaleNotice live={live} />
      {!topics && live.problem && (
        <ProblemNotice problem={live.problem} onRetry={() => void live.refresh()} />
      )}
      <div class="toolbar">
        <Filter text={text} onInput={setText} />
        {topics?.some((topic) => topic.internal) && (
          <label class="check">
            <input
              type="checkbox"
              checked={isInternalShown}
              onChange={(event) => setInternalShown(event.currentTarget.checked)}
            />
            Internal topics
          </label>
        )}
        <span class="muted toolbar-count">
          {topics && rows && shown(rows, topics.filter(isListed))}
        </span>
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          Create topic
        </button>
      </div>
      {rows && rows.length > 0 && <Table rows={rows} sorting={sorting} onSort={setSorting} />}
      {topics && rows?.length === 0 && <Nothing isFiltered={text.trim() !== ""} />}
      {!topics && !live.problem && <p class="loading">Loading topics…</p>}
      {isCreating && (
        <CreateDialog onClose={() => setCreating(false)} onCreated={() => void live.refresh()} />
      )}
    </>
  );
}

function shown(rows: TopicRow[], topics: TopicSummary[]): string {
  if (rows.length === topics.length) return plural(topics.length, "topic");
  return `${count(rows.length)} of ${plural(topics.length, "topic")}`;
}

/** The filter; `/` leads to it from anywhere on the page. */
function Filter({ text, onInput }: { text: string; onInput: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const jump = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isTyping = target.closest("input, textarea, select, dialog") !== null;
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", jump);
    return () => document.removeEventListener("keydown", jump);
  }, []);
  return (
    <input
      ref={input}
      type="search"
      class="filter"
      value={text}
      placeholder="Filter by name ( / )"
      aria-label="Filter topics by name"
      spellcheck={false}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}

interface TableProps {
  rows: TopicRow[];
  sorting: Sorting<Column>;
  onSort: (sorting: Sorting<Column>) => void;
}

function Table({ rows, sorting, onSort }: TableProps) {
  const common = { sorting, onSort };
  return (
    <div class="table-frame">
      <table>
        <caption class="visually-hidden">Topics</caption>
        <thead>
          <tr>
            <SortedColumn column="name" {...common}>
              Name
            </SortedColumn>
            <SortedColumn column="state" {...common}>
              State
            </SortedColumn>
            <SortedColumn column="partitions" isNumber {...common}>
              Partitions
            </SortedColumn>
            <SortedColumn column="replicas" isNumber {...common}>
              Replicas
            </SortedColumn>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row" class="name">
                <Link to={{ page: "topic", topic: row.name }}>{row.name}</Link>
                {row.internal && <Badge tone="info">internal</Badge>}
              </th>
              <td>
                <State row={row} />
              </td>
              <td class="num">{count(row.partitions)}</td>
              <td class="num">{count(row.replication_factor)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ row }: { row: TopicRow }) {
  if (row.leaderless > 0) return <Badge tone="bad">{count(row.leaderless)} without a leader</Badge>;
  if (row.underReplicated > 0) {
    return <Badge tone="warn">{count(row.underReplicated)} under-replicated</Badge>;
  }
  return <Badge tone="ok">in sync</Badge>;
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <p class="empty">No topic has such a name.</p>;
  return (
    <div class="empty">
      <h2>No topics yet</h2>
      <p>A topic is a named log, cut into partitions, each kept on several nodes.</p>
      <p>
        Create one here, or with <code>rampart topic create NAME</code>.
      </p>
    </div>
  );
}
