// The configuration: every key with what is in effect, edited in place, sent in one request. What a
// value may be is the server's to say; its objection stands at the key it names.
import { useState } from "preact/hooks";
import { detailsOf, type ProblemDetails } from "../../api/problem";
import { alterTopic, type TopicDescription } from "../../api/topics";
import { Badge } from "../../components/badge";
import { useAnnounce } from "../../components/notice";
import { ProblemNotice, sentence } from "../../components/problem_notice";
import { meaning, plural } from "../../format";
import { type ConfigRow, changesOf, configRows, type Edits, keyOf, withEdit } from "./config_edit";

interface Props {
  topic: TopicDescription;
  onChanged: () => Promise<void>;
}

export function Configuration({ topic, onChanged }: Props) {
  const announce = useAnnounce();
  const [edits, setEdits] = useState<Edits>({});
  const [problem, setProblem] = useState<ProblemDetails>();
  const [isSaving, setSaving] = useState(false);
  const changes = changesOf(topic, edits);
  const changed = Object.keys(changes);
  const refusedKey = problem && keyOf(problem, changed);

  const edit = (row: ConfigRow, value: string | null) => {
    setEdits(withEdit(edits, row, value));
    setProblem(undefined);
  };
  const discard = () => {
    setEdits({});
    setProblem(undefined);
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if (isSaving || changed.length === 0) return;
    setSaving(true);
    setProblem(undefined);
    try {
      await alterTopic(topic.name, { config: changes });
      // What is shown next is what the server then says.
      await onChanged();
      setEdits({});
      announce(`Changed ${plural(changed.length, "setting")} of ${topic.name}.`);
    } catch (error) {
      setProblem(detailsOf(error));
    } finally {
      setSaving(false);
    }
  };

  return (
    <section aria-labelledby="configuration">
      <form onSubmit={save}>
        <div class="section-head">
          <h2 id="configuration">Configuration</h2>
          <span class="muted">
            {topic.config_set.length === 0
              ? "everything at its default"
              : `${plural(topic.config_set.length, "key")} set on this topic`}
          </span>
        </div>
        {problem && !refusedKey && (
          <ProblemNotice problem={problem} heading="The configuration was not saved" />
        )}
        <div class="table-frame">
          <table class="configuration">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">Value</th>
                <th scope="col">Meaning</th>
                <th scope="col">From</th>
                <th scope="col">
                  <span class="visually-hidden">Reset</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {configRows(topic).map((row) => (
                <Row
                  key={row.key}
                  row={row}
                  edit={edits[row.key]}
                  isChanged={row.key in changes}
                  isLocked={isSaving}
                  refusal={refusedKey === row.key ? problem : undefined}
                  onEdit={(value) => edit(row, value)}
                />
              ))}
            </tbody>
          </table>
        </div>
        <div class="save-bar" role="status">
          {changed.length > 0 && (
            <>
              <span>{plural(changed.length, "change")} not saved</span>
              <button type="button" onClick={discard} disabled={isSaving}>
                Discard
              </button>
              <button type="submit" class="primary" disabled={isSaving}>
                {isSaving ? "Saving…" : "Save"}
              </button>
            </>
          )}
        </div>
      </form>
    </section>
  );
}

interface RowProps {
  row: ConfigRow;
  edit: string | null | undefined;
  isChanged: boolean;
  isLocked: boolean;
  refusal: ProblemDetails | undefined;
  onEdit: (value: string | null) => void;
}

function Row({ row, edit, isChanged, isLocked, refusal, onEdit }: RowProps) {
  const isReset = edit === null;
  const text = edit ?? (isReset ? "" : (row.value ?? ""));
  const problem = `problem-${row.key}`;
  return (
    <tr class={isChanged ? "changed" : undefined}>
      <th scope="row" class="mono">
        {row.key}
      </th>
      <td>
        <input
          class="mono"
          value={text}
          placeholder={placeholder(row, isReset)}
          aria-label={row.key}
          aria-invalid={refusal ? true : undefined}
          aria-describedby={refusal ? problem : undefined}
          disabled={isLocked || row.isUnknown}
          spellcheck={false}
          onInput={(event) => onEdit(event.currentTarget.value)}
        />
        {refusal && (
          <p id={problem} class="field-problem" role="alert">
            {sentence(refusal.detail)} {refusal.hint && sentence(refusal.hint)}
          </p>
        )}
      </td>
      <td class="muted">{meaning(row.key, text)}</td>
      <td>
        {row.isSet ? <Badge tone="info">this topic</Badge> : <span class="muted">default</span>}
      </td>
      <td class="row-action">
        {(row.isSet || isChanged) && (
          <button
            type="button"
            class="quiet"
            disabled={isLocked || isReset}
            aria-label={
              row.isSet ? `Reset ${row.key} to its default` : `Undo the edit of ${row.key}`
            }
            onClick={() => onEdit(row.isSet ? null : (row.value ?? ""))}
          >
            {row.isSet ? "Reset" : "Undo"}
          </button>
        )}
      </td>
    </tr>
  );
}

/** What stands where there is no value. */
function placeholder(row: ConfigRow, isReset: boolean): string {
  if (isReset) return "back to the default";
  return row.isUnknown ? "not known to this node" : "none";
}
