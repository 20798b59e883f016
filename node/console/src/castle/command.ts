// A command as it is chosen and typed, as the API's body, and in words.
import type { Command } from "../api/castle";
import { wholeNumber } from "../components/field";
import { bytes } from "../format";

export type Kind = Command["kind"];
export const KINDS: Kind[] = ["pause", "resume", "throttle", "move", "reinit", "reset", "exit"];

/** What each asks of a client. */
export const ABOUT: Record<Kind, string> = {
  pause: "Neither send nor take anything until it is told to resume.",
  resume: "Go on after a pause.",
  throttle: "Send and take at most so many bytes a second; 0 is as many as it can.",
  move: "Prefer a broker, or the brokers of a rack.",
  reinit: "Read metadata and assignments anew.",
  reset: "Drop what is in hand of a topic, and read from where its group is.",
  exit: "Finish what is in hand, and end.",
};

/** What is to be typed for it. */
export const TYPED: Partial<Record<Kind, { label: string; placeholder: string }>> = {
  throttle: { label: "Bytes a second", placeholder: "1048576" },
  move: { label: "To", placeholder: "node:2 or rack:eu-1" },
  reset: { label: "Topic", placeholder: "flights" },
};

/** The command, or nothing where what was typed is not enough. */
export function commandOf(kind: Kind, text: string): Command | undefined {
  const typed = text.trim();
  switch (kind) {
    case "throttle": {
      const bytes_per_second = wholeNumber(typed, 0);
      return bytes_per_second === undefined ? undefined : { kind, bytes_per_second };
    }
    case "move":
      return /^(node:\d+|rack:.+)$/.test(typed) ? { kind, to: typed } : undefined;
    case "reset":
      return typed === "" ? undefined : { kind, topic: typed };
    default:
      return { kind };
  }
}

export function inWords(command: Command): string {
  switch (command.kind) {
    case "throttle":
      return command.bytes_per_second === 0
        ? "throttle: off"
        : `throttle to ${bytes(command.bytes_per_second)}/s`;
    case "move":
      return `move to ${command.to}`;
    case "reset":
      return `reset ${command.topic}`;
    default:
      return command.kind;
  }
}
