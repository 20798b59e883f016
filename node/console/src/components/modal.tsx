// A modal window with a form: the browser's own, which keeps the focus inside and gives it back.
// Escape is its user's to answer.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  title: string;
  isBusy: boolean;
  onSubmit: () => void;
  onCancel: () => void;
  actions: ComponentChildren;
  children: ComponentChildren;
}

export function Modal(props: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const instead = (act: () => void) => (event: Event) => {
    event.preventDefault();
    act();
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      aria-busy={props.isBusy}
      onCancel={instead(props.onCancel)}
    >
      <form onSubmit={instead(props.onSubmit)} noValidate>
        <h2 id={title}>{props.title}</h2>
        <div class="dialog-body">{props.children}</div>
        <div class="dialog-actions">{props.actions}</div>
      </form>
    </dialog>
  );
}
