// The switch of a topic or of one of its groups, edited in place; under it, in words, what it does.
import { useState } from "preact/hooks";
import {
  type DeadLetterDescription,
  type DeadLetterSettings,
  setDeadLetters,
} from "../../../api/dead_letters";
import { detailsOf, type ProblemDetails } from "../../../api/problem";
import { alterTopic } from "../../../api/topics";
import { Field } from "../../../components/field";
import { useAnnounce } from "../../../components/notice";
import { ProblemNotice } from "../../../components/problem_notice";
import { rough } from "../../../duration";
import { plural } from "../../../format";
import {
  delays,
  type Edits,
  formOf,
  groupKey,
  inForce,
  isRequest,
  type Objections,
  objectionOf,
  requestOf,
  type SwitchField,
  withEdit,
} from "./switch_edit";

interface Props {
  topic: string;
  /** Whose switch; of every group that has none of its own if not given. */
  group: string | undefined;
  described: DeadLetterDescription;
  onChanged: () => Promise<void>;
}

export function SwitchForm({ topic, group, described, onChanged }: Props) {
  const announce = useAnnounce();
  const [edits, setEdits] = useState<Edits>({});
  const [objections, setObjections] = useState<Objections>({});
  const [problem, setProblem] = useState<ProblemDetails>();
  const [isSaving, setSaving] = useState(false);
  const { settings, isOwn } = inForce(described, group);
  const shown = formOf(settings);
  const form = { ...shown, ...edits };
  const wanted = requestOf(form);
  const changed = Object.keys(edits).length;
  const whose = group === undefined ? topic : `${group} in ${topic}`;

  const clear = (next: Edits) => {
    setEdits(next);
    setObjections({});
    setProblem(undefined);
  };
  const edit = <F extends SwitchField>(field: F, value: (typeof form)[F]) =>
    clear(withEdit(shown, edits, field, value));
  const act = async (work: () => Promise<string>) => {
    setSaving(true);
    setObjections({});
    setProblem(undefined);
    try {
      const done = await work();
      // What is shown next is what the server then says.
      await onChanged();
      setEdits({});
      announce(done);
    } catch (error) {
      const details = detailsOf(error);
      const objection = objectionOf(details);
      if (objection) setObjections(objection);
      else setProblem(details);
    } finally {
      setSaving(false);
    }
  };
  const save = (event: Event) => {
    event.preventDefault();
    if (isSaving || changed === 0) return;
    if (!isRequest(wanted)) return setObjections(wanted);
    void act(async () => {
      const set = await setDeadLetters(topic, group, wanted);
      const made = set.created_topic ? ` Created ${set.created_topic} for them.` : "";
      return `Dead letters of ${whose} are ${set.enabled ? "on" : "off"}.${made}`;
    });
  };
  const forget = () =>
    void act(async () => {
      await alterTopic(topic, { config: { [groupKey(group ?? "")]: null } });
      return `${group} follows the switch of ${topic} again.`;
    });
  const text = (field: Exclude<SwitchField, "enabled">) => ({
    value: form[field],
    onInput: (value: string) => edit(field, value),
    problem: objections[field],
    isLocked: isSaving,
    isMono: true,
  });

  return (
    <form class="switch-form" onSubmit={save} noValidate>
      <label class="check switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={form.enabled}
          checked={form.enabled}
          disabled={isSaving}
          onChange={(event) => edit("enabled", event.currentTarget.checked)}
        />
        Dead letters on
      </label>
      <div class="fields">
        <Field label="Attempts" {...text("attempts")} />
        <Field label="First delay" {...text("delay_ms")} />
        <Field label="Back-off" {...text("backoff")} />
        <Field label="Longest delay" {...text("delay_ms_max")} />
        <Field
          label="Dead-letter topic"
          placeholder={`${topic}.${group ?? "GROUP"}.dlq`}
          {...text("topic")}
        />
      </div>
      {isRequest(wanted) && <Effect settings={{ ...wanted, topic: null } as DeadLetterSettings} />}
      {group !== undefined && !isOwn && (
        <p class="about">
          {group} has no switch of its own: this is the topic's, and applying it gives the group
          one.
        </p>
      )}
      {problem && <ProblemNotice problem={problem} heading="The switch was not changed" />}
      <div class="actions">
        <button type="submit" class="primary" disabled={isSaving || changed === 0}>
          {isSaving ? "Applying…" : "Apply"}
        </button>
        {changed > 0 && (
          <button type="button" onClick={() => clear({})} disabled={isSaving}>
            Discard
          </button>
        )}
        {group !== undefined && isOwn && (
          <button type="button" onClick={forget} disabled={isSaving}>
            Use the topic's switch
          </button>
        )}
      </div>
    </form>
  );
}

/** Delays named one by one. */
const NAMED_MAX = 8;

/** What the switch does to a record that is not processed. */
function Effect({ settings }: { settings: DeadLetterSettings }) {
  if (!settings.enabled) {
    return (
      <p class="about">
        Off: a record that is not processed is delivered again in place, as often as it takes, and
        what follows it in its partition waits.
      </p>
    );
  }
  const all = delays(settings);
  const after = all.slice(0, NAMED_MAX).map(rough).join(", ");
  const rest = all.length > NAMED_MAX ? " …" : "";
  const total = rough(all.reduce((sum, delay) => sum + delay, 0));
  return (
    <p class="about">
      {all.length === 0
        ? "A record that is not processed goes to the dead-letter topic after its only delivery."
        : `A record that is not processed is delivered again after ${after}${rest}; after ${plural(
            settings.attempts,
            "attempt",
          )}, ${total} in all, it goes to the dead-letter topic. The others don't wait for it.`}
    </p>
  );
}
