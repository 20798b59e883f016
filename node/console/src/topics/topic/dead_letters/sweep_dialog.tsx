// Redriving or purging what a group gave up: first a count of what is meant, then the deed, slice by
// slice, with how far it is. It can be stopped after each slice, and go on.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { DeadFilter } from "../../../api/dead_letters";
import { ConfirmByName, isConfirmed } from "../../../components/confirm_by_name";
import { Modal } from "../../../components/modal";
import { useAnnounce } from "../../../components/notice";
import { ProblemNotice } from "../../../components/problem_notice";
import { count, plural } from "../../../format";
import { type FilterForm, filterOf, inWords, objectionsOf } from "./filter";
import { FilterFields } from "./filter_fields";
import type { Slice } from "./sweep";
import { SweepProgress } from "./sweep_progress";
import { useSweep } from "./use_sweep";

export interface SweepWords {
  title: string;
  /** `Redrive`, `Redriven`, `redriven`. */
  verb: string;
  Done: string;
  done: string;
}

interface Props {
  words: SweepWords;
  group: string;
  filter: FilterForm;
  /** The topic whose name is to be typed before anything is done. */
  confirm?: string;
  isDangerous: boolean;
  /** Whether what else there is to choose is complete. */
  isReady?: boolean;
  ask: (filter: DeadFilter, isDryRun: boolean, cursor: string | undefined) => Promise<Slice>;
  onChanged: () => Promise<void>;
  onClose: () => void;
  children?: (isLocked: boolean) => ComponentChildren;
}

export function SweepDialog(props: Props) {
  const { words, confirm } = props;
  const announce = useAnnounce();
  const [form, setForm] = useState(props.filter);
  const [typed, setTyped] = useState("");
  const counting = useSweep();
  const doing = useSweep();
  const filter = filterOf(form);
  const isFilter = Object.keys(objectionsOf(form)).length === 0;
  const isRunning = counting.isRunning || doing.isRunning;
  const isLocked = isRunning || doing.hasBegun;
  const found = counting.tally.isComplete ? counting.tally.matched : undefined;
  const isSure = confirm === undefined || isConfirmed(confirm, typed);
  const canAct = Boolean(found) && isSure && props.isReady !== false && !isRunning;

  const edit = (next: FilterForm) => {
    setForm(next);
    counting.reset();
  };
  const look = () => {
    if (isRunning || !isFilter || doing.hasBegun) return;
    void counting.begin((cursor) => props.ask(filter, true, cursor));
  };
  const act = async () => {
    if (!canAct) return;
    const tally = await doing.goOn((cursor) => props.ask(filter, false, cursor));
    await props.onChanged();
    if (!tally?.isComplete) return;
    const others = tally.already > 0 ? ` ${count(tally.already)} were gone already.` : "";
    announce(`${words.Done} ${plural(tally.done, "record")} of ${props.group}.${others}`);
    props.onClose();
  };
  const cancel = () => {
    if (!isRunning) return props.onClose();
    counting.stop();
    doing.stop();
  };
  // Enter counts; what it does after that, was confirmed by name.
  const isCounted = found !== undefined;
  const isActByEnter = isCounted && confirm !== undefined;
  const submit = () => (isCounted ? void act() : look());

  return (
    <Modal
      title={`${words.title} of ${props.group}`}
      isBusy={isRunning}
      onSubmit={submit}
      onCancel={cancel}
      actions={
        <>
          <button type="button" onClick={cancel} disabled={counting.isStopping || doing.isStopping}>
            {isRunning ? "Stop" : doing.hasBegun ? "Close" : "Cancel"}
          </button>
          <button
            type={isCounted ? "button" : "submit"}
            class={isCounted ? undefined : "primary"}
            onClick={isCounted ? look : undefined}
            disabled={isLocked || !isFilter}
          >
            {counting.isRunning ? "Counting…" : "Count"}
          </button>
          <button
            type={isActByEnter ? "submit" : "button"}
            class={props.isDangerous ? "danger" : "primary"}
            onClick={isActByEnter ? undefined : () => void act()}
            disabled={!canAct}
          >
            {actionOf(words, found, doing)}
          </button>
        </>
      }
    >
      {!doing.hasBegun && <FilterFields form={form} onForm={edit} isLocked={isLocked} />}
      {doing.hasBegun && <p>{inWords(filter) || "Everything that the group gave up."}</p>}
      {props.children?.(isLocked)}
      <div role="status">
        {counting.hasBegun && !doing.hasBegun && (
          <SweepProgress tally={counting.tally} isRunning={counting.isRunning} words={words} />
        )}
        {doing.hasBegun && (
          <SweepProgress tally={doing.tally} isRunning={doing.isRunning} words={words} of={found} />
        )}
      </div>
      {confirm !== undefined && Boolean(found) && !doing.hasBegun && (
        <ConfirmByName topic={confirm} typed={typed} onInput={setTyped} />
      )}
      {counting.problem && (
        <ProblemNotice problem={counting.problem} heading="They could not be counted" />
      )}
      {doing.problem && (
        <ProblemNotice problem={doing.problem} heading="It stopped before its end" />
      )}
    </Modal>
  );
}

function actionOf(
  words: SweepWords,
  found: number | undefined,
  doing: { isRunning: boolean; hasBegun: boolean },
): string {
  if (doing.isRunning) return "Under way…";
  if (doing.hasBegun) return "Go on";
  return found === undefined ? words.verb : `${words.verb} ${plural(found, "record")}`;
}
