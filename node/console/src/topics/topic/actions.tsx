// What can be done to a whole topic, each in a dialog of its own.
import { useState } from "preact/hooks";
import type { TopicDescription } from "../../api/topics";
import { DeleteDialog } from "./delete_dialog";
import { PartitionsDialog } from "./partitions_dialog";
import { ReplicasDialog } from "./replicas_dialog";
import { TruncateDialog } from "./truncate_dialog";

interface Props {
  topic: TopicDescription;
  onChanged: () => Promise<void>;
  /** The topic is being deleted: that it is gone is no news. */
  onLeaving: (isLeaving: boolean) => void;
}

type Open = "partitions" | "replicas" | "truncate" | "delete";

export function Actions({ topic, onChanged, onLeaving }: Props) {
  const [open, setOpen] = useState<Open>();
  const common = { topic, onChanged, onClose: () => setOpen(undefined) };
  return (
    <div class="actions">
      <button type="button" onClick={() => setOpen("partitions")}>
        Add partitions
      </button>
      <button type="button" onClick={() => setOpen("replicas")}>
        Change replicas
      </button>
      <button type="button" onClick={() => setOpen("truncate")}>
        Truncate…
      </button>
      <button type="button" class="danger-text" onClick={() => setOpen("delete")}>
        Delete…
      </button>
      {open === "partitions" && <PartitionsDialog {...common} />}
      {open === "replicas" && <ReplicasDialog {...common} />}
      {open === "truncate" && <TruncateDialog {...common} />}
      {open === "delete" && <DeleteDialog {...common} onLeaving={onLeaving} />}
    </div>
  );
}

/** What every one of the dialogs gets. */
export interface TopicDialogProps {
  topic: TopicDescription;
  onChanged: () => Promise<void>;
  onClose: () => void;
}
