// The partitions as their leaders see them: who leads, who follows and how far behind, what is kept.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { PartitionDescription, ReplicaDescription, TopicDescription } from "../../api/topics";
import { Badge } from "../../components/badge";
import { sentence } from "../../components/problem_notice";
import { bytes, count, plural, span, UNKNOWN } from "../../format";
import { hasTrouble, inSync, worstLag } from "./figures";
import { Replicas } from "./replicas";

/** Rows until more are asked for. */
const SHOWN_MAX = 100;
const COLUMNS = 11;

export function Partitions({ topic }: { topic: TopicDescription }) {
  const [isTroubleOnly, setTroubleOnly] = useState(false);
  const [isAllShown, setAllShown] = useState(false);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const factor = topic.replication_factor;
  const troubled = topic.partitions.filter((partition) => hasTrouble(partition, factor));
  const wanted = isTroubleOnly ? troubled : topic.partitions;
  const shown = isAllShown ? wanted : wanted.slice(0, SHOWN_MAX);

  const toggle = (partition: number) => {
    const next = new Set(open);
    if (!next.delete(partition)) next.add(partition);
    setOpen(next);
  };

  return (
    <section aria-labelledby="partitions">
      <div class="section-head">
        <h2 id="partitions">Partitions</h2>
        {(troubled.length > 0 || isTroubleOnly) && (
          <label class="check">
            <input
              type="checkbox"
              checked={isTroubleOnly}
              onChange={(event) => setTroubleOnly(event.currentTarget.checked)}
            />
            Only the {count(troubled.length)} with trouble
          </label>
        )}
      </div>
      <div class="table-frame">
        <table class="partitions">
          <caption class="visually-hidden">Partitions of {topic.name}</caption>
          <Heads />
          <tbody>
            {shown.map((partition) => (
              <Fragment key={partition.partition}>
                <Row
                  partition={partition}
                  factor={factor}
                  isOpen={open.has(partition.partition)}
                  onToggle={() => toggle(partition.partition)}
                />
                {open.has(partition.partition) && (
                  <tr class="detail" id={`replicas-${partition.partition}`}>
                    <td colSpan={COLUMNS}>
                      <Replicas partition={partition} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <p class="empty">Every partition is in sync.</p>}
      {shown.length < wanted.length && (
        <button type="button" onClick={() => setAllShown(true)}>
          Show all {plural(wanted.length, "partition")}
        </button>
      )}
    </section>
  );
}

function Heads() {
  return (
    <thead>
      <tr>
        <th scope="col" rowSpan={2}>
          Partition
        </th>
        <th scope="col" rowSpan={2}>
          Leader
        </th>
        <th scope="col" rowSpan={2} class="num">
          Epoch
        </th>
        <th scope="col" rowSpan={2}>
          Replicas
        </th>
        <th scope="col" rowSpan={2} class="num">
          In sync
        </th>
        <th scope="colgroup" colSpan={2} class="group">
          Lag
        </th>
        <th scope="colgroup" colSpan={3} class="group">
          Offsets
        </th>
        <th scope="col" rowSpan={2} class="num">
          Size
        </th>
      </tr>
      <tr>
        {["Records", "Time", "Start", "High watermark", "End"].map((name) => (
          <th scope="col" class="num" key={name}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface RowProps {
  partition: PartitionDescription;
  factor: number;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ partition, factor, isOpen, onToggle }: RowProps) {
  const number = partition.partition;
  const lag = worstLag(partition);
  const isShort = !partition.problem && inSync(partition) < factor;
  return (
    <>
      <tr>
        <th scope="row">
          <button
            type="button"
            class="expand"
            aria-expanded={isOpen}
            aria-controls={`replicas-${number}`}
            aria-label={`Replicas of partition ${number}`}
            onClick={onToggle}
          >
            <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {number}
          </button>
        </th>
        <td>
          {typeof partition.leader === "number" ? (
            `node ${partition.leader}`
          ) : (
            <Badge tone="bad">nobody</Badge>
          )}
        </td>
        <td class="num">{count(partition.leader_epoch)}</td>
        <td>
          <ul class="replica-chips">
            {partition.replicas.map((replica) => (
              <Chip key={replica.replica} replica={replica} />
            ))}
          </ul>
        </td>
        <td class="num">
          {partition.problem ? (
            UNKNOWN
          ) : (
            <Badge tone={isShort ? "warn" : "ok"}>
              {inSync(partition)} of {factor}
            </Badge>
          )}
        </td>
        <td class="num">{count(lag.records)}</td>
        <td class="num">{span(lag.ms)}</td>
        <td class="num">{count(partition.log_start_offset)}</td>
        <td class="num">{count(partition.high_watermark)}</td>
        <td class="num">{count(partition.log_end_offset)}</td>
        <td class="num">{bytes(partition.size_bytes)}</td>
      </tr>
      {partition.problem && (
        <tr class="row-problem">
          <td colSpan={COLUMNS}>{sentence(partition.problem)}</td>
        </tr>
      )}
    </>
  );
}

function Chip({ replica }: { replica: ReplicaDescription }) {
  const { tone, word } = stateOf(replica);
  const isLeader = replica.role === "leader";
  return (
    <li
      class={`chip tone-${tone}${isLeader ? " chip-leader" : ""}`}
      title={`node ${replica.node}: ${word}`}
    >
      <span class="dot" aria-hidden="true" />
      {replica.node}
      <span class="visually-hidden">, {word}</span>
    </li>
  );
}

export function stateOf(replica: ReplicaDescription): {
  tone: "ok" | "warn" | "bad" | "idle";
  word: string;
} {
  if (!replica.alive) return { tone: "bad", word: `${replica.role}, its node is not heard from` };
  if (replica.role === "learner") return { tone: "idle", word: "learner, catching up" };
  if (replica.in_sync === true) return { tone: "ok", word: `${replica.role}, in sync` };
  if (replica.in_sync === false) return { tone: "warn", word: `${replica.role}, not in sync` };
  return { tone: "idle", word: `${replica.role}, state unknown` };
}
