// What destroys records is done only once the topic's name has been typed.
import { Field } from "./field";

interface Props {
  topic: string;
  typed: string;
  onInput: (typed: string) => void;
}

export function ConfirmByName({ topic, typed, onInput }: Props) {
  return (
    <Field
      label={`Type ${topic} to confirm`}
      value={typed}
      onInput={onInput}
      placeholder={topic}
      isMono
    />
  );
}

export function isConfirmed(topic: string, typed: string): boolean {
  return typed.trim() === topic;
}
