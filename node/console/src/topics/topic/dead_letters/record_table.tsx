// Dead records as rows; each opens to its value, its headers and where it lies.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { DeadRecord } from "../../../api/dead_letters";
import { Badge } from "../../../components/badge";
import { count, moment } from "../../../format";
import { cut, headersOf, type Shown, shown } from "./shown";

const COLUMNS = 7;
/** Characters in a row, and in an opened value. */
const ROW_MAX = 60;
const VALUE_MAX = 10_000;

interface Props {
  group: string;
  records: DeadRecord[];
  onRedrive: (record: DeadRecord) => void;
}

export function DeadRecordTable({ group, records, onRedrive }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <div class="table-frame">
      <table class="dead-records">
        <caption class="visually-hidden">Records that {group} gave up</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Given up</th>
            <th scope="col">Key</th>
            <th scope="col" class="num">
              Attempts
            </th>
            <th scope="col">Error</th>
            <th scope="col">Value</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => {
            const id = `dead-${record.partition}-${record.offset}`;
            return (
              <Fragment key={id}>
                <Row
                  record={record}
                  id={id}
                  isOpen={open.has(id)}
                  onToggle={() => toggle(id)}
                  onRedrive={() => onRedrive(record)}
                />
                {open.has(id) && (
                  <tr class="detail" id={id}>
                    <td colSpan={COLUMNS}>
                      <Detail record={record} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  record: DeadRecord;
  id: string;
  isOpen: boolean;
  onToggle: () => void;
  onRedrive: () => void;
}

function Row({ record, id, isOpen, onToggle, onRedrive }: RowProps) {
  const place = `partition ${record.origin.partition}, offset ${count(record.origin.offset)}`;
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="expand"
          aria-expanded={isOpen}
          aria-controls={id}
          aria-label={`Record of ${place}`}
          onClick={onToggle}
        >
          <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {record.origin.partition} ·{" "}
          {count(record.origin.offset)}
        </button>
      </th>
      <td>{moment(record.timestamp)}</td>
      <td>
        <Text value={shown(record.key)} length={ROW_MAX / 2} />
      </td>
      <td class="num">{count(record.attempts)}</td>
      <td>{cut(record.error, ROW_MAX)}</td>
      <td>
        <Text value={shown(record.value)} length={ROW_MAX} />
      </td>
      <td class="row-action">
        <button
          type="button"
          class="quiet"
          aria-label={`Redrive the record of ${place}`}
          onClick={onRedrive}
        >
          Redrive…
        </button>
      </td>
    </tr>
  );
}

function Text({ value, length }: { value: Shown; length: number }) {
  if (value.kind === "null") return <span class="muted">null</span>;
  return (
    <>
      {value.kind === "bytes" && <Badge tone="info">base64</Badge>}{" "}
      <code>{cut(value.text, length)}</code>
    </>
  );
}

function Detail({ record }: { record: DeadRecord }) {
  const { origin } = record;
  const headers = headersOf(record.headers);
  const facts: [string, string][] = [
    ["Error", record.error],
    ["Came from", `${origin.topic}, partition ${origin.partition}, offset ${count(origin.offset)}`],
    ["Written", moment(origin.timestamp)],
    ["Given up", `${moment(record.timestamp)}, after attempt ${count(record.attempts)}`],
    ["Lies at", `partition ${record.partition}, offset ${count(record.offset)}`],
  ];
  const value = shown(record.value);
  return (
    <div class="stack">
      <dl class="facts">
        {facts.map(([name, text]) => (
          <Fact key={name} name={name} text={text} />
        ))}
        {headers.map(([name, text], index) => (
          <Fact key={index} name={`Header ${name}`} text={cut(text.text, VALUE_MAX)} isMono />
        ))}
      </dl>
      {value.kind === "bytes" && <Badge tone="info">base64</Badge>}
      <pre class="value">{cut(value.text, VALUE_MAX)}</pre>
      {value.text.length > VALUE_MAX && (
        <p class="muted">
          The first {count(VALUE_MAX)} of {count(value.text.length)} characters.
        </p>
      )}
    </div>
  );
}

function Fact({ name, text, isMono }: { name: string; text: string; isMono?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={isMono ? "mono" : undefined}>{text}</dd>
    </div>
  );
}
