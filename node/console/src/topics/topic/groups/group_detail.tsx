// One group: each partition of the topic, and who is in the group.
import { useState } from "preact/hooks";
import type { GroupMember } from "../../../api/groups";
import { Badge } from "../../../components/badge";
import { count, plural, span, UNKNOWN } from "../../../format";
import type { TopicGroup } from "./topic_groups";

/** Rows until more are asked for. */
const SHOWN_MAX = 100;

export function GroupDetail({ group }: { group: TopicGroup }) {
  return (
    <div class="stack">
      <Partitions group={group} />
      {group.members.length > 0 && <Members group={group} />}
    </div>
  );
}

function Partitions({ group }: { group: TopicGroup }) {
  const [isAllShown, setAllShown] = useState(false);
  const shown = isAllShown ? group.partitions : group.partitions.slice(0, SHOWN_MAX);
  const members = new Map(group.members.map((member) => [member.member, member]));
  return (
    <>
      <table class="inner">
        <caption class="visually-hidden">Partitions of {group.name}</caption>
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col">Held by</th>
            {["Committed", "End", "Lag", "In flight", "Parked", "Dying"].map((name) => (
              <th scope="col" class="num" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((partition) => (
            <tr key={partition.partition}>
              <th scope="row">{partition.partition}</th>
              <td>{holder(partition.holder, members)}</td>
              <td class="num">{count(partition.committed)}</td>
              <td class="num">{count(partition.high_watermark)}</td>
              <td class="num">{count(partition.lag)}</td>
              <td class="num">{count(partition.in_flight)}</td>
              <td class="num">{count(partition.parked)}</td>
              <td class="num">{count(partition.dying)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < group.partitions.length && (
        <button type="button" onClick={() => setAllShown(true)}>
          Show all {plural(group.partitions.length, "partition")}
        </button>
      )}
    </>
  );
}

function holder(name: string | null | undefined, members: Map<string, GroupMember>) {
  if (!name) return <Badge tone="idle">nobody</Badge>;
  const program = members.get(name)?.client_id;
  return (
    <span title={name}>
      {program ? `${program} · ` : ""}
      <code>{short(name)}</code>
    </span>
  );
}

function Members({ group }: { group: TopicGroup }) {
  const shown = group.members.slice(0, SHOWN_MAX);
  return (
    <>
      <table class="inner">
        <caption class="visually-hidden">Members of {group.name}</caption>
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">Program</th>
            <th scope="col">Host</th>
            <th scope="col">Rack</th>
            <th scope="col" class="num">
              Gone after
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((member) => (
            <tr key={member.member}>
              <th scope="row" title={member.member}>
                <code>{short(member.member)}</code>
              </th>
              <td>{member.client_id || UNKNOWN}</td>
              <td>{member.host || UNKNOWN}</td>
              <td>{member.rack || UNKNOWN}</td>
              <td class="num">{span(member.session_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < group.members.length && (
        <p class="muted">and {plural(group.members.length - shown.length, "more member")}</p>
      )}
    </>
  );
}

/** A member's name may be long; the whole of it is in the title. */
function short(name: string): string {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}
