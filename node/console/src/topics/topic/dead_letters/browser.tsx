// The dead records of a group: searched, a page at a time, each with all that is known of it.
import { useEffect, useRef, useState } from "preact/hooks";
import { type DeadFilter, type DeadRecord, deadRecords } from "../../../api/dead_letters";
import { detailsOf, type ProblemDetails } from "../../../api/problem";
import { ProblemNotice } from "../../../components/problem_notice";
import { plural } from "../../../format";
import type { Deed } from "./backlogs";
import { collect } from "./collect";
import { EVERYTHING, type FilterForm, filterOf, inWords, objectionsOf } from "./filter";
import { FilterFields } from "./filter_fields";
import { DeadRecordTable } from "./record_table";

/** Records that make a page, and that one request asks for. */
const PAGE = 50;

interface Props {
  topic: string;
  group: string;
  /** Counts up when records were redriven or purged: what is shown is asked for anew. */
  changes: number;
  onDeed: (deed: Deed, filter: FilterForm) => void;
}

interface Found {
  filter: DeadFilter;
  records: DeadRecord[];
  next: string | undefined;
  isComplete: boolean;
}

export function Browser({ topic, group, changes, onDeed }: Props) {
  const [form, setForm] = useState<FilterForm>(EVERYTHING);
  const [found, setFound] = useState<Found>();
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState<ProblemDetails>();
  const asking = useRef<AbortController | undefined>(undefined);
  const isFilter = Object.keys(objectionsOf(form)).length === 0;

  const ask = async (filter: DeadFilter, before: Found | undefined) => {
    asking.current?.abort();
    const own = new AbortController();
    asking.current = own;
    setAsking(true);
    setProblem(undefined);
    const shown = before?.records ?? [];
    const put = (records: DeadRecord[], next: string | undefined) =>
      setFound({ filter, records: [...shown, ...records], next, isComplete: next === undefined });
    try {
      await collect({
        ask: (cursor) => {
          const at = cursor === undefined ? {} : { cursor };
          return deadRecords(topic, { group, max_records: PAGE, ...at, ...filter }, own.signal);
        },
        want: PAGE,
        from: before?.next,
        onProgress: ({ records, next }) => put(records, next),
        signal: own.signal,
      });
    } catch (error) {
      if (!own.signal.aborted) setProblem(detailsOf(error));
    }
    if (asking.current === own) setAsking(false);
  };
  const stop = () => {
    asking.current?.abort();
    setAsking(false);
  };
  useEffect(() => {
    void ask(found?.filter ?? {}, undefined);
    return () => asking.current?.abort();
  }, [changes]);

  return (
    <section class="panel" aria-labelledby="browsed">
      <h3 id="browsed">Dead records of {group}</h3>
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (isFilter) void ask(filterOf(form), undefined);
        }}
        noValidate
      >
        <FilterFields form={form} onForm={setForm} isLocked={false} />
        <div class="actions">
          <button type="submit" disabled={!isFilter}>
            Search
          </button>
          <button type="button" onClick={() => onDeed("redrive", form)} disabled={!isFilter}>
            Redrive these…
          </button>
          <button
            type="button"
            class="danger-text"
            onClick={() => onDeed("purge", form)}
            disabled={!isFilter}
          >
            Purge these…
          </button>
        </div>
      </form>
      {problem && <ProblemNotice problem={problem} heading="The records can't be read" />}
      {found && found.records.length > 0 && (
        <DeadRecordTable
          group={group}
          records={found.records}
          onRedrive={({ origin }) =>
            onDeed("redrive", {
              ...EVERYTHING,
              partition: String(origin.partition),
              offset: String(origin.offset),
            })
          }
        />
      )}
      <div class="save-row" role="status">
        <span class="muted">{said(found, isAsking)}</span>
        {isAsking && (
          <button type="button" onClick={stop}>
            Stop
          </button>
        )}
        {!isAsking && found && !found.isComplete && (
          <button type="button" onClick={() => void ask(found.filter, found)}>
            Show more
          </button>
        )}
      </div>
    </section>
  );
}

function said(found: Found | undefined, isAsking: boolean): string {
  if (!found) return isAsking ? "Looking…" : "";
  const filter = inWords(found.filter);
  const which = filter === "" ? "" : ` with ${filter}`;
  const all = `${plural(found.records.length, "dead record")}${which}`;
  if (isAsking) return `${all} so far…`;
  if (!found.isComplete) return `${all}, and there may be more`;
  return found.records.length === 0 ? `No dead record${which}.` : `${all}, and no more`;
}
