// Dead records are delivered again: to the group that gave them up, or to all that read a topic.
import { useState } from "preact/hooks";
import { redrive } from "../../../api/dead_letters";
import { Field } from "../../../components/field";
import type { FilterForm } from "./filter";
import { SweepDialog, type SweepWords } from "./sweep_dialog";

export interface SweepProps {
  topic: string;
  group: string;
  /** Where the group's dead records are. */
  deadTopic: string;
  filter: FilterForm;
  onChanged: () => Promise<void>;
  onClose: () => void;
}

const WORDS: SweepWords = {
  title: "Redrive dead records",
  verb: "Redrive",
  Done: "Redrove",
  done: "redriven",
};

export function RedriveDialog({ topic, ...props }: SweepProps) {
  const [to, setTo] = useState<"group" | "topic">("group");
  const [name, setName] = useState(topic);
  const ask: Parameters<typeof SweepDialog>[0]["ask"] = async (filter, isDryRun, cursor) => {
    const answer = await redrive(topic, {
      group: props.group,
      ...filter,
      ...(cursor === undefined ? {} : { cursor }),
      dry_run: isDryRun,
      to: to === "group" ? "group" : { topic: name.trim() },
    });
    const { scanned, matched, redriven, already, left, left_because, next_cursor } = answer;
    const because = left_because ?? undefined;
    const next = next_cursor ?? undefined;
    return { scanned, matched, done: redriven, already, left, because, next };
  };
  return (
    <SweepDialog
      {...props}
      words={WORDS}
      isDangerous={false}
      isReady={to === "group" || name.trim() !== ""}
      ask={ask}
    >
      {(isLocked) => (
        <>
          <div class="field">
            <label for="redrive-to">To</label>
            <select
              id="redrive-to"
              value={to}
              disabled={isLocked}
              onChange={(event) => setTo(event.currentTarget.value as "group" | "topic")}
            >
              <option value="group">{props.group} again, with all its attempts anew</option>
              <option value="topic">the end of a topic, for all that read it</option>
            </select>
          </div>
          {to === "topic" && (
            <Field label="Topic" value={name} onInput={setName} isLocked={isLocked} isMono />
          )}
        </>
      )}
    </SweepDialog>
  );
}
