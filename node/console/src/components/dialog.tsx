// A modal dialog with one thing to do. Its form is sent once at a time; while it is under way the
// dialog stays, otherwise it closes on Escape.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { detailsOf, type ProblemDetails } from "../api/problem";
import { Modal } from "./modal";
import { ProblemNotice } from "./problem_notice";

interface Props {
  title: string;
  /** What the button does, as a verb: `Create`. */
  action: string;
  /** The same while it is under way: `Creating…`. */
  busy: string;
  isDangerous?: boolean;
  isReady?: boolean;
  /** Done once it resolves; what it throws is shown, unless `takes` says a field shows it. */
  onSubmit: () => Promise<void>;
  onClose: () => void;
  failure: string;
  takes?: (problem: ProblemDetails) => boolean;
  children: ComponentChildren;
}

export function Dialog(props: Props) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemDetails>();

  const submit = async () => {
    if (isBusy || props.isReady === false) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await props.onSubmit();
    } catch (error) {
      const details = detailsOf(error);
      if (!props.takes?.(details)) setProblem(details);
    } finally {
      setBusy(false);
    }
  };

  const cancel = () => {
    if (!isBusy) props.onClose();
  };

  return (
    <Modal
      title={props.title}
      isBusy={isBusy}
      onSubmit={() => void submit()}
      onCancel={cancel}
      actions={
        <>
          <button type="button" onClick={cancel} disabled={isBusy}>
            Cancel
          </button>
          <button
            type="submit"
            class={props.isDangerous ? "danger" : "primary"}
            disabled={isBusy || props.isReady === false}
          >
            {isBusy ? props.busy : props.action}
          </button>
        </>
      }
    >
      {props.children}
      {problem && <ProblemNotice problem={problem} heading={props.failure} />}
    </Modal>
  );
}
