// What the groups of the topic gave up: how much, the records themselves, and what is done with them.
import { useState } from "preact/hooks";
import type { DeadLetterDescription } from "../../../api/dead_letters";
import { Backlogs, type Deed } from "./backlogs";
import { Browser } from "./browser";
import { EVERYTHING, type FilterForm } from "./filter";
import { PurgeDialog } from "./purge_dialog";
import { RedriveDialog } from "./redrive_dialog";

/** The server names so many groups at most. */
const GROUPS_MAX = 100;

interface Props {
  topic: string;
  described: DeadLetterDescription;
  onChanged: () => Promise<void>;
}

interface Open {
  deed: Deed;
  group: string;
  deadTopic: string;
  filter: FilterForm;
}

export function DeadRecords({ topic, described, onChanged }: Props) {
  const [browsed, setBrowsed] = useState<string>();
  const [open, setOpen] = useState<Open>();
  const [changes, setChanges] = useState(0);
  const backlogs = Object.entries(described.backlogs ?? {});
  const isBrowsing = browsed !== undefined;

  const begin = (deed: Deed, group: string, filter: FilterForm) => {
    const deadTopic = described.backlogs?.[group]?.topic ?? `${topic}.${group}.dlq`;
    setOpen({ deed, group, deadTopic, filter });
  };
  const changed = async () => {
    setChanges((before) => before + 1);
    await onChanged();
  };
  const close = () => setOpen(undefined);
  const common = open && { topic, ...open, onChanged: changed, onClose: close };

  return (
    <>
      {backlogs.length === 0 && !isBrowsing && (
        <p class="about">No record of this topic waits to be delivered again, and none is dead.</p>
      )}
      {backlogs.length > 0 && (
        <Backlogs
          backlogs={backlogs}
          browsed={browsed}
          onBrowse={setBrowsed}
          onDeed={(deed, group) => begin(deed, group, EVERYTHING)}
        />
      )}
      {backlogs.length >= GROUPS_MAX && (
        <p class="muted">Groups beyond the first {GROUPS_MAX} are not shown.</p>
      )}
      {isBrowsing && (
        <Browser
          key={browsed}
          topic={topic}
          group={browsed}
          changes={changes}
          onDeed={(deed, filter) => begin(deed, browsed, filter)}
        />
      )}
      {common && open.deed === "redrive" && <RedriveDialog {...common} />}
      {common && open.deed === "purge" && <PurgeDialog {...common} />}
    </>
  );
}
