// Changing how many copies there are of each partition.
import { useState } from "preact/hooks";
import { alterTopic } from "../../api/topics";
import { useClusterView } from "../../cluster";
import { Dialog } from "../../components/dialog";
import { Field, wholeNumber } from "../../components/field";
import { useAnnounce } from "../../components/notice";
import { plural } from "../../format";
import type { TopicDialogProps } from "./actions";

export function ReplicasDialog({ topic, onChanged, onClose }: TopicDialogProps) {
  const announce = useAnnounce();
  const nodes = useClusterView()?.status.nodes.length;
  const [text, setText] = useState(String(topic.replication_factor));
  const wanted = wholeNumber(text, 1);
  const change = async () => {
    if (wanted === undefined) return;
    await alterTopic(topic.name, { replication_factor: wanted });
    await onChanged();
    announce(`${topic.name} is on its way to ${plural(wanted, "replica")} of each partition.`);
    onClose();
  };
  return (
    <Dialog
      title={`Change the replicas of ${topic.name}`}
      action="Change"
      busy="Changing…"
      failure="The number of replicas was not changed"
      isReady={wanted !== undefined && wanted !== topic.replication_factor}
      onSubmit={change}
      onClose={onClose}
    >
      <Field
        label="Replicas of each partition"
        value={text}
        onInput={setText}
        about={
          nodes === undefined
            ? "At most one on each node."
            : `At most one on each node; the cluster has ${plural(nodes, "node")}.`
        }
        isNumber
        isFirst
      />
      <p class="about">
        New replicas are copied in the background; this page shows what is still moving.
      </p>
      {wanted !== undefined && wanted < Math.min(3, topic.replication_factor) && (
        <p class="notice notice-warn">
          {wanted === 1
            ? "With one replica, records are lost for good with the disk they are on."
            : "With two replicas, no write is taken while one of their nodes is down."}
        </p>
      )}
    </Dialog>
  );
}
