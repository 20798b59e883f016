// Dead records are given up for good, once the name of their topic was typed.
import { purge } from "../../../api/dead_letters";
import type { SweepProps } from "./redrive_dialog";
import { SweepDialog, type SweepWords } from "./sweep_dialog";

const WORDS: SweepWords = {
  title: "Purge dead records",
  verb: "Purge",
  Done: "Purged",
  done: "purged",
};

export function PurgeDialog({ topic, deadTopic, ...props }: SweepProps) {
  const ask: Parameters<typeof SweepDialog>[0]["ask"] = async (filter, isDryRun, cursor) => {
    const answer = await purge(topic, {
      group: props.group,
      ...filter,
      ...(cursor === undefined ? {} : { cursor }),
      dry_run: isDryRun,
    });
    const { scanned, matched, purged, next_cursor } = answer;
    const next = next_cursor ?? undefined;
    return { scanned, matched, done: purged, already: 0, left: 0, because: undefined, next };
  };
  return (
    <SweepDialog {...props} words={WORDS} confirm={deadTopic} isDangerous ask={ask}>
      {() => <p>Purged records can't be brought back, neither to the group nor elsewhere.</p>}
    </SweepDialog>
  );
}
