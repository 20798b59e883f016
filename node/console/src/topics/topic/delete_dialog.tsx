// Deleting a topic.
import { useState } from "preact/hooks";
import { deleteTopic } from "../../api/topics";
import { ConfirmByName, isConfirmed } from "../../components/confirm_by_name";
import { Dialog } from "../../components/dialog";
import { useAnnounce } from "../../components/notice";
import { count, plural } from "../../format";
import { go } from "../../router";
import type { TopicDialogProps } from "./actions";
import { figuresOf } from "./figures";

interface Props extends TopicDialogProps {
  onLeaving: (isLeaving: boolean) => void;
}

export function DeleteDialog({ topic, onClose, onLeaving }: Props) {
  const announce = useAnnounce();
  const [typed, setTyped] = useState("");
  const { records, unknown } = figuresOf(topic);
  const remove = async () => {
    onLeaving(true);
    try {
      await deleteTopic(topic.name);
    } catch (error) {
      onLeaving(false);
      throw error;
    }
    announce(`Deleted ${topic.name}.`);
    go({ page: "topics" });
  };
  return (
    <Dialog
      title={`Delete ${topic.name}`}
      action="Delete topic"
      busy="Deleting…"
      failure="The topic was not deleted"
      isDangerous
      isReady={isConfirmed(topic.name, typed)}
      onSubmit={remove}
      onClose={onClose}
    >
      <p>
        The topic, its {plural(topic.partitions.length, "partition")} and{" "}
        {unknown > 0 ? "all" : `its ${count(records)}`} records are deleted on every node, and can't
        be brought back. A topic made later under the same name is another one.
      </p>
      <ConfirmByName topic={topic.name} typed={typed} onInput={setTyped} />
    </Dialog>
  );
}
