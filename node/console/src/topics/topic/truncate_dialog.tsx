// Deleting the oldest records: of all partitions up to now, or of one below an offset.
import { useState } from "preact/hooks";
import { type TruncateRequest, type TruncateResponse, truncateTopic } from "../../api/topics";
import { ConfirmByName, isConfirmed } from "../../components/confirm_by_name";
import { Dialog } from "../../components/dialog";
import { Field, wholeNumber } from "../../components/field";
import { useAnnounce } from "../../components/notice";
import { sentence } from "../../components/problem_notice";
import { plural } from "../../format";
import type { TopicDialogProps } from "./actions";

export function TruncateDialog({ topic, onChanged, onClose }: TopicDialogProps) {
  const announce = useAnnounce();
  const [partition, setPartition] = useState("all");
  const [before, setBefore] = useState("");
  const [typed, setTyped] = useState("");
  const [refused, setRefused] = useState<TruncateResponse["partitions"]>([]);
  const offset = before.trim() === "" ? null : wholeNumber(before, 0);
  const isOne = partition !== "all";

  const truncate = async () => {
    setRefused([]);
    const numbers = isOne ? [Number(partition)] : topic.partitions.map((p) => p.partition);
    const partitions: TruncateRequest["partitions"] = numbers.map((number) => ({
      partition: number,
      before_offset: isOne ? (offset ?? null) : null,
    }));
    const answer = await truncateTopic(topic.name, { partitions });
    await onChanged();
    const failed = answer.partitions.filter((done) => done.error);
    if (failed.length > 0) return setRefused(failed);
    announce(`Deleted the oldest records of ${plural(numbers.length, "partition")}.`);
    onClose();
  };

  return (
    <Dialog
      title={`Truncate ${topic.name}`}
      action="Delete records"
      busy="Deleting records…"
      failure="The records were not deleted"
      isDangerous
      isReady={isConfirmed(topic.name, typed) && offset !== undefined}
      onSubmit={truncate}
      onClose={onClose}
    >
      <p>Deleted records can't be brought back. Offsets go on where they are.</p>
      <div class="field">
        <label for="truncate-partition">Partition</label>
        <select
          id="truncate-partition"
          value={partition}
          onChange={(event) => setPartition(event.currentTarget.value)}
        >
          <option value="all">all, everything up to now</option>
          {topic.partitions.map((p) => (
            <option key={p.partition} value={p.partition}>
              {p.partition}
            </option>
          ))}
        </select>
      </div>
      {isOne && (
        <Field
          label="First offset that stays"
          value={before}
          onInput={setBefore}
          placeholder="the high watermark: everything goes"
          problem={offset === undefined ? "A whole number, 0 or more." : undefined}
          isNumber
        />
      )}
      <ConfirmByName topic={topic.name} typed={typed} onInput={setTyped} />
      {refused.length > 0 && (
        <div class="notice notice-bad" role="alert">
          <p class="notice-heading">{plural(refused.length, "partition")} kept their records</p>
          <ul>
            {refused.map(({ partition: number, error }) => (
              <li key={number}>
                partition {number}: {error && sentence(error.detail)} <code>{error?.code}</code>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  );
}
