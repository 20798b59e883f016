// Moving a group to other offsets of the topic: first the server's plan as differences, then the move.
import { useState } from "preact/hooks";
import { type ResetRequest, type ResetResponse, resetOffsets } from "../../../api/groups";
import type { TopicDescription } from "../../../api/topics";
import { Dialog } from "../../../components/dialog";
import { Field } from "../../../components/field";
import { useAnnounce } from "../../../components/notice";
import { count, plural } from "../../../format";
import { type Difference, differences, KINDS, type Kind, resetTo, sums } from "./reset";
import type { TopicGroup } from "./topic_groups";

interface Props {
  topic: TopicDescription;
  group: TopicGroup;
  onChanged: () => Promise<void>;
  onClose: () => void;
}

interface Form {
  kind: Kind;
  text: string;
  partition: string;
  isForced: boolean;
}

const WORDS: Record<Kind, string> = {
  earliest: "the oldest record",
  latest: "the end",
  timestamp: "a moment",
  offset: "an offset",
  shift: "so many records on, or back",
};

export function ResetDialog({ topic, group, onChanged, onClose }: Props) {
  const announce = useAnnounce();
  const [form, setForm] = useState<Form>({
    kind: "earliest",
    text: "",
    partition: "all",
    isForced: false,
  });
  const [plan, setPlan] = useState<ResetResponse>();
  const to = resetTo(form.kind, form.text);
  const members = group.members.length;

  const change = (changed: Partial<Form>) => {
    setForm({ ...form, ...changed });
    setPlan(undefined);
  };
  const submit = async () => {
    if (to === undefined) return;
    const request: ResetRequest = {
      topic: topic.name,
      to,
      partitions: form.partition === "all" ? [] : [Number(form.partition)],
      force: form.isForced,
      dry_run: !plan,
    };
    const answer = await resetOffsets(group.name, request);
    if (!plan) return setPlan(answer);
    await onChanged();
    announce(`Moved ${group.name} in ${plural(answer.offsets.length, "partition")}.`);
    onClose();
  };

  return (
    <Dialog
      title={`Reset the offsets of ${group.name}`}
      action={plan ? "Reset offsets" : "Show what would change"}
      busy={plan ? "Resetting…" : "Asking…"}
      failure={plan ? "The offsets were not reset" : "What would change is not known"}
      isDangerous={plan !== undefined}
      isReady={to !== undefined && (!plan || members === 0 || form.isForced)}
      onSubmit={submit}
      onClose={onClose}
    >
      <div class="field-row">
        <div class="field">
          <label for="reset-partition">Partition</label>
          <select
            id="reset-partition"
            value={form.partition}
            onChange={(event) => change({ partition: event.currentTarget.value })}
          >
            <option value="all">all of {topic.name}</option>
            {topic.partitions.map(({ partition }) => (
              <option key={partition} value={partition}>
                {partition}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="reset-kind">To</label>
          <select
            id="reset-kind"
            value={form.kind}
            onChange={(event) => change({ kind: event.currentTarget.value as Kind, text: "" })}
          >
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {WORDS[kind]}
              </option>
            ))}
          </select>
        </div>
      </div>
      <Place form={form} isWrong={to === undefined} onText={(text) => change({ text })} />
      {members > 0 && (
        <label class="check">
          <input
            type="checkbox"
            checked={form.isForced}
            onChange={(event) => setForm({ ...form, isForced: event.currentTarget.checked })}
          />
          Although it has {plural(members, "member")}: what they hold is delivered anew
        </label>
      )}
      <div role="status">{plan && <Plan all={differences(plan)} />}</div>
    </Dialog>
  );
}

interface PlaceProps {
  form: Form;
  isWrong: boolean;
  onText: (text: string) => void;
}

function Place({ form, isWrong, onText }: PlaceProps) {
  if (form.kind === "earliest" || form.kind === "latest") return null;
  if (form.kind === "timestamp") {
    return (
      <div class="field">
        <label for="reset-moment">First record of this moment or later</label>
        <input
          id="reset-moment"
          type="datetime-local"
          step="1"
          value={form.text}
          onInput={(event) => onText(event.currentTarget.value)}
        />
        <p class="about">In this browser's time zone.</p>
      </div>
    );
  }
  const isShift = form.kind === "shift";
  const problem = isShift ? "A whole number, such as -100." : "A whole number, 0 or more.";
  return (
    <Field
      label={isShift ? "Records" : "Offset"}
      value={form.text}
      onInput={onText}
      placeholder={isShift ? "-100" : "0"}
      about={isShift ? "-100 goes back a hundred." : "Within what the partition has."}
      problem={isWrong && form.text.trim() !== "" ? problem : undefined}
      isMono
    />
  );
}

/** Partitions listed of a plan. */
const LISTED_MAX = 50;

function Plan({ all }: { all: Difference[] }) {
  const { again, passed } = sums(all);
  const more = all.length - LISTED_MAX;
  return (
    <>
      <p>
        {plural(again, "record")} would come again, {plural(passed, "record")} would be passed over.
      </p>
      <div class="table-frame">
        <table>
          <caption class="visually-hidden">What would change</caption>
          <thead>
            <tr>
              {["Partition", "From", "To", "Change"].map((name) => (
                <th scope="col" class="num" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {all.slice(0, LISTED_MAX).map((difference) => (
              <tr key={difference.partition}>
                <th scope="row" class="num">
                  {difference.partition}
                </th>
                <td class="num">{count(difference.from)}</td>
                <td class="num">{count(difference.to)}</td>
                <td class="num">{signed(difference.by)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more > 0 && <p class="muted">and {plural(more, "more partition")}</p>}
    </>
  );
}

function signed(by: number | undefined): string {
  return by !== undefined && by > 0 ? `+${count(by)}` : count(by);
}
