// A modal dialog: the browser's own, which keeps the focus inside, closes on Escape, and gives the
// focus back. Its form is sent once at a time; while it is under way the dialog stays.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { detailsOf, type ProblemDetails } from "../api/problem";
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
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemDetails>();

  useEffect(() => dialog.current?.showModal(), []);

  const submit = async (event: Event) => {
    event.preventDefault();
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

  const cancel = (event: Event) => {
    event.preventDefault();
    if (!isBusy) props.onClose();
  };

  return (
    <dialog ref={dialog} aria-labelledby={title} aria-busy={isBusy} onCancel={cancel}>
      <form onSubmit={submit} noValidate>
        <h2 id={title}>{props.title}</h2>
        <div class="dialog-body">
          {props.children}
          {problem && <ProblemNotice problem={problem} heading={props.failure} />}
        </div>
        <div class="dialog-actions">
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
        </div>
      </form>
    </dialog>
  );
}
