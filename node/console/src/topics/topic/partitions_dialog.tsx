// Growing a topic.
import { useState } from "preact/hooks";
import { addPartitions } from "../../api/topics";
import { Dialog } from "../../components/dialog";
import { Field, wholeNumber } from "../../components/field";
import { useAnnounce } from "../../components/notice";
import { plural } from "../../format";
import type { TopicDialogProps } from "./actions";

export function PartitionsDialog({ topic, onChanged, onClose }: TopicDialogProps) {
  const announce = useAnnounce();
  const now = topic.partitions.length;
  const [text, setText] = useState("");
  const wanted = wholeNumber(text, 1);
  const grow = async () => {
    if (wanted === undefined) return;
    await addPartitions(topic.name, wanted);
    await onChanged();
    announce(`${topic.name} has ${plural(wanted, "partition")} now.`);
    onClose();
  };
  return (
    <Dialog
      title={`Add partitions to ${topic.name}`}
      action="Add"
      busy="Adding…"
      failure="No partition was added"
      isReady={wanted !== undefined}
      onSubmit={grow}
      onClose={onClose}
    >
      <Field
        label="Partitions afterwards"
        value={text}
        onInput={setText}
        placeholder={String(now + 1)}
        about={`There are ${now} now, and a partition can't be taken away again.`}
        isNumber
        isFirst
      />
      <p class="notice notice-warn">
        Records with a key go to a partition by that key: after this, many keys go to another
        partition than before, and their order holds only within each.
      </p>
    </Dialog>
  );
}
