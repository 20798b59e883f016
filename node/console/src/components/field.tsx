// A labelled input with an explanation and, where there is one, the server's objection to its value.
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  onInput: (value: string) => void;
  about?: string;
  placeholder?: string;
  problem?: string | undefined;
  isNumber?: boolean;
  isFirst?: boolean;
  isMono?: boolean;
  isLocked?: boolean;
}

export function Field(props: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const about = `${id}-about`;
  const problem = `${id}-problem`;

  useEffect(() => {
    if (props.isFirst || props.problem) input.current?.focus();
  }, [props.isFirst, props.problem]);

  const described = [props.about && about, props.problem && problem].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={input}
        value={props.value}
        placeholder={props.placeholder}
        inputMode={props.isNumber ? "numeric" : "text"}
        disabled={props.isLocked}
        class={props.isNumber || props.isMono ? "mono" : undefined}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={props.problem ? true : undefined}
        aria-describedby={described || undefined}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {props.problem && (
        <p id={problem} class="field-problem" role="alert">
          {props.problem}
        </p>
      )}
      {props.about && (
        <p id={about} class="about">
          {props.about}
        </p>
      )}
    </div>
  );
}

/** A whole number of at least `least`, or nothing if the text is none. */
export function wholeNumber(text: string, least: number): number | undefined {
  const trimmed = text.trim();
  if (!/^\d{1,15}$/.test(trimmed)) return undefined;
  const number = Number(trimmed);
  return number >= least ? number : undefined;
}
