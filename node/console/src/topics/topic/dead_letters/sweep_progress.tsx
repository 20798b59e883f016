// How far a count, a redrive or a purge is.
import { count, plural } from "../../../format";
import type { Tally } from "./sweep";
import type { SweepWords } from "./sweep_dialog";

interface Props {
  tally: Tally;
  isRunning: boolean;
  words: SweepWords;
  /** What was counted before; nothing while it is being counted. */
  of?: number | undefined;
}

export function SweepProgress({ tally, isRunning, words, of }: Props) {
  return (
    <div class="progress">
      {isRunning && <Bar tally={tally} of={of} />}
      <p>{of === undefined ? counted(tally) : done(tally, words, of)}</p>
      {tally.waitsBecause && (
        <p class="about">
          No room for more now: {tally.waitsBecause}.
          {isRunning && " What is left is tried again until it has room."}
        </p>
      )}
      {of !== undefined && !isRunning && !tally.isComplete && (
        <p class="about">It has not gone through all of them: it can go on from there.</p>
      )}
    </div>
  );
}

function Bar({ tally, of }: { tally: Tally; of: number | undefined }) {
  if (of === undefined) return <progress aria-label="Counting" />;
  const through = Math.min(of, tally.done + tally.already);
  return <progress aria-label="Done so far" max={Math.max(1, of)} value={through} />;
}

function counted(tally: Tally): string {
  if (!tally.isComplete) {
    return `${plural(tally.matched, "record")} so far, of ${count(tally.scanned)} looked at`;
  }
  if (tally.matched === 0) return "No record is meant by this.";
  return `${plural(tally.matched, "record")} ${tally.matched === 1 ? "is" : "are"} meant by this.`;
}

function done(tally: Tally, words: SweepWords, of: number): string {
  const already = tally.already > 0 ? `, ${count(tally.already)} were gone already` : "";
  return `${count(tally.done)} of ${plural(of, "record")} ${words.done}${already}`;
}
