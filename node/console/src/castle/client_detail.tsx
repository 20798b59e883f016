// One client: what it is, what it reads and writes, and what it was asked to do and has not done.
import type { CastleClient } from "../api/castle";
import { bytes, count, moment, UNKNOWN } from "../format";
import { Link } from "../router";
import { inWords } from "./command";

export function ClientDetail({ client }: { client: CastleClient }) {
  const facts: [string, string][] = [
    ["Application", client.app || UNKNOWN],
    ["Library", client.sdk || UNKNOWN],
    ["Heard by", `node ${client.node}, since ${moment(client.since_ms)}`],
    [
      "Since its last heartbeat but one",
      `${count(client.stats.records)} records, ${bytes(client.stats.bytes)}`,
    ],
    ["Not done", client.directives?.map(inWords).join(", ") || UNKNOWN],
  ];
  return (
    <div class="stack">
      <dl class="facts">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {client.subscriptions.length > 0 && <Subscriptions client={client} />}
    </div>
  );
}

function Subscriptions({ client }: { client: CastleClient }) {
  return (
    <table class="inner">
      <caption class="visually-hidden">What {client.instance_id} does</caption>
      <thead>
        <tr>
          <th scope="col">Topic</th>
          <th scope="col">Role</th>
          <th scope="col">Group</th>
          <th scope="col">Partitions assigned</th>
          <th scope="col">Partitions held</th>
        </tr>
      </thead>
      <tbody>
        {client.subscriptions.map(({ topic, role, group, held }, index) => (
          <tr key={index}>
            <th scope="row">
              <Link to={{ page: "topic", topic }}>{topic}</Link>
            </th>
            <td>{role}</td>
            <td>{group ?? UNKNOWN}</td>
            <td>{numbers(role === "consumer" ? assigned(client, topic) : [])}</td>
            <td>{numbers(held)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function assigned({ assigned: all }: CastleClient, topic: string): number[] {
  return (all ?? []).filter((at) => at.topic === topic).map(({ partition }) => partition);
}

/** Numbers named one by one. */
const NAMED_MAX = 16;

function numbers(all: number[]): string {
  if (all.length === 0) return UNKNOWN;
  const named = all.slice(0, NAMED_MAX).join(", ");
  return all.length > NAMED_MAX ? `${named} and ${count(all.length - NAMED_MAX)} more` : named;
}
