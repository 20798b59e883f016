// Castle's clients: who sends heartbeats, what they do, how they are, and commands to them.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { type CastleClient, listClients } from "../api/castle";
import { Badge } from "../components/badge";
import { ProblemNotice } from "../components/problem_notice";
import { SortedColumn, type Sorting } from "../components/sorted_column";
import { StaleNotice } from "../components/stale_notice";
import { count, plural, span, UNKNOWN } from "../format";
import { RefreshState } from "../live/refresh_state";
import { useLive } from "../live/use_live";
import { ClientDetail } from "./client_detail";
import { type Column, clientRows } from "./client_rows";
import { CommandDialog } from "./command_dialog";

/** Rows until more are asked for. */
const SHOWN_MAX = 100;
const COLUMNS = 8;
const EVERY_MS = 4_000;

export function ClientsPage() {
  const live = useLive("clients", listClients, EVERY_MS);
  const [text, setText] = useState("");
  const [sorting, setSorting] = useState<Sorting<Column>>({ by: "client", isDescending: false });
  const [isAllShown, setAllShown] = useState(false);
  const [commanded, setCommanded] = useState<CastleClient>();
  const clients = live.data?.clients;
  const missing = live.data?.missing_nodes ?? [];
  const rows = clients && clientRows(clients, text, sorting);
  const shown = isAllShown ? rows : rows?.slice(0, SHOWN_MAX);

  return (
    <>
      <div class="page-head">
        <h1>Clients</h1>
        <RefreshState live={live} />
      </div>
      <StaleNotice live={live} />
      {!clients && live.problem && (
        <ProblemNotice problem={live.problem} onRetry={() => void live.refresh()} />
      )}
      {!clients && !live.problem && <p class="loading">Loading clients…</p>}
      {missing.length > 0 && (
        <p class="notice notice-warn">
          No answer from {missing.map((node) => `node ${node}`).join(", ")}: its clients are
          missing.
        </p>
      )}
      {clients && (
        <div class="toolbar">
          <input
            type="search"
            class="filter"
            value={text}
            placeholder="Name, host, topic, group"
            aria-label="Filter clients"
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <span class="muted toolbar-count">
            {rows?.length === clients.length
              ? plural(clients.length, "client")
              : `${count(rows?.length)} of ${plural(clients.length, "client")}`}
          </span>
        </div>
      )}
      {shown && shown.length > 0 && (
        <Table
          clients={shown}
          sorting={sorting}
          onSort={setSorting}
          onCommand={(client) => setCommanded(client)}
        />
      )}
      {rows?.length === 0 && <Nobody isFiltered={text.trim() !== ""} />}
      {rows && shown && shown.length < rows.length && (
        <button type="button" onClick={() => setAllShown(true)}>
          Show all {plural(rows.length, "client")}
        </button>
      )}
      {commanded && (
        <CommandDialog
          client={commanded}
          onChanged={live.refresh}
          onClose={() => setCommanded(undefined)}
        />
      )}
    </>
  );
}

interface TableProps {
  clients: CastleClient[];
  sorting: Sorting<Column>;
  onSort: (sorting: Sorting<Column>) => void;
  onCommand: (client: CastleClient) => void;
}

function Table({ clients, sorting, onSort, onCommand }: TableProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  const common = { sorting, onSort };
  return (
    <div class="table-frame">
      <table class="groups">
        <caption class="visually-hidden">Clients</caption>
        <thead>
          <tr>
            <SortedColumn column="client" {...common}>
              Client
            </SortedColumn>
            <SortedColumn column="host" {...common}>
              Host
            </SortedColumn>
            <th scope="col">Does</th>
            <SortedColumn column="lag" isNumber {...common}>
              Lag
            </SortedColumn>
            <SortedColumn column="in_flight" isNumber {...common}>
              In flight
            </SortedColumn>
            <SortedColumn column="errors" isNumber {...common}>
              Errors
            </SortedColumn>
            <SortedColumn column="silent" isNumber {...common}>
              Silent for
            </SortedColumn>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => {
            const id = idOf(client);
            return (
              <Fragment key={id}>
                <Row
                  client={client}
                  isOpen={open.has(id)}
                  onToggle={() => toggle(id)}
                  onCommand={() => onCommand(client)}
                />
                {open.has(id) && (
                  <tr class="detail" id={id}>
                    <td colSpan={COLUMNS}>
                      <ClientDetail client={client} />
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
  client: CastleClient;
  isOpen: boolean;
  onToggle: () => void;
  onCommand: () => void;
}

function Row({ client, isOpen, onToggle, onCommand }: RowProps) {
  const { client_id, instance_id, host, rack, stats, directives } = client;
  const pending = directives?.length ?? 0;
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="expand"
          aria-expanded={isOpen}
          aria-controls={idOf(client)}
          aria-label={`All of ${instance_id}`}
          onClick={onToggle}
        >
          <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {client_id}{" "}
          <span class="muted">{instance_id}</span>
        </button>
        {pending > 0 && <Badge tone="warn">{plural(pending, "command")} not done</Badge>}
      </th>
      <td>{[host, rack].filter(Boolean).join(" · ") || UNKNOWN}</td>
      <td>{does(client)}</td>
      <td class="num">{count(stats.lag)}</td>
      <td class="num">{count(stats.in_flight)}</td>
      <td class="num">{count(stats.errors)}</td>
      <td class="num">{span(client.silent_ms)}</td>
      <td class="row-action">
        <button
          type="button"
          class="quiet"
          aria-label={`Command to ${instance_id}`}
          onClick={onCommand}
        >
          Command…
        </button>
      </td>
    </tr>
  );
}

/** The first of what it does; the rest is behind its row. */
function does({ subscriptions }: CastleClient): string {
  const [first, ...others] = subscriptions;
  if (!first) return UNKNOWN;
  const verb = first.role === "producer" ? "writes" : "reads";
  const more = others.length > 0 ? ` and ${count(others.length)} more` : "";
  return `${verb} ${first.topic}${more}`;
}

/** A name may have spaces, an id not. */
function idOf({ client_id, instance_id }: CastleClient): string {
  return `client-${encodeURIComponent(client_id)}-${encodeURIComponent(instance_id)}`;
}

function Nobody({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <p class="empty">No client is like that.</p>;
  return (
    <div class="empty">
      <h2>No clients</h2>
      <p>Clients of the SDK send heartbeats to Castle, which is in every node; none has of late.</p>
    </div>
  );
}
