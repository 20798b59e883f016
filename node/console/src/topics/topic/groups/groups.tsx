// The groups that read the topic: who is in them, how far they are, what waits and what dies.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { TopicDescription } from "../../../api/topics";
import { Badge } from "../../../components/badge";
import { ProblemNotice } from "../../../components/problem_notice";
import { StaleNotice } from "../../../components/stale_notice";
import { count, plural, UNKNOWN } from "../../../format";
import type { Live } from "../../../live/use_live";
import { GroupDetail } from "./group_detail";
import { ResetDialog } from "./reset_dialog";
import { matching, NEW_MAX } from "./scan";
import type { TopicGroup, TopicGroups } from "./topic_groups";

const COLUMNS = 7;

interface Props {
  topic: TopicDescription;
  live: Live<TopicGroups>;
  text: string;
  onText: (text: string) => void;
  /** The page says already that the server does not answer. */
  isStale: boolean;
}

export function Groups({ topic, live, text, onText, isStale }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [resetting, setResetting] = useState<string>();
  const found = live.data;
  const names = new Set(matching(found?.groups.map(({ name }) => name) ?? [], text));
  const shown = found?.groups.filter(({ name }) => names.has(name)) ?? [];
  const reset = found?.groups.find(({ name }) => name === resetting);

  const toggle = (name: string) => {
    const next = new Set(open);
    if (!next.delete(name)) next.add(name);
    setOpen(next);
  };

  return (
    <section aria-labelledby="groups">
      <div class="section-head">
        <h2 id="groups">Groups</h2>
        {found && <span class="muted">{summary(found)}</span>}
        {found && (text !== "" || found.all > NEW_MAX) && (
          <input
            type="search"
            class="filter"
            value={text}
            placeholder="Part of a group's name"
            aria-label="Filter groups by name"
            spellcheck={false}
            onInput={(event) => onText(event.currentTarget.value)}
          />
        )}
      </div>
      {!isStale && <StaleNotice live={live} />}
      {!found && live.problem && (
        <ProblemNotice problem={live.problem} onRetry={() => void live.refresh()} />
      )}
      {!found && !live.problem && <p class="loading">Looking for groups…</p>}
      {found && found.silent.length > 0 && <Silent names={found.silent} />}
      {found && shown.length === 0 && <Nobody found={found} text={text} />}
      {shown.length > 0 && (
        <div class="table-frame">
          <table class="groups">
            <caption class="visually-hidden">Groups that read {topic.name}</caption>
            <Heads />
            <tbody>
              {shown.map((group) => (
                <Fragment key={group.name}>
                  <Row
                    group={group}
                    isOpen={open.has(group.name)}
                    onToggle={() => toggle(group.name)}
                    onReset={() => setResetting(group.name)}
                  />
                  {open.has(group.name) && (
                    <tr class="detail" id={idOf(group.name)}>
                      <td colSpan={COLUMNS}>
                        <GroupDetail group={group} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {reset && (
        <ResetDialog
          topic={topic}
          group={reset}
          onChanged={live.refresh}
          onClose={() => setResetting(undefined)}
        />
      )}
    </section>
  );
}

function summary(found: TopicGroups): string {
  const left = found.all - found.looked;
  const looking = left > 0 ? `; ${count(left)} of ${plural(found.all, "group")} to look at` : "";
  const hidden = found.readers - found.groups.length;
  const more = hidden > 0 ? `, ${count(hidden)} of them not shown` : "";
  if (found.readers === 0) return looking.slice(2);
  const verb = found.readers === 1 ? "reads" : "read";
  return `${plural(found.readers, "group")} ${verb} this topic${more}${looking}`;
}

function Silent({ names }: { names: string[] }) {
  const more = names.length - 3;
  return (
    <p class="notice notice-warn">
      No answer about {names.slice(0, 3).join(", ")}
      {more > 0 && ` and ${plural(more, "more group")}`}: the node that keeps them is asked again.
    </p>
  );
}

function Nobody({ found, text }: { found: TopicGroups; text: string }) {
  if (found.looked < found.all) return <p class="loading">Looking for groups…</p>;
  if (text.trim() !== "") return <p class="empty">No group of such a name reads this topic.</p>;
  return (
    <p class="empty">
      No group reads this topic. One is there with its first poll: <code>rampart consume -g</code>.
    </p>
  );
}

function Heads() {
  const numbers = ["Members", "Lag", "In flight", "Parked", "Dying"];
  return (
    <thead>
      <tr>
        <th scope="col">Group</th>
        {numbers.map((name) => (
          <th scope="col" class="num" key={name}>
            {name}
          </th>
        ))}
        <th scope="col">
          <span class="visually-hidden">Actions</span>
        </th>
      </tr>
    </thead>
  );
}

interface RowProps {
  group: TopicGroup;
  isOpen: boolean;
  onToggle: () => void;
  onReset: () => void;
}

function Row({ group, isOpen, onToggle, onReset }: RowProps) {
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="expand"
          aria-expanded={isOpen}
          aria-controls={idOf(group.name)}
          aria-label={`Partitions and members of ${group.name}`}
          onClick={onToggle}
        >
          <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {group.name}
        </button>
      </th>
      <td class="num">
        {group.members.length > 0 ? count(group.members.length) : <Badge tone="idle">nobody</Badge>}
      </td>
      <td class="num">
        <Lag group={group} />
      </td>
      <td class="num">{count(group.inFlight)}</td>
      <td class="num">{count(group.parked)}</td>
      <td class="num">{count(group.dying)}</td>
      <td class="row-action">
        <button
          type="button"
          class="quiet"
          aria-label={`Reset the offsets of ${group.name}`}
          onClick={onReset}
        >
          Reset offsets…
        </button>
      </td>
    </tr>
  );
}

function Lag({ group }: { group: TopicGroup }) {
  if (group.lag === undefined) return <>{UNKNOWN}</>;
  if (group.unknown === 0) return <>{count(group.lag)}</>;
  const lacking = `${plural(group.unknown, "partition")} did not answer`;
  return (
    <span title={lacking}>
      {count(group.lag)} + ?<span class="visually-hidden">, {lacking}</span>
    </span>
  );
}

/** A name may have spaces, an id not. */
function idOf(group: string): string {
  return `group-${encodeURIComponent(group)}`;
}
